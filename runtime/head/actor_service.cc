#include "runtime/head/actor_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/scheduling/match.h"

namespace ioc {

ActorService::ActorService(Env& env, NodeTable& nodes, NameTable& names, Placer& placer)
    : env_(env), nodes_(nodes), names_(names), placer_(placer), keeper_(names, *this) {
  placer_.set_owner(this);
}

ActorService::~ActorService() {
  placer_.set_owner(nullptr);
  env_.executor().CancelTimer(timer_);
}

void ActorService::Stop() { stopped_ = true; }

absl::Status ActorService::OnMessage(Channel& channel, NodeId node, const FrameView& frame) {
  const FrameHeader& header = frame.header;
  switch (static_cast<Method>(header.method)) {
    case Method::kCreateDetachedActor:
      return Take<CreateDetachedActor>(frame, [&](const CreateDetachedActor& m) {
        const absl::Status status = keeper_.Create(m.actor);
        status.ok() ? channel.Reply(header, CreateDetachedActor::Reply{}) : channel.Fail(header, status);
      });
    case Method::kLocateActor:
      return Take<LocateActor>(frame, [&](const LocateActor& m) { HandleLocate(channel, header, m.actor); });
    case Method::kKillDetachedActor:
      return Take<KillDetachedActor>(frame, [&](const KillDetachedActor& m) {
        const absl::Status status = keeper_.Kill(m.actor, m.no_restart);
        status.ok() ? channel.Reply(header, KillDetachedActor::Reply{}) : channel.Fail(header, status);
      });
    case Method::kReportActor:
      if (!node) break;
      return Take<ReportActor>(frame, [&](const ReportActor& m) {
        channel.Reply(header, ReportActor::Reply{.unwanted = !stopped_ && keeper_.Report(node, m)});
        Arm();
      });
    default:
      break;
  }
  return MakeError(Cause::kInvalidArgument, absl::StrCat(channel.description(), " may not send a head ",
                                                         MethodName(static_cast<Method>(header.method))));
}

ListActors::Reply ActorService::List(const ListActors& request) const {
  ListActors::Reply list = names_.List(request);
  for (ActorStatus& actor : list.actors) {
    if (actor.detached) keeper_.Describe(actor);
  }
  return list;
}

void ActorService::HandleLocate(Channel& channel, const FrameHeader& request, ObjectId actor) {
  const absl::Duration asked =
      request.timeout_ms == 0 ? kLocateTimeout : std::min(absl::Milliseconds(request.timeout_ms), kLocateTimeout);
  const absl::Duration timeout = std::max(asked - kLocateMargin, asked / 2);
  const uint64_t asker = ++last_asker_;
  askers_[asker] = {
      .channel = &channel, .request = request, .actor = actor, .deadline = env_.executor().Now() + timeout};
  keeper_.Locate(actor, asker);
  Arm();
}

void ActorService::Answer(uint64_t asker, const absl::StatusOr<LocateActor::Reply>& answer) {
  const auto found = askers_.find(asker);
  if (found == askers_.end()) return;
  const Asker asked = found->second;
  askers_.erase(found);
  answer.ok() ? asked.channel->Reply(asked.request, *answer) : asked.channel->Fail(asked.request, answer.status());
}

void ActorService::ChannelGone(Channel& channel) {
  for (auto it = askers_.begin(); it != askers_.end();) {
    const auto current = it++;
    if (current->second.channel != &channel) continue;
    keeper_.StopAsking(current->second.actor, current->first);
    askers_.erase(current);
  }
}

void ActorService::NodeGone(NodeId node, bool may_return, const std::string& why) {
  if (stopped_) return;
  keeper_.NodeGone(node, may_return, why, env_.executor().Now());
  Arm();
}

void ActorService::Place(uint32_t number, const SchedulingClass& spec) {
  placer_.SetDemand(NodeId(), {.client = kHeadProcess, .class_id = number, .spec = spec, .wanted = 1});
}

void ActorService::Withdraw(uint32_t number) {
  placer_.SetDemand(NodeId(), {.client = kHeadProcess, .class_id = number, .wanted = 0});
}

void ActorService::OnPlaced(uint32_t number, const NodeRecord& node, const PlaceLease::Reply& grant) {
  if (stopped_) return;
  keeper_.Placed(
      number,
      {.node = node.info.address.node, .node_name = node.info.name, .lease = grant.lease, .worker = grant.worker});
}

void ActorService::OnUnplaceable(uint32_t number, const absl::Status& error) {
  if (stopped_) return;
  keeper_.Unplaceable(number, error, env_.executor().Now());
  Arm();
}

void ActorService::OnNotPlaced(uint32_t number, const std::string& reason) {
  env_.Log(LogLevel::kWarning, absl::StrCat(keeper_.Describe(number), " can't be placed now: ", reason));
}

void ActorService::Host(NodeId node, const HostActor& request) {
  NodeRecord* host = nodes_.Find(node);
  host->channel->Call(
      request, kPlaceTimeout,
      [this, actor = request.actor, incarnation = request.incarnation](const absl::StatusOr<HostActor::Reply>& reply) {
        if (!stopped_ && !reply.ok()) keeper_.HostRefused(actor, incarnation, reply.status());
      });
}

void ActorService::End(NodeId node, const EndActor& end) {
  // A node that is cut off hears it when it comes back.
  NodeRecord* host = nodes_.Find(node);
  if (host != nullptr && host->alive()) host->channel->Notify(end);
}

const NodeAddress* ActorService::AddressOf(NodeId node) {
  const NodeRecord* record = nodes_.Find(node);
  return record != nullptr && record->alive() ? &record->info.address : nullptr;
}

NodeId ActorService::AnotherNode(const SchedulingClass& spec, const std::set<NodeId>& but) {
  for (const auto& [id, node] : nodes_.nodes()) {
    if (node.alive() && !but.contains(id) && Matches(spec.where, node.info) && node.info.total.Covers(spec.resources)) {
      return id;
    }
  }
  return {};
}

void ActorService::Fetch(NodeId node, const FetchProgram& fetch) {
  nodes_.Find(node)->channel->Call(fetch, kFetchTimeout,
                                   [this, node, job = fetch.job](const absl::StatusOr<FetchProgram::Reply>& reply) {
                                     if (!stopped_) keeper_.Fetched(node, job, reply.ok());
                                   });
}

void ActorService::Log(const std::string& line) { env_.Log(LogLevel::kInfo, line); }

void ActorService::Arm() {
  absl::Time next = keeper_.NextTick();
  for (const auto& [number, asker] : askers_) next = std::min(next, asker.deadline);
  if (next >= timer_at_ || stopped_) return;
  env_.executor().CancelTimer(timer_);
  timer_at_ = next;
  timer_ = env_.executor().Schedule(next - env_.executor().Now(), [this] { Tick(); });
}

void ActorService::Tick() {
  timer_ = 0;
  timer_at_ = absl::InfiniteFuture();
  if (stopped_) return;
  const absl::Time now = env_.executor().Now();
  keeper_.Tick(now);
  for (auto it = askers_.begin(); it != askers_.end();) {
    const auto [number, asker] = *it++;
    if (asker.deadline > now) continue;
    keeper_.StopAsking(asker.actor, number);
    Answer(number, MakeError(Cause::kDeadline, absl::StrCat("actor ", asker.actor.ToString(), " is not up yet")));
  }
  Arm();
}

}  // namespace ioc

#include "runtime/head/head.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/version.h"
#include "lib/base/status.h"
#include "lib/rpc/channel.h"
#include "runtime/head/actor_service.h"
#include "runtime/head/listen_address.h"
#include "runtime/head/name_table.h"
#include "runtime/head/node_table.h"
#include "runtime/head/outlooks.h"
#include "runtime/head/placer.h"
#include "runtime/head/process_table.h"

namespace ioc {
namespace {

// Connections at a time, nodes' and others'; more are closed at once.
constexpr size_t kMaxSessions = 1 << 16;
// How long the nodes may take to answer Stop before the head ends without them.
constexpr absl::Duration kStopGrace = absl::Seconds(2);
// A node gives its processes two seconds of it.
constexpr absl::Duration kCensusTimeout = absl::Seconds(4);
// Of the head in memory there is only ever one.
constexpr uint64_t kTerm = 1;

absl::Status NotAllowed(const Channel& channel, const char* what) {
  return MakeError(Cause::kInvalidArgument, absl::StrCat(channel.description(), " sent ", what,
                                                         ", which only a registered node may send to a head"));
}

}  // namespace

// Sessions (one a connection) and the dispatch of messages; the rest is in the tables and the placer.
class Head::Impl final : private ChannelDelegate {
 public:
  Impl(Env& env, const HeadOptions& options, absl::AnyInvocable<void()> on_stop_requested)
      : env_(env),
        cluster_(options.cluster ? options.cluster : ClusterId(std::max<uint64_t>(env.Random(), 1))),
        node_timeout_(options.node_timeout),
        started_(env.executor().Now()),
        on_stop_requested_(std::move(on_stop_requested)),
        outlooks_(nodes_),
        placer_(env, nodes_, outlooks_, kTerm),
        actors_(env, nodes_, names_, placer_) {
    ScheduleSilenceCheck();
  }

  ~Impl() {
    placer_.Stop();
    actors_.Stop();
    is_ending_ = true;
    env_.executor().CancelTimer(silence_timer_);
    env_.executor().CancelTimer(stop_timer_);
    // Peers see them close in the order in which they came, not in that of their addresses.
    std::map<uint64_t, std::unique_ptr<Channel>> channels;
    for (auto& [key, session] : sessions_) channels[session.id] = std::move(session.channel);
    const absl::Status why =
        MakeError(Cause::kDisconnected, is_stopping_ ? "the cluster was stopped" : "the head was stopped");
    for (auto& [id, channel] : channels) channel->Close(why);
    while (!channels.empty()) channels.erase(channels.begin());
  }

  absl::Status Listen(const std::string& address, bool insecure) {
    IOC_RETURN_IF_ERROR(CheckListenAddress("head", address, insecure));
    IOC_ASSIGN_OR_RETURN(listener_, env_.network().Listen(address, [this](std::unique_ptr<Connection> connection,
                                                                          const Preamble& preamble) {
      if (preamble.target == Target::kHead) Accept(std::move(connection));
    }));
    return absl::OkStatus();
  }

  void Accept(std::unique_ptr<Connection> connection) {
    if (sessions_.size() >= kMaxSessions) {
      env_.Log(LogLevel::kWarning,
               absl::StrCat("refused ", connection->peer().description, ": ", kMaxSessions, " connections are open"));
      return;
    }
    Hello self{.major = kProtocolMajor,
               .minor = kProtocolMinor,
               .cluster = cluster_,
               .role = Role::kHead,
               .name = absl::StrCat("head on ", env_.host().hostname, " (pid ", env_.host().pid, ")"),
               .release = IOCLUSTER_VERSION};
    ChannelDelegate& delegate = *this;
    auto channel =
        std::make_unique<Channel>(env_, std::move(connection), Channel::Side::kAcceptor, std::move(self), delegate);
    Channel* key = channel.get();
    sessions_[key] = Session{.id = ++last_session_, .channel = std::move(channel)};
  }

  ClusterId cluster() const { return cluster_; }
  const std::string& address() const { return listener_ == nullptr ? no_address_ : listener_->address(); }

 private:
  struct Session {
    uint64_t id = 0;
    std::unique_ptr<Channel> channel;
    NodeId node;  // once it has registered
  };

  enum class Departure { kLeft, kLost };  // of its own accord, or by an accident

  struct StopRequest {
    uint64_t session = 0;
    FrameHeader header;
  };

  // An answer to ListObjects that is being gathered.
  struct Listing {
    uint64_t session = 0;
    FrameHeader header;
    ListObjects::Reply reply;
    size_t awaited = 1;  // one for the question itself
  };

  void OnReady(Channel&, const Hello&) override {}

  void OnClosed(Channel& channel, const absl::Status& why) override {
    const auto it = sessions_.find(&channel);
    if (is_ending_ || it == sessions_.end()) return;
    if (NodeRecord* node = NodeOf(channel)) {
      const bool left = channel.peer_said_goodbye() && CauseOf(why) == Cause::kDisconnected;
      LoseNode(*node, left ? Departure::kLeft : Departure::kLost, std::string(why.message()));
    }
    EndSession(channel);
  }

  absl::Status OnMessage(Channel& channel, FrameView frame) override {
    NodeRecord* node = NodeOf(channel);
    if (node != nullptr) node->last_heard = env_.executor().Now();
    switch (static_cast<Method>(frame.header.method)) {
      case Method::kRegisterNode:
      case Method::kReportResources:
      case Method::kForwardDemand:
      case Method::kProcessGone:
      case Method::kProcessesHere:
        return OnNodeMessage(channel, node, frame);
      case Method::kRegisterActorName:
      case Method::kFindActorName:
      case Method::kReleaseActorName:
      case Method::kNoteActor:
      case Method::kListActors:
        return OnNameMessage(channel, frame);
      case Method::kCreateDetachedActor:
      case Method::kLocateActor:
      case Method::kKillDetachedActor:
      case Method::kReportActor:
        return actors_.OnMessage(channel, node == nullptr ? NodeId() : node->info.address.node, frame);
      default:
        return OnQuery(channel, frame);
    }
  }

  absl::Status OnNodeMessage(Channel& channel, NodeRecord* node, const FrameView& frame) {
    const auto method = static_cast<Method>(frame.header.method);
    if (method == Method::kRegisterNode) {
      if (channel.peer().role != Role::kNode) return NotAllowed(channel, "RegisterNode");
      return Take<RegisterNode>(frame, [&](const RegisterNode& m) { HandleRegister(channel, frame.header, m); });
    }
    if (node == nullptr) return NotAllowed(channel, "a node's message");
    switch (method) {
      case Method::kReportResources:
        return Take<ReportResources>(frame, [&](const ReportResources& m) {
          nodes_.Report(*node, m);
          placer_.Wake();
        });
      case Method::kForwardDemand:
        return Take<ForwardDemand>(frame,
                                   [&](const ForwardDemand& m) { placer_.SetDemand(node->info.address.node, m); });
      case Method::kProcessesHere:
        return Take<ProcessesHere>(frame, [&](const ProcessesHere& m) {
          const NodeId id = node->info.address.node;
          for (const ProcessId gone : processes_.Add(id, m)) TellProcessGone(id, gone);
        });
      default:
        return Take<ProcessGone>(frame, [&](const ProcessGone& m) {
          processes_.Remove(node->info.address.node, m.process);
          TellProcessGone(node->info.address.node, m.process);
        });
    }
  }

  // All that it wanted and owned ends, here and at the other nodes.
  void TellProcessGone(NodeId node, ProcessId process) {
    placer_.DropProcess(node, process);
    names_.DropProcess(node, process);
    for (const auto& [id, other] : nodes_.nodes()) {
      if (other.alive() && id != node) other.channel->Notify(ProcessGone{.process = process});
    }
  }

  void TellNodeEnded(NodeId node, const std::string& why) {
    for (const ProcessId process : processes_.NodeLeft(node)) TellProcessGone(node, process);
    names_.DropNode(node);
    for (const auto& [id, other] : nodes_.nodes()) {
      if (other.alive() && id != node) other.channel->Notify(NodeRemoved{.node = node, .reason = why});
    }
  }

  absl::Status OnNameMessage(Channel& channel, const FrameView& frame) {
    switch (static_cast<Method>(frame.header.method)) {
      case Method::kRegisterActorName:
        return Take<RegisterActorName>(frame, [&](const RegisterActorName& m) {
          const absl::Status status = names_.Register(m);
          status.ok() ? channel.Reply(frame.header, RegisterActorName::Reply{}) : channel.Fail(frame.header, status);
        });
      case Method::kFindActorName:
        return Take<FindActorName>(frame, [&](const FindActorName& m) {
          const absl::StatusOr<FindActorName::Reply> found = names_.Find(m);
          found.ok() ? channel.Reply(frame.header, *found) : channel.Fail(frame.header, found.status());
        });
      case Method::kNoteActor:
        return Take<NoteActor>(frame, [&](const NoteActor& m) { names_.Note(m); });
      case Method::kListActors:
        return Take<ListActors>(frame, [&](const ListActors& m) { channel.Reply(frame.header, actors_.List(m)); });
      default:
        return Take<ReleaseActorName>(frame, [&](const ReleaseActorName& m) { names_.Release(m); });
    }
  }

  absl::Status OnQuery(Channel& channel, const FrameView& frame) {
    const FrameHeader& header = frame.header;
    switch (static_cast<Method>(header.method)) {
      case Method::kPing:
        return Take<Ping>(frame, [&](const Ping&) { channel.Reply(header, Ping::Reply{}); });
      case Method::kListNodes:
        return Take<ListNodes>(frame, [&](const ListNodes&) {
          channel.Reply(header, ListNodes::Reply{.nodes = nodes_.List(env_.executor().Now())});
        });
      case Method::kGetStatus:
        return Take<GetStatus>(frame, [&](const GetStatus&) { channel.Reply(header, Status()); });
      case Method::kListObjects:
        return Take<ListObjects>(frame, [&](const ListObjects&) { HandleListObjects(channel, header); });
      case Method::kFindLocalNode:
        return Take<FindLocalNode>(frame, [&](const FindLocalNode& m) { HandleFindLocalNode(channel, header, m); });
      case Method::kStop:
        return Take<Stop>(frame, [&](const Stop&) { HandleStop(channel, header); });
      default:
        return MakeError(Cause::kInvalidArgument, absl::StrCat("a head knows no method ", header.method));
    }
  }

  void HandleRegister(Channel& channel, const FrameHeader& header, const RegisterNode& request) {
    const NodeId id = request.info.address.node;
    Session& session = sessions_.at(&channel);
    if (session.node && session.node != id) {
      return channel.Fail(header, MakeError(Cause::kInvalidArgument, "this connection has registered another node"));
    }
    if (const absl::Status status = nodes_.Check(request); !status.ok()) {
      env_.Log(LogLevel::kWarning, absl::StrCat("refused a node: ", std::string(status.message())));
      return channel.Fail(header, status);
    }
    ReplaceConnection(id, channel);
    nodes_.Register(request, channel, env_.executor().Now());
    session.node = id;
    channel.Reply(header, RegisterNode::Reply{
                              .cluster = cluster_, .term = kTerm, .nodes = static_cast<uint32_t>(nodes_.alive())});
    env_.Log(LogLevel::kInfo,
             absl::StrCat("node ", request.info.name, " registered (", request.info.total.ToString(), ")"));
    outlooks_.NodesChanged();
    placer_.Wake();
  }

  void HandleFindLocalNode(Channel& channel, const FrameHeader& header, const FindLocalNode& request) {
    const NodeRecord* node = nodes_.FindOnMachine(request.machine);
    if (node == nullptr) {
      return channel.Fail(header, absl::NotFoundError(absl::StrCat("none of the cluster's ", nodes_.alive(),
                                                                   " nodes runs on this machine")));
    }
    channel.Reply(header, FindLocalNode::Reply{.cluster = cluster_, .node = node->info.address});
  }

  GetStatus::Reply Status() const {
    GetStatus::Reply status{.cluster = cluster_,
                            .release = IOCLUSTER_VERSION,
                            .address = address(),
                            .uptime_ms = absl::ToInt64Milliseconds(env_.executor().Now() - started_),
                            .nodes = static_cast<uint32_t>(nodes_.alive()),
                            .actors = static_cast<uint32_t>(names_.size()),
                            .waiting = static_cast<uint32_t>(std::min<uint64_t>(placer_.waiting(), UINT32_MAX))};
    for (const auto& [id, node] : nodes_.nodes()) {
      if (!node.alive()) continue;
      status.total.Add(node.info.total);
      status.free.Add(node.report.free);
      status.objects += node.report.objects;
      status.store_used += node.report.store_used;
      status.store_bytes += node.info.store_bytes;
      status.spilled += node.report.spilled;
    }
    return status;
  }

  // Asks every node, and answers when all have.
  void HandleListObjects(Channel& channel, const FrameHeader& header) {
    auto listing = std::make_shared<Listing>();
    listing->session = sessions_.at(&channel).id;
    listing->header = header;
    listing->reply.names = names_.size();
    listing->reply.waiting = placer_.waiting();
    listing->reply.demands = placer_.demands();
    for (const auto& [id, node] : nodes_.nodes()) {
      if (!node.alive()) continue;
      ++listing->awaited;
      const NodeCensus known{.name = node.info.name, .node = id, .silent = true};
      node.channel->Call(TakeNodeCensus{}, kCensusTimeout,
                         [this, listing, known](const absl::StatusOr<TakeNodeCensus::Reply>& reply) {
                           if (is_ending_) return;
                           listing->reply.nodes.push_back(reply.ok() ? reply->census : known);
                           FinishListing(*listing);
                         });
    }
    FinishListing(*listing);
  }

  void FinishListing(Listing& listing) {
    if (--listing.awaited > 0) return;
    std::sort(listing.reply.nodes.begin(), listing.reply.nodes.end(),
              [](const NodeCensus& a, const NodeCensus& b) { return a.name < b.name; });
    if (Channel* asker = FindSession(listing.session)) asker->Reply(listing.header, listing.reply);
  }

  Channel* FindSession(uint64_t id) {
    const auto it =
        std::find_if(sessions_.begin(), sessions_.end(), [id](const auto& entry) { return entry.second.id == id; });
    return it == sessions_.end() ? nullptr : it->second.channel.get();
  }

  void HandleStop(Channel& channel, const FrameHeader& header) {
    stop_requests_.push_back({.session = sessions_.at(&channel).id, .header = header});
    if (is_stopping_) return;
    is_stopping_ = true;
    placer_.Stop();
    actors_.Stop();
    env_.Log(LogLevel::kInfo, absl::StrCat("stopping the cluster, as ", channel.description(), " asks"));
    for (const auto& [id, node] : nodes_.nodes()) {
      if (!node.alive()) continue;
      ++stops_awaited_;
      node.channel->Call(Stop{}, kStopGrace, [this](const absl::StatusOr<Stop::Reply>&) {
        if (!is_ending_ && --stops_awaited_ == 0) FinishStop();
      });
    }
    if (stops_awaited_ == 0) FinishStop();
  }

  void FinishStop() {
    for (const StopRequest& request : stop_requests_) {
      Channel* const asker = FindSession(request.session);
      if (asker == nullptr) continue;
      asker->Reply(request.header, Stop::Reply{});
      asker->Flush();
    }
    // In a turn of its own, so that it may destroy the head.
    stop_timer_ = env_.executor().Schedule(absl::ZeroDuration(), [this] {
      stop_timer_ = 0;
      on_stop_requested_();
    });
  }

  NodeRecord* NodeOf(Channel& channel) {
    const auto it = sessions_.find(&channel);
    if (it == sessions_.end() || !it->second.node) return nullptr;
    NodeRecord* node = nodes_.Find(it->second.node);
    return node != nullptr && node->channel == &channel ? node : nullptr;
  }

  // For a node that comes back before its old connection was found to be dead. What was asked there fails first, so
  // that the books are right when the node registers again.
  void ReplaceConnection(NodeId id, const Channel& channel) {
    NodeRecord* node = nodes_.Find(id);
    if (node == nullptr || !node->alive() || node->channel == &channel) return;
    Channel* old_channel = node->channel;
    nodes_.MarkDead(*node);  // may forget the record
    placer_.DropNode(id);
    EndSession(*old_channel);
  }

  void EndSession(Channel& channel) {
    actors_.ChannelGone(channel);
    sessions_.erase(&channel);
  }

  // Its session is the caller's to end.
  void LoseNode(NodeRecord& node, Departure departure, const std::string& reason) {
    const NodeId id = node.info.address.node;
    const bool lost = departure == Departure::kLost && !is_stopping_;
    const std::string what = absl::StrCat("node ", node.info.name, lost ? " is lost: " : " has left: ", reason);
    env_.Log(lost ? LogLevel::kWarning : LogLevel::kInfo, what);
    if (departure == Departure::kLeft) {
      nodes_.Remove(id);
      TellNodeEnded(id, what);
    } else {
      nodes_.MarkDead(node);  // may forget the record
      processes_.NodeLost(id, env_.executor().Now());
    }
    placer_.DropNode(id);
    actors_.NodeGone(id, departure == Departure::kLost, what);
    outlooks_.NodesChanged();
    placer_.Wake();
  }

  void ScheduleSilenceCheck() {
    const absl::Duration interval = node_timeout_ / 4;
    silence_timer_ = env_.executor().Schedule(interval, [this, due = env_.executor().Now() + interval] {
      nodes_.Excuse(env_.executor().Now() - due, env_.executor().Now());
      DropSilentNodes();
      for (const NodeId node : processes_.EndedNodes(env_.executor().Now())) {
        TellNodeEnded(node, absl::StrCat("the node was lost ", absl::FormatDuration(kNodeEndedAfter),
                                         " ago and has not come back"));
      }
      ScheduleSilenceCheck();
    });
  }

  void DropSilentNodes() {
    const absl::Time now = env_.executor().Now();
    std::vector<NodeId> silent;
    for (const auto& [id, node] : nodes_.nodes()) {
      if (node.alive() && now - node.last_heard >= node_timeout_) silent.push_back(id);
    }
    for (const NodeId id : silent) {
      NodeRecord* node = nodes_.Find(id);
      Channel* channel = node->channel;
      const std::string reason = absl::StrCat("it was silent for ", absl::FormatDuration(node_timeout_));
      channel->Close(MakeError(Cause::kNodeDied, absl::StrCat("the head took the node for dead: ", reason)));
      LoseNode(*node, Departure::kLost, reason);
      EndSession(*channel);
    }
  }

  Env& env_;
  const ClusterId cluster_;
  const absl::Duration node_timeout_;
  const absl::Time started_;
  const std::string no_address_;
  absl::AnyInvocable<void()> on_stop_requested_;

  NodeTable nodes_;
  NameTable names_;
  ProcessTable processes_;
  Outlooks outlooks_;
  Placer placer_;
  ActorService actors_;
  std::unique_ptr<Listener> listener_;
  std::map<Channel*, Session> sessions_;  // never iterated in an order that shows
  uint64_t last_session_ = 0;

  TimerId silence_timer_ = 0;
  TimerId stop_timer_ = 0;
  bool is_ending_ = false;    // the destructor runs
  bool is_stopping_ = false;  // a peer asked for it
  size_t stops_awaited_ = 0;
  std::vector<StopRequest> stop_requests_;
};

Head::Head(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Head::~Head() = default;

absl::StatusOr<std::unique_ptr<Head>> Head::Start(Env& env, const HeadOptions& options,
                                                  absl::AnyInvocable<void()> on_stop_requested) {
  auto impl = std::make_unique<Impl>(env, options, std::move(on_stop_requested));
  if (!options.listen_address.empty()) IOC_RETURN_IF_ERROR(impl->Listen(options.listen_address, options.insecure));
  return std::unique_ptr<Head>(new Head(std::move(impl)));
}

void Head::Accept(std::unique_ptr<Connection> connection) { impl_->Accept(std::move(connection)); }
ClusterId Head::cluster() const { return impl_->cluster(); }
const std::string& Head::address() const { return impl_->address(); }

}  // namespace ioc

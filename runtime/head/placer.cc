#include "runtime/head/placer.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/scheduling/match.h"
#include "lib/scheduling/place.h"

namespace ioc {

// One look at all that waits. The view is made once and kept up to date by hand; what could not be placed once is not
// tried again for an equal demand.
class Placer::Round {
 public:
  explicit Round(Placer& placer)
      : placer_(placer), now_(placer.env_.executor().Now()), views_(placer.nodes_.Views(now_)) {}

  void Run() {
    EndExclusions();
    std::set<JobId> jobs;
    for (auto& [key, client] : placer_.clients_) {
      for (auto& [class_id, demand] : client.demands) {
        const JobId job = demand.spec.job;
        jobs.insert(job);
        placer_.job_turns_.try_emplace(job, placer_.turns_);
        if (demand.wants_more()) queues_[job].insert(RankOf(key, client, class_id, demand));
      }
    }
    std::erase_if(placer_.job_turns_, [&](const auto& entry) { return !jobs.contains(entry.first); });
    std::set<std::pair<uint64_t, JobId>> turns;
    for (const auto& [job, queue] : queues_) turns.emplace(placer_.job_turns_.at(job), job);
    while (!turns.empty()) {
      const JobId job = turns.extract(turns.begin()).value().second;
      std::set<Rank>& queue = queues_.at(job);
      Serve(queue.extract(queue.begin()).value());
      if (!queue.empty()) turns.emplace(placer_.job_turns_.at(job), job);
    }
    // Of a single job nobody has to give way to another.
    if (jobs.size() < 2) waiting_.clear();
    const absl::Time again = placer_.outlooks_.Tell(waiting_, views_, now_);
    if (!waiting_.empty()) placer_.WakeAt(again);
    for (const auto& [client, class_id, why] : refused_) placer_.Refuse(client, class_id, why);
  }

 private:
  // Demands with equal shapes fit the same nodes, whatever their programs are.
  struct Shape {
    const SchedulingClass* spec;
    friend bool operator<(const Shape& a, const Shape& b) {
      return std::tie(a.spec->resources, a.spec->where, a.spec->strategy) <
             std::tie(b.spec->resources, b.spec->where, b.spec->strategy);
    }
  };

  struct Refusal {
    ClientKey client;
    uint32_t class_id;
    absl::Status why;
  };

  static Rank RankOf(ClientKey key, const Client& client, uint32_t class_id, const Demand& demand) {
    return {.minus_depth = -static_cast<int64_t>(demand.depth),
            .turn = client.turn,
            .arrival = demand.arrival,
            .client = key,
            .class_id = class_id};
  }

  void Serve(const Rank& rank) {
    Client& client = placer_.clients_.at(rank.client);
    Demand& demand = client.demands.at(rank.class_id);
    const JobId job = demand.spec.job;
    if (rank.turn != client.turn) {  // the client was served since this demand was put in: behind the others
      queues_.at(job).insert(RankOf(rank.client, client, rank.class_id, demand));
      return;
    }
    if (placer_.excluded_.contains(job)) return ServeElsewhere(rank, client, demand);
    const Shape shape{&demand.spec};
    const std::optional<size_t> chosen = unplaced_.count(shape) > 0 ? std::nullopt : Place(views_, demand.spec);
    if (chosen.has_value()) return Start(rank, client, demand, *chosen);
    unplaced_.insert(shape);
    NoteUnplaced(rank, demand);
  }

  void Start(const Rank& rank, Client& client, Demand& demand, size_t chosen) {
    demand.impossible_since = absl::InfiniteFuture();
    client.turn = placer_.job_turns_[demand.spec.job] = ++placer_.turns_;
    NodeView& view = views_[chosen];
    placer_.StartPlacement(rank, demand, view.id);
    const NodeRecord& node = *placer_.nodes_.Find(view.id);
    view = node.View(now_);
    view.open = view.open && node.placements < kMaxPlacementsPerNode;
    if (demand.wants_more()) queues_.at(demand.spec.job).insert(RankOf(rank.client, client, rank.class_id, demand));
  }

  void EndExclusions() {
    for (auto& [job, nodes] : placer_.excluded_) {
      std::erase_if(nodes, [this](const auto& entry) {
        const NodeRecord* const node = placer_.nodes_.Find(entry.first);
        return entry.second.until <= now_ || node == nullptr || !node->alive();
      });
      for (const auto& [node, exclusion] : nodes) placer_.WakeAt(exclusion.until);
    }
    std::erase_if(placer_.excluded_, [](const auto& entry) { return entry.second.empty(); });
  }

  // Not on the nodes that can't run the job. The caches, which are of all jobs, don't know of those.
  void ServeElsewhere(const Rank& rank, Client& client, Demand& demand) {
    const auto& excluded = placer_.excluded_.at(demand.spec.job);
    std::vector<NodeView*> hidden;
    for (NodeView& view : views_) {
      if (view.alive && excluded.contains(view.id)) hidden.push_back(&view);
    }
    for (NodeView* view : hidden) view->alive = false;
    const auto is_possible = [&](const NodeView& view) { return IsPossible(view, demand.spec); };
    const std::optional<size_t> chosen = Place(views_, demand.spec);
    const bool others_could = std::any_of(views_.begin(), views_.end(), is_possible);
    for (NodeView* view : hidden) view->alive = true;
    if (chosen.has_value()) return Start(rank, client, demand, *chosen);
    const auto last = std::find_if(hidden.rbegin(), hidden.rend(), [&](NodeView* view) { return is_possible(*view); });
    if (others_could || last == hidden.rend()) return NoteUnplaced(rank, demand);
    refused_.push_back({rank.client, rank.class_id, excluded.at((*last)->id).why});
  }

  void NoteUnplaced(const Rank& rank, Demand& demand) {
    if (IsPossibleSomewhere(demand.spec)) {
      demand.impossible_since = absl::InfiniteFuture();
      waiting_.push_back(
          {.spec = &demand.spec, .origin = rank.client.first, .wanted = demand.wanted - demand.in_flight});
      return;
    }
    demand.impossible_since = std::min(demand.impossible_since, now_);
    const absl::Time refused_at = demand.impossible_since + demand.spec.placement_timeout;
    if (now_ >= refused_at) {
      const std::string why = ExplainUnplaceable(views_, demand.spec);
      refused_.push_back({rank.client, rank.class_id, MakeError(Cause::kUnschedulable, why)});
      return;
    }
    placer_.WakeAt(refused_at);
    if (demand.warned) return;
    const absl::Time warned_at = demand.impossible_since + kImpossibleWarning;
    if (now_ < warned_at) return placer_.WakeAt(warned_at);
    demand.warned = true;
    placer_.SendWarning(rank.client, rank.class_id, ExplainUnplaceable(views_, demand.spec));
  }

  bool IsPossibleSomewhere(const SchedulingClass& spec) {
    const auto [it, is_new] = possible_.emplace(Shape{&spec}, false);
    if (is_new) {
      it->second =
          std::any_of(views_.begin(), views_.end(), [&](const NodeView& view) { return IsPossible(view, spec); });
    }
    return it->second;
  }

  Placer& placer_;
  const absl::Time now_;
  std::vector<NodeView> views_;
  std::map<JobId, std::set<Rank>> queues_;
  std::set<Shape> unplaced_;
  std::map<Shape, bool> possible_;
  std::vector<Refusal> refused_;
  std::vector<Outlooks::Waiting> waiting_;  // what is possible, but not now
};

Placer::Placer(Env& env, NodeTable& nodes, Outlooks& outlooks, uint64_t term)
    : env_(env), nodes_(nodes), outlooks_(outlooks), term_(term) {}

Placer::~Placer() {
  if (is_deferred) env_.executor().Undefer(*this);
  env_.executor().CancelTimer(timer_);
}

void Placer::SetDemand(NodeId origin, const ForwardDemand& demand) {
  if (stopped_) return;
  const ClientKey key{origin, demand.client};
  if (demand.wanted == 0) {
    Demand* known = Find(key, demand.class_id);
    if (known == nullptr) return;
    known->wanted = 0;
    if (known->in_flight == 0) Erase(key, demand.class_id);
    return;
  }
  Demand* entry = Find(key, demand.class_id);
  if (entry == nullptr) {
    if (absl::Status status = CheckRequest(demand.spec); !status.ok()) return SendRefusal(key, demand.class_id, status);
    if (demands_ >= kMaxDemands) {
      return SendRefusal(key, demand.class_id,
                         MakeError(Cause::kUnschedulable, absl::StrCat("the head already has ", kMaxDemands,
                                                                       " demands that wait, the most that it takes")));
    }
    const auto [client, is_new] = clients_.try_emplace(key);
    if (is_new) client->second.turn = turns_;
    entry = &client->second.demands[demand.class_id];
    entry->spec = demand.spec;
    entry->arrival = ++arrivals_;
    ++demands_;
  }
  entry->wanted = demand.wanted;
  entry->depth = demand.depth;
  Wake();
}

void Placer::DropProcess(NodeId origin, ProcessId process) {
  const auto it = clients_.find(ClientKey(origin, process));
  if (it == clients_.end()) return;
  demands_ -= it->second.demands.size();
  clients_.erase(it);
}

void Placer::DropNode(NodeId origin) {
  std::erase_if(clients_, [&](const auto& entry) {
    if (entry.first.first != origin) return false;
    demands_ -= entry.second.demands.size();
    return true;
  });
}

void Placer::Wake() {
  if (!stopped_ && demands_ > 0) env_.executor().Defer(*this);
}

void Placer::Stop() {
  stopped_ = true;
  clients_.clear();
  demands_ = 0;
}

uint64_t Placer::waiting() const {
  uint64_t waiting = 0;
  for (const auto& [key, client] : clients_) {
    for (const auto& [class_id, demand] : client.demands) waiting += demand.wanted;
  }
  return waiting;
}

void Placer::RunDeferred() {
  if (!stopped_) Round(*this).Run();
}

void Placer::StartPlacement(const Rank& rank, Demand& demand, NodeId chosen) {
  NodeRecord& node = *nodes_.Find(chosen);
  ++demand.in_flight;
  ++node.placements;
  node.placing.Add(demand.spec.resources);
  const PlaceLease request{.term = term_, .client = rank.client.second, .spec = demand.spec};
  Placement placement{
      .client = rank.client, .class_id = rank.class_id, .node = chosen, .resources = demand.spec.resources};
  node.channel->Call(request, kPlaceTimeout,
                     [this, placement = std::move(placement)](absl::StatusOr<PlaceLease::Reply> reply) {
                       FinishPlacement(placement, std::move(reply));
                     });
}

void Placer::FinishPlacement(const Placement& placement, absl::StatusOr<PlaceLease::Reply> reply) {
  if (stopped_) return;
  if (NodeRecord* node = nodes_.Find(placement.node); node != nullptr && node->placements > 0) {
    --node->placements;
    node->placing.Subtract(placement.resources);
  }
  if (Demand* demand = Find(placement.client, placement.class_id); demand != nullptr && demand->in_flight > 0) {
    --demand->in_flight;
  }
  if (reply.ok()) {
    HandleGrant(placement, *reply);
  } else {
    HandleFailure(placement, reply.status());
  }
  const Demand* demand = Find(placement.client, placement.class_id);
  if (demand != nullptr && demand->wanted == 0 && demand->in_flight == 0) Erase(placement.client, placement.class_id);
  Wake();
}

void Placer::HandleGrant(const Placement& placement, const PlaceLease::Reply& reply) {
  NodeRecord* node = nodes_.Find(placement.node);
  if (node == nullptr || !node->alive()) return;  // the client's node hears of its death
  if (reply.version >= node->report.version) {
    node->report.version = reply.version;
    node->report.free = reply.free;
    ++node->report.leases;
  }
  if (Demand* demand = Find(placement.client, placement.class_id); demand != nullptr) {
    demand->failures = 0;
    if (demand->wanted > 0) --demand->wanted;
  }
  if (IsOwn(placement.client)) {
    if (owner_ != nullptr) owner_->OnPlaced(placement.class_id, *node, reply);
    return;
  }
  // Even if the demand was withdrawn meanwhile: the client then gives the lease back at once.
  if (NodeRecord* origin = nodes_.Find(placement.client.first); origin != nullptr && origin->alive()) {
    origin->channel->Notify(ForwardGrant{.client = placement.client.second,
                                         .class_id = placement.class_id,
                                         .lease = reply.lease,
                                         .worker = reply.worker,
                                         .node_name = node->info.name});
  }
}

void Placer::HandleFailure(const Placement& placement, const absl::Status& error) {
  const absl::Time now = env_.executor().Now();
  const Cause cause = CauseOf(error);
  Demand* demand = Find(placement.client, placement.class_id);
  if (cause == Cause::kProgramMissing) {
    if (demand != nullptr) excluded_[demand->spec.job][placement.node] = {.why = error, .until = now + kExcludeFor};
    return;
  }
  if (NodeRecord* node = nodes_.Find(placement.node); node != nullptr) {
    node->closed_until = now + kRefusalPause;
    WakeAt(node->closed_until);
  }
  if (demand == nullptr || demand->wanted == 0) return;
  const bool is_refusal = error.code() == absl::StatusCode::kFailedPrecondition;
  if (is_refusal || cause == Cause::kDisconnected) return;  // chosen anew
  if (++demand->failures < kMaxPlacementFailures) return;
  Refuse(
      placement.client, placement.class_id,
      WithContext(error, absl::StrCat("no worker could be started in ", kMaxPlacementFailures, " attempts; the last")));
}

void Placer::Refuse(ClientKey client, uint32_t class_id, const absl::Status& error) {
  Demand* demand = Find(client, class_id);
  if (demand == nullptr) return;
  demand->wanted = 0;
  demand->failures = 0;
  if (demand->in_flight == 0) Erase(client, class_id);
  SendRefusal(client, class_id, error);
}

void Placer::SendWarning(ClientKey client, uint32_t class_id, std::string reason) {
  if (IsOwn(client)) {
    if (owner_ != nullptr) owner_->OnNotPlaced(class_id, reason);
    return;
  }
  NodeRecord* origin = nodes_.Find(client.first);
  if (origin == nullptr || !origin->alive()) return;
  origin->channel->Notify(ForwardWarning{.client = client.second, .class_id = class_id, .reason = std::move(reason)});
}

void Placer::SendRefusal(ClientKey client, uint32_t class_id, const absl::Status& error) {
  if (IsOwn(client)) {
    if (owner_ != nullptr) owner_->OnUnplaceable(class_id, error);
    return;
  }
  NodeRecord* origin = nodes_.Find(client.first);
  if (origin == nullptr || !origin->alive()) return;
  origin->channel->Notify(ForwardRefusal{.client = client.second, .class_id = class_id, .error = error});
}

Placer::Demand* Placer::Find(ClientKey client, uint32_t class_id) {
  const auto it = clients_.find(client);
  if (it == clients_.end()) return nullptr;
  const auto demand = it->second.demands.find(class_id);
  return demand == it->second.demands.end() ? nullptr : &demand->second;
}

void Placer::Erase(ClientKey client, uint32_t class_id) {
  const auto it = clients_.find(client);
  if (it == clients_.end()) return;
  demands_ -= it->second.demands.erase(class_id);
  if (it->second.demands.empty()) clients_.erase(it);
}

void Placer::WakeAt(absl::Time when) {
  if (when >= timer_at_) return;
  env_.executor().CancelTimer(timer_);
  timer_at_ = when;
  timer_ = env_.executor().Schedule(when - env_.executor().Now(), [this] {
    timer_ = 0;
    timer_at_ = absl::InfiniteFuture();
    Wake();
  });
}

}  // namespace ioc

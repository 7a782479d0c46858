// The placing loop: what nodes can't grant themselves waits here, is matched with a node by lib/scheduling, and asked
// of that node, which may refuse; then the choice is made anew.
//
// Each job gets its turn; of a job, deeper demands go first (a blocked task waits for them), then each client gets its
// turn, then the oldest. What no registered node could ever run is refused with an explanation once it has been
// impossible for its placement_timeout; its client is warned before, after kImpossibleWarning. A node that can't run a
// job's program is not asked again for a while; when no other is left, the job's demands are refused for that reason.
//
// Belongs to the Head, on its executor; outlives the channels of the table's nodes.
// Invariants: of a demand, `in_flight` placements are being asked for; no more are started than are wanted; a node is
// asked for kMaxPlacementsPerNode leases at a time at most.
#ifndef IOCLUSTER_RUNTIME_HEAD_PLACER_H_
#define IOCLUSTER_RUNTIME_HEAD_PLACER_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/protocol/head_messages.h"
#include "runtime/head/node_table.h"
#include "runtime/head/outlooks.h"

namespace ioc {

// The node chosen may first have to fetch the program and start a worker.
inline constexpr absl::Duration kPlaceTimeout = absl::Seconds(20);
inline constexpr uint32_t kMaxPlacementsPerNode = 128;
inline constexpr size_t kMaxDemands = 1 << 17;
// How long a node that refused is left alone if it does not report.
inline constexpr absl::Duration kRefusalPause = absl::Milliseconds(100);
// Placements of one demand that may fail in a row (other than by refusal) before its client hears of it.
inline constexpr uint32_t kMaxPlacementFailures = 8;

// A node that can't run a job's program is not asked to for this long.
inline constexpr absl::Duration kExcludeFor = absl::Seconds(30);

// How long a demand is impossible before its client is warned, once: a node may just be about to register.
inline constexpr absl::Duration kImpossibleWarning = absl::Seconds(1);

// The head itself, as somebody who wants leases. Its demands are those of kHeadProcess, by number, of no node.
class PlacementOwner {
 public:
  virtual void OnPlaced(uint32_t number, const NodeRecord& node, const PlaceLease::Reply& grant) = 0;
  virtual void OnUnplaceable(uint32_t number, const absl::Status& error) = 0;
  // Not now; OnUnplaceable may follow.
  virtual void OnNotPlaced(uint32_t number, const std::string& reason) = 0;

 protected:
  ~PlacementOwner() = default;
};

class Placer final : private Deferred {
 public:
  Placer(Env& env, NodeTable& nodes, Outlooks& outlooks, uint64_t term);
  ~Placer();

  // Hears what becomes of the head's own demands. Null: nobody does.
  void set_owner(PlacementOwner* owner) { owner_ = owner; }

  // What `origin`, a living node, wants for one of its clients; absolute. No node: what the head wants itself.
  void SetDemand(NodeId origin, const ForwardDemand& demand);
  void DropProcess(NodeId origin, ProcessId process);
  void DropNode(NodeId origin);

  // The view of the nodes has changed: looks at all that waits at the end of this turn.
  void Wake();
  // From now on nothing is placed, and answers that come are ignored.
  void Stop();

  // Leases that are wanted and not granted.
  uint64_t waiting() const;
  // That it knows of.
  size_t demands() const { return demands_; }

 private:
  using ClientKey = std::pair<NodeId, ProcessId>;

  struct Demand {
    SchedulingClass spec;
    uint32_t wanted = 0;
    uint32_t depth = 0;
    uint32_t in_flight = 0;
    uint32_t failures = 0;  // in a row
    uint64_t arrival = 0;   // counts up
    absl::Time impossible_since = absl::InfiniteFuture();
    bool warned = false;

    bool wants_more() const { return wanted > in_flight; }
  };

  struct Client {
    uint64_t turn = 0;                   // the number of the last placement that it got
    std::map<uint32_t, Demand> demands;  // by class id
  };

  // A demand's place in its job's queue. The smallest goes first.
  struct Rank {
    int64_t minus_depth = 0;
    uint64_t turn = 0;
    uint64_t arrival = 0;
    ClientKey client;
    uint32_t class_id = 0;

    friend auto operator<=>(const Rank&, const Rank&) = default;
  };

  // One asking of one node.
  struct Placement {
    ClientKey client;
    uint32_t class_id = 0;
    NodeId node;
    ResourceSet resources;
  };

  // A node that can't run a job.
  struct Exclusion {
    absl::Status why;
    absl::Time until;
  };

  class Round;

  void RunDeferred() override;
  void StartPlacement(const Rank& rank, Demand& demand, NodeId chosen);
  void FinishPlacement(const Placement& placement, absl::StatusOr<PlaceLease::Reply> reply);
  void HandleGrant(const Placement& placement, const PlaceLease::Reply& reply);
  void HandleFailure(const Placement& placement, const absl::Status& error);
  // Withdraws the demand and tells its client why.
  void Refuse(ClientKey client, uint32_t class_id, const absl::Status& error);
  void SendWarning(ClientKey client, uint32_t class_id, std::string reason);
  void SendRefusal(ClientKey client, uint32_t class_id, const absl::Status& error);

  static bool IsOwn(ClientKey client) { return !client.first && client.second == kHeadProcess; }
  Demand* Find(ClientKey client, uint32_t class_id);
  void Erase(ClientKey client, uint32_t class_id);
  void WakeAt(absl::Time when);

  Env& env_;
  NodeTable& nodes_;
  Outlooks& outlooks_;
  const uint64_t term_;
  PlacementOwner* owner_ = nullptr;
  std::map<ClientKey, Client> clients_;
  std::map<JobId, uint64_t> job_turns_;  // of jobs with demands: the number of the last placement that each got
  std::map<JobId, std::map<NodeId, Exclusion>> excluded_;
  size_t demands_ = 0;
  uint64_t turns_ = 0;
  uint64_t arrivals_ = 0;
  bool stopped_ = false;
  TimerId timer_ = 0;
  absl::Time timer_at_ = absl::InfiniteFuture();
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_PLACER_H_

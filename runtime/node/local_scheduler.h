// Decides which demand gets a lease on this node's own resources next, which ones the head is to place, and whose lease
// is called back for those that wait.
//
// Pure: no I/O, no clock; time comes in with the calls. Owned by the LeaseManager, which does what this decides.
//
// Order: the job that was served longest ago; of its tasks the deeper first, so that blocked processes stay near depth
// times cores (DESIGN section 3); then the client that was served longest ago, so that a flood starves nobody; then
// first come. A large request that waits long while small ones pass it holds them back at times (kStarvedAfter).
//
// Workers are counted like a resource: max_workers of them may hold leases that are not blocked, and with the blocked
// ones, whose CPUs others may have, kMaxWorkersFactor times as many.
//
// What asks for nothing is kept here while the node has fewer leases than CPUs; beyond that the head, which knows the
// load of all, chooses a node, if there are others.
//
// Between the node's clients and those of other nodes, who wait at the head, jobs get their turns as well: for the
// latter a promise of room is made, which the next lease that the head places redeems. A lease that would go from a
// job to another over the head lasts longer (kFarLeaseQuantum), for its way takes several journeys, and only goes from
// who has more to who has less.
//
// Invariants: free = total - what the leases hold; a blocked lease holds no CPU. Free amounts fall below zero only when
// a lease unblocks.
#ifndef IOCLUSTER_RUNTIME_NODE_LOCAL_SCHEDULER_H_
#define IOCLUSTER_RUNTIME_NODE_LOCAL_SCHEDULER_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "lib/protocol/common.h"
#include "lib/protocol/head_messages.h"
#include "lib/protocol/node_messages.h"

namespace ioc {

// While others wait, a lease ends after this.
inline constexpr absl::Duration kLeaseQuantum = absl::Milliseconds(5);
// The same for a lease that goes to, or comes from, the client of another node that has another job.
inline constexpr absl::Duration kFarLeaseQuantum = absl::Milliseconds(500);
// For this long room that was promised to the head is kept free.
inline constexpr absl::Duration kPromiseLasts = absl::Milliseconds(500);
// A demand that fits this node but found no room for this long holds back those that would pass it...
inline constexpr absl::Duration kStarvedAfter = absl::Milliseconds(500);
// ... for this long, and then again after as long, because leases that themselves wait for others may never end.
inline constexpr absl::Duration kStarvedUntil = absl::Seconds(30);
// A lease that was called back is expected for this long; then it has a long task, and another one is called back.
inline constexpr absl::Duration kRecallPatience = absl::Milliseconds(20);
inline constexpr size_t kMaxWorkersFactor = 4;
// Classes that one client can have demands for at a time. What it wants no more may be known for a little yet.
inline constexpr size_t kMaxDemandsOfClient = 4 * kMaxDemandedClasses;

// A client's demand for one of its classes.
struct DemandKey {
  ProcessId client;
  uint32_t class_id = 0;

  friend auto operator<=>(const DemandKey&, const DemandKey&) = default;
};

class LocalScheduler {
 public:
  struct Lease {
    DemandKey demand;
    std::shared_ptr<const SchedulingClass> spec;
    bool placed = false;   // by the head, for a client elsewhere
    bool granted = false;  // the client (or the head) knows of it
    bool blocked = false;
    bool ending = false;  // its worker has to end first
    absl::Time recalled_at = absl::InfinitePast();
    bool recalled() const { return recalled_at != absl::InfinitePast(); }
    absl::Time since = absl::InfiniteFuture();  // when it was granted
  };
  struct Forward {
    DemandKey demand;
    std::shared_ptr<const SchedulingClass> spec;
    uint32_t wanted = 0;
    uint32_t depth = 0;
  };
  struct Recall {
    std::vector<LeaseId> leases;
    // When to ask again because somebody still waits.
    absl::Duration again = absl::InfiniteDuration();
  };

  // `lease_base`: random bits that make this node's lease ids its own.
  LocalScheduler(const NodeInfo& info, uint64_t lease_base, int max_workers = 512);

  // `wanted` is absolute; 0 withdraws. Errors: the request makes no sense, or too many classes.
  absl::Status SetDemand(const DemandKey& key, const SchedulingClass& spec, uint32_t wanted, uint32_t depth,
                         absl::Time now);
  void Withdraw(const DemandKey& key);
  // The head has refused it, and knows nothing of it any more.
  void NoteRefused(const DemandKey& key);
  // The head granted one elsewhere.
  void NotePlaced(const DemandKey& key);
  // What the head says of the others; out of date after kOutlookLasts.
  void SetOutlook(const Outlook& outlook, absl::Time now);
  // The head is away.
  void ForgetOutlook();
  // Nothing of the job can run here until then: what it wants is left to the head.
  void NoteUnrunnable(JobId job, absl::Time until);
  void DropClient(ProcessId client);

  // Takes the resources for the demand whose turn it is; none if nobody can be served. The lease is then either Granted
  // or Ended.
  std::optional<LeaseId> Next(absl::Time now);
  // The same for a lease that the head places here. FailedPrecondition if there is no room.
  absl::StatusOr<LeaseId> Reserve(ProcessId client, const SchedulingClass& spec);
  // Null if there is none.
  const Lease* Find(LeaseId lease) const;
  // Whether the demand behind a lease that is not granted yet still stands.
  bool IsWanted(LeaseId lease) const;
  void Granted(LeaseId lease, absl::Time now);
  // It is over, but its worker, which holds its resources, has not ended yet: End follows.
  void BeginEnd(LeaseId lease);
  // Gives its resources back; unknown ids are ignored.
  void End(LeaseId lease);
  void Block(LeaseId lease);
  void Unblock(LeaseId lease);

  // Leases older than the quantum to call back for demands that wait, one for each lease that is missing.
  Recall LeasesToRecall(absl::Time now);
  // Whether one was out of date, and there may be room for others now.
  bool DropOldPromises(absl::Time now);

  // What the head should hear anew: all that a demand wants if it doesn't fit this node or is to be spread, otherwise
  // what can't be granted at once. With `urgent_only` just the former.
  std::vector<Forward> TakeForwards(bool urgent_only);
  // A new head knows nothing yet.
  void ForgetForwards();

  // No lease can be granted, whatever it asks for, since the workers are all in use.
  bool full() const;
  // Whether somebody waits for that reason alone.
  bool IsShortOfWorkers();
  const ResourceSet& free() const { return free_; }
  // As the head counts: what it has placed here is in its own books until it hears that it was granted, and what is
  // promised to it is free.
  ResourceSet free_for_head() const;
  bool full_for_head() const { return IsFullWith(leases_.size()); }
  size_t leases_for_head() const;
  uint32_t waiting() const;  // leases that are wanted and not granted
  size_t demands() const { return demands_.size(); }

 private:
  struct Demand {
    std::shared_ptr<const SchedulingClass> spec;
    bool fits_node = false;  // when nothing else runs here
    uint32_t wanted = 0;
    uint32_t pending = 0;  // leases taken for it and not yet granted
    uint32_t depth = 0;
    uint32_t forwarded = 0;  // what the head knows
    uint64_t arrival = 0;
    absl::Time waiting_since;

    uint32_t missing() const { return wanted > pending ? wanted - pending : 0; }
  };
  using Demands = std::map<DemandKey, Demand>;

  // Room kept for what the head places.
  struct Promise {
    JobId job;
    ResourceSet resources;
    absl::Time until;
  };
  // How many leases each job has here, or will have.
  using Holdings = std::map<JobId, size_t>;

  // Whether it is left to the head, which may choose this node.
  bool IsAway(const Demand& demand) const;
  bool IsFullWith(size_t leases) const;
  uint64_t TurnOf(JobId job) const;
  // Whether room was promised to a job whose turn is before that of `job`.
  bool PromiseBefore(JobId job, absl::Time now);
  void Redeem(std::vector<Promise>::iterator promise);
  // Whether its job had a promise.
  bool MakeRoomFor(const SchedulingClass& placed);
  void RecallForOthers(absl::Time now, std::vector<std::pair<LeaseId, Lease*>>& oldest, uint32_t& outstanding,
                       Holdings& holdings, Recall& recall);
  // Calls it back if it is older than `quantum`.
  static bool CallBack(LeaseId id, Lease& lease, absl::Duration quantum, absl::Time now, Recall& recall);
  std::vector<Demands::iterator> InOrder();
  bool IsStarved(const Demand& demand, absl::Time now) const;
  LeaseId Take(Lease lease);
  void Unpend(const Lease& lease);
  void EraseIfDone(Demands::iterator demand);
  Demands::iterator Erase(Demands::iterator demand);

  const NodeInfo info_;
  const uint64_t lease_base_;
  const size_t max_workers_;
  uint64_t last_lease_ = 0;
  uint64_t last_arrival_ = 0;
  uint64_t last_turn_ = 0;
  ResourceSet free_;
  Demands demands_;
  std::map<ProcessId, size_t> demands_of_;  // how many of them each client has
  // When each job and each client was served last; the longest ago goes first.
  std::map<JobId, uint64_t> job_turns_;
  std::map<ProcessId, uint64_t> turns_;
  std::map<JobId, absl::Time> unrunnable_;
  std::map<LeaseId, Lease> leases_;
  size_t blocked_ = 0;                  // of them
  bool others_ = false;                 // there are further nodes
  std::vector<WaitingDemand> outside_;  // of their clients
  absl::Time outside_until_ = absl::InfinitePast();
  std::vector<Promise> promises_;  // the oldest first
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_LOCAL_SCHEDULER_H_

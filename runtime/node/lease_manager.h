// Does what the LocalScheduler decides: finds a worker for each lease, has it accept, tells the client.
//
// Owned by the node, on its executor. The life of a lease here: taken (its resources are held), waiting for a worker,
// assigned (the worker has said yes), granted (the client knows); it ends when its worker says so or is lost. If the
// worker ends with it, its resources are free when that process, which may still use them, has ended.
#ifndef IOCLUSTER_RUNTIME_NODE_LEASE_MANAGER_H_
#define IOCLUSTER_RUNTIME_NODE_LEASE_MANAGER_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "lib/env/env.h"
#include "lib/protocol/census_messages.h"
#include "lib/protocol/head_messages.h"
#include "lib/protocol/node_messages.h"
#include "runtime/node/life.h"
#include "runtime/node/local_scheduler.h"
#include "runtime/node/sessions.h"
#include "runtime/node/worker_pool.h"

namespace ioc {

inline constexpr absl::Duration kAssignTimeout = absl::Seconds(10);
// That all workers are in use is said this often at most.
inline constexpr absl::Duration kFullWarningPeriod = absl::Minutes(1);

class LeaseManager {
 public:
  // Who passes on what the head should know.
  class Listener {
   public:
    virtual void ForwardToHead(const LocalScheduler::Forward& forward) = 0;
    // Free resources or waiting demands have changed.
    virtual void OnLeasesChanged() = 0;

   protected:
    ~Listener() = default;
  };
  using PlaceHandler = absl::AnyInvocable<void(absl::StatusOr<PlaceLease::Reply>)>;

  LeaseManager(Env& env, const NodeInfo& info, Sessions& sessions, WorkerPool& workers, Listener& listener);
  ~LeaseManager();
  LeaseManager(const LeaseManager&) = delete;
  LeaseManager& operator=(const LeaseManager&) = delete;

  // Of a client of this node. An error ends its connection.
  absl::Status SetDemand(ProcessId client, const SetDemand& demand);
  // Of any node.
  void ClientGone(ProcessId client);

  // Of a worker of this node.
  void LeaseEnded(ProcessId worker, LeaseId lease);
  void TaskBlocked(ProcessId worker, LeaseId lease, bool blocked);
  // It can't serve any more, and, later, its process has ended.
  void WorkerLost(ProcessId worker);
  void WorkerExited(ProcessId worker);
  // Ends the worker's lease, and the worker.
  void EndOf(ProcessId worker);
  // Of a lease that was granted; none if there is none.
  ProcessId WorkerOf(LeaseId lease) const;
  ProcessAddress AddressOf(ProcessId worker) const;
  // Whether it serves a detached actor, or is one.
  bool OutlivesDriver(ProcessId worker) const;

  // Of the head.
  void Place(const PlaceLease& place, PlaceHandler handler);
  void Granted(const ForwardGrant& grant);
  void Refused(const ForwardRefusal& refusal);
  void Warned(const ForwardWarning& warning);
  // Says everything again to a head that has just come.
  void NewHead();
  void HeadAway();
  void SetOutlook(const Outlook& outlook);
  // What is not urgent; the node calls it with each report.
  void FlushForwards();

  // Fills in what the head wants to know of leases, and counts the version up.
  void Describe(ReportResources& report);
  const ResourceSet& free() const { return scheduler_.free(); }
  void Count(NodeCensus& census) const;

 private:
  struct Progress {
    ProcessId worker;     // once there is one
    PlaceHandler placed;  // if the head asked for it
  };

  void Pump();
  void FindWorker(LeaseId lease);
  void WorkerFound(LeaseId lease, const absl::StatusOr<ProcessId>& worker);
  void NoWorker(LeaseId lease, const absl::Status& why);
  void Assigned(LeaseId lease, ProcessId worker, const absl::Status& status);
  void Grant(LeaseId lease, ProcessId worker);
  void End(LeaseId lease);
  // The same for a lease whose worker ends with it.
  void EndWithWorker(LeaseId lease, ProcessId worker);
  void Forget(LeaseId lease);
  void WarnIfFull();
  bool IsLeaseOf(ProcessId worker, LeaseId lease) const;
  void RecallForWaiting();

  Env& env_;
  const NodeInfo info_;
  Sessions& sessions_;
  WorkerPool& workers_;
  Listener& listener_;
  LocalScheduler scheduler_;
  std::map<LeaseId, Progress> progress_;
  std::map<ProcessId, LeaseId> by_worker_;
  std::map<ProcessId, LeaseId> ending_;  // of workers that have not ended yet
  absl::Time next_warning_ = absl::InfinitePast();
  uint64_t version_ = 0;
  bool pumping_ = false;
  bool pump_again_ = false;
  TimerId recall_timer_ = 0;
  absl::Time recall_at_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_LEASE_MANAGER_H_

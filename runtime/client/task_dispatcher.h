// Gets tasks run: queues the ready ones by scheduling class, asks the own node for leases, pushes to the leased
// workers, and deals with answers, recalls and deaths (DESIGN section 3).
//
// What is in flight to a worker is bounded by estimated time (kWindow), from the run times that answers report; the
// first task of a class goes alone. Leases are returned when idle for kIdleLease, or at once when recalled. What was
// pushed to a worker that died is pushed elsewhere: only the task that it had started is charged an attempt.
//
// Lives on the client's executor. Invariant: a task is in exactly one of: waiting for arguments, its queue's `ready`, a
// lease's `batch` or `in_flight`, or on trial (its worker died and its fate is being asked for).
#ifndef IOCLUSTER_RUNTIME_CLIENT_TASK_DISPATCHER_H_
#define IOCLUSTER_RUNTIME_CLIENT_TASK_DISPATCHER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/class_table.h"
#include "runtime/client/fates.h"
#include "runtime/client/node_link.h"
#include "runtime/client/peers.h"
#include "runtime/client/task_book.h"

namespace ioc {

inline constexpr absl::Duration kWindow = absl::Milliseconds(2);
inline constexpr absl::Duration kIdleLease = absl::Milliseconds(100);
inline constexpr size_t kMaxInFlight = 4096;             // tasks a lease, however short they are
inline constexpr uint32_t kMaxDemand = 256;              // leases asked for at a time
inline constexpr size_t kBatchBytes = size_t{64} << 10;  // of payload; more go in a frame of their own

// What happens to the workers that became actors.
class ActorEvents {
 public:
  // The constructor has run. The lease ends with the worker from then on.
  virtual void OnActorConstructed(TaskRecord& creation, const ProcessAddress& worker, const std::string& node_name) = 0;
  virtual void OnActorFailed(TaskRecord& creation, const absl::Status& error) = 0;

 protected:
  ~ActorEvents() = default;
};

class TaskDispatcher final : public TaskSink, public Deferred {
 public:
  TaskDispatcher(Env& env, NodeLink& node, PeerTable& peers, Fates& fates, TaskBook& book, ActorEvents& actors);
  ~TaskDispatcher();

  void SetJob(JobId job, NodeAddress origin);
  // Whether what is submitted from now on outlives the driver; its program is then fetched from this process's `node`,
  // which has it as long as this process lives.
  void set_outlives_driver(bool outlives, const NodeAddress& node) {
    if (outlives != outlives_driver_) last_options_ = nullptr;
    outlives_driver_ = outlives;
    node_address_ = node;
  }

  // What `wanted` asks for, as this job's.
  SchedulingClass OfJob(const SchedulingClass& wanted) const;
  // `task` is new; its options say what it needs. InvalidArgument, and nothing is done, if they make no sense.
  absl::Status Submit(TaskRecord& task);
  // The same for an actor's constructor: `spec` says what it needs.
  void Submit(TaskRecord& task, const SchedulingClass& spec);
  // The class that `options` describe, without the job. InvalidArgument names what is wrong.
  static absl::StatusOr<SchedulingClass> ClassOf(const TaskOptions& options);
  static absl::StatusOr<SchedulingClass> ClassOf(const ActorOptions& options);

  // Sends at once what was pushed to workers that had nothing to do; for a thread that submits and then goes its way.
  void PushUrgent();

  // The number of the class whose leases go to `taker`, which has it until it closes it; and how many it wants, beyond
  // those it has.
  uint32_t OpenClass(const SchedulingClass& spec, LeaseTaker& taker);
  void Want(uint32_t class_id, uint32_t leases, uint32_t depth);
  void CloseClass(uint32_t class_id);

  // Of a lease that nothing was pushed under.
  void GiveBack(const ProcessAddress& worker, LeaseId lease);

  void OnLeaseGranted(const LeaseGranted& granted);
  void OnDemandRefused(const DemandRefused& refused);
  void OnDemandWarning(const DemandWarning& warning);
  void OnResult(PeerLink& link, TaskResult& result);
  void OnLeaseRecalled(LeaseId id);
  void OnPeerGone(Peer& peer);

  // Forgets queues, leases and timers; the tasks fail by the book, from now on or already.
  void Clear();

  // Fails it now; a result that still comes is dropped. `force` ends the worker if need be.
  void Cancel(TaskRecord& task, bool force);

  size_t leases() const { return leases_.size(); }
  size_t classes() const { return classes_.size(); }

 private:
  void OnTaskReady(TaskRecord& task) override;
  void OnTaskDoomed(TaskRecord& task, const absl::Status& error) override;
  void OnTaskOver(TaskRecord& task) override;
  void RunDeferred() override;

  void Enter(TaskRecord& task, ClassQueue& queue);
  // At the end of this turn its demand is looked at, and whether it is over.
  void Touch(ClassQueue& queue);
  void Forget(ClassQueue& queue);
  void Pump(ClassQueue& queue);
  Lease* PickLease(ClassQueue& queue);
  size_t WindowOf(const ClassQueue& queue) const;
  void Push(Lease& lease, TaskRecord& task);
  void SendBatch(Lease& lease);
  void LookAtDemand(ClassQueue& queue);
  void Demand(ClassQueue& queue, uint32_t wanted);
  void NoteDemanded(ClassQueue& queue, uint32_t leases);
  void SendDemand(ClassQueue& queue);
  void LeaseConnected(LeaseId id, absl::StatusOr<Peer*> peer);
  void LoseLease(Lease& lease);
  // `suspects` are of that class.
  void Judge(uint32_t class_id, const std::vector<uint64_t>& suspects, const WorkerEnd& end);
  void Charge(TaskRecord& task, const absl::Status& error);
  void Requeue(TaskRecord& task);
  void TakeOff(Lease& lease, TaskRecord& task);
  void ReturnLease(Lease& lease);
  // Forgets it; a caller that does not want it destroys it.
  std::unique_ptr<Lease> Detach(Lease& lease);
  void AfterProgress(Lease& lease);
  void ArmSweep();
  void Sweep();
  void StealFrom(Lease& lease);

  Env& env_;
  NodeLink& node_;
  PeerTable& peers_;
  Fates& fates_;
  TaskBook& book_;
  ActorEvents& actors_;
  JobId job_;
  NodeAddress job_origin_;
  bool outlives_driver_ = false;
  NodeAddress node_address_;
  ClassTable classes_;
  size_t demanding_ = 0;          // of them, those with a demand
  std::set<uint32_t> held_back_;  // those that want leases, when so many have a demand that no further one may
  // Of the task submitted last. Most have the same, and then nothing needs to be looked up.
  std::shared_ptr<const TaskOptions> last_options_;
  ClassQueue* last_queue_ = nullptr;
  std::map<LeaseId, Lease*> leases_;
  std::vector<Lease*> dirty_leases_;
  std::vector<ClassQueue*> dirty_queues_;
  bool urgent_ = false;
  TimerId sweep_ = 0;
  PushTasks push_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_TASK_DISPATCHER_H_

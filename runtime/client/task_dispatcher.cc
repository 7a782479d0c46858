#include "runtime/client/task_dispatcher.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {

TaskDispatcher::TaskDispatcher(Env& env, NodeLink& node, PeerTable& peers, Fates& fates, TaskBook& book,
                               ActorEvents& actors)
    : env_(env), node_(node), peers_(peers), fates_(fates), book_(book), actors_(actors) {}

TaskDispatcher::~TaskDispatcher() {
  env_.executor().Undefer(*this);
  env_.executor().CancelTimer(sweep_);
}

void TaskDispatcher::Clear() {
  env_.executor().CancelTimer(std::exchange(sweep_, 0));
  dirty_leases_.clear();
  leases_.clear();
  last_options_ = nullptr;
  last_queue_ = nullptr;
  demanding_ = 0;
  held_back_.clear();
  for (const auto& [id, queue] : classes_.all()) {  // which go when their tasks have failed
    queue->ready.clear();
    queue->leases.clear();
    queue->demanded = queue->taker_wants = 0;
    Touch(*queue);
  }
}

void TaskDispatcher::SetJob(JobId job, NodeAddress origin) {
  job_ = job;
  job_origin_ = std::move(origin);
}

absl::Status TaskDispatcher::Submit(TaskRecord& task) {
  if (last_options_ != task.options) {
    IOC_ASSIGN_OR_RETURN(const SchedulingClass asked, ClassOf(*task.options));
    last_queue_ = &classes_.Get(OfJob(asked), nullptr);
    last_options_ = task.options;
  }
  Enter(task, *last_queue_);
  return absl::OkStatus();
}

void TaskDispatcher::Enter(TaskRecord& task, ClassQueue& queue) {
  ++queue.uses;
  task.queue = &queue;
  task.sink = this;
  book_.AwaitArguments(task);
}

SchedulingClass TaskDispatcher::OfJob(const SchedulingClass& wanted) const {
  SchedulingClass spec = wanted;
  spec.job = job_;
  spec.job_origin = outlives_driver_ ? node_address_ : job_origin_;
  spec.outlives_driver = outlives_driver_;
  return spec;
}

void TaskDispatcher::Submit(TaskRecord& task, const SchedulingClass& spec) {
  Enter(task, classes_.Get(OfJob(spec), nullptr));
}

void TaskDispatcher::OnTaskReady(TaskRecord& task) {
  if (task.cancelled) return book_.Fail(task, absl::CancelledError());
  if (!node_.open()) return book_.Fail(task, MakeError(Cause::kDisconnected, "this cluster is shut down"));
  task.queue->ready.push_back(&task);
  Pump(*task.queue);
}

void TaskDispatcher::OnTaskDoomed(TaskRecord& task, const absl::Status& error) {
  if (task.kind == TaskKind::kCreateActor) actors_.OnActorFailed(task, error);
}

void TaskDispatcher::OnTaskOver(TaskRecord& task) {
  ClassQueue& queue = *task.queue;
  if (--queue.uses == 0 && queue.leases.empty()) Touch(queue);
}

size_t TaskDispatcher::WindowOf(const ClassQueue& queue) const {
  if (queue.spec.dedicated || queue.mean_ns == 0) return 1;
  const double fitting = static_cast<double>(absl::ToInt64Nanoseconds(kWindow)) / queue.mean_ns;
  return static_cast<size_t>(std::clamp<double>(fitting, 1, kMaxInFlight));
}

Lease* TaskDispatcher::PickLease(ClassQueue& queue) {
  const size_t window = WindowOf(queue);
  Lease* best = nullptr;
  for (const auto& lease : queue.leases) {
    if (lease->peer == nullptr || lease->recalled || lease->blocked || lease->taken || lease->stuck) {
      continue;
    }
    if (lease->in_flight.size() >= window) continue;
    if (best == nullptr || lease->in_flight.size() < best->in_flight.size()) best = lease.get();
  }
  return best;
}

void TaskDispatcher::Pump(ClassQueue& queue) {
  while (!queue.ready.empty()) {
    Lease* lease = PickLease(queue);
    if (lease == nullptr) break;
    TaskRecord* task = queue.ready.front();
    queue.ready.pop_front();
    Push(*lease, *task);
  }
  if (!queue.ready.empty() || queue.demanded > 0) Touch(queue);
}

void TaskDispatcher::Touch(ClassQueue& queue) {
  if (std::exchange(queue.dirty, true)) return;
  dirty_queues_.push_back(&queue);
  env_.executor().Defer(*this);
}

void TaskDispatcher::Forget(ClassQueue& queue) {
  if (queue.crossed && queue.told > 0) SendDemand(queue);
  if (last_queue_ == &queue) last_options_ = nullptr;
  held_back_.erase(queue.id);
  classes_.Erase(queue);
}

void TaskDispatcher::Push(Lease& lease, TaskRecord& task) {
  if (lease.in_flight.empty()) {
    lease.progress = env_.executor().Now();
    urgent_ = true;
  }
  task.lease = &lease;
  lease.taken = lease.queue->spec.dedicated;
  lease.in_flight.push_back(&task);
  lease.batch.push_back(&task);
  lease.batch_bytes += task.wire_bytes;
  if (lease.in_flight.size() == 2) ArmSweep();
  if (lease.batch_bytes > kBatchBytes) return SendBatch(lease);
  if (lease.dirty) return;
  lease.dirty = true;
  dirty_leases_.push_back(&lease);
  env_.executor().Defer(*this);
}

void TaskDispatcher::SendBatch(Lease& lease) {
  if (lease.batch.empty() || lease.peer == nullptr) return;
  push_.lease = lease.id;
  push_.functions.clear();
  push_.tasks.clear();
  PeerLink& link = *lease.peer->links.front();
  for (TaskRecord* task : lease.batch) book_.AppendTo(push_, *task, link);
  lease.batch.clear();
  lease.batch_bytes = 0;
  link.channel->Notify(push_);
}

void TaskDispatcher::RunDeferred() {
  urgent_ = false;
  for (Lease* lease : std::exchange(dirty_leases_, {})) {
    lease->dirty = false;
    SendBatch(*lease);
  }
  for (ClassQueue* queue : std::exchange(dirty_queues_, {})) {
    queue->dirty = false;
    LookAtDemand(*queue);
    if (queue->is_over()) Forget(*queue);  // unless it was touched again
  }
  while (demanding_ < kMaxDemandedClasses && !held_back_.empty()) {
    LookAtDemand(*classes_.Find(held_back_.extract(held_back_.begin()).value()));
  }
}

void TaskDispatcher::PushUrgent() {
  if (!urgent_) return;
  urgent_ = false;
  for (Lease* lease : dirty_leases_) {
    if (lease->in_flight.size() != lease->batch.size() || lease->peer == nullptr) continue;
    SendBatch(*lease);
    lease->peer->channel().Flush();
  }
}

void TaskDispatcher::LookAtDemand(ClassQueue& queue) {
  if (queue.taker != nullptr) return Demand(queue, queue.taker_wants);
  // A lease whose worker is being connected to will take one at least.
  const auto coming = static_cast<size_t>(std::count_if(queue.leases.begin(), queue.leases.end(),
                                                        [](const auto& lease) { return lease->peer == nullptr; }));
  const size_t missing = queue.ready.size() - std::min(queue.ready.size(), coming);
  const uint32_t wanted = static_cast<uint32_t>(std::min<size_t>(missing, kMaxDemand));
  // Not every change is worth a message: only the first, the last, and a doubling or halving.
  const bool first_or_last = (wanted == 0) != (queue.demanded == 0);
  if (!first_or_last && wanted < 2 * queue.demanded && 2 * wanted > queue.demanded) return;
  Demand(queue, wanted);
}

void TaskDispatcher::Demand(ClassQueue& queue, uint32_t wanted) {
  if (wanted == queue.demanded) return;
  if (queue.demanded == 0 && demanding_ >= kMaxDemandedClasses) {
    held_back_.insert(queue.id);
    return;
  }
  queue.crossed |= queue.demanded > 0;
  NoteDemanded(queue, wanted);
  SendDemand(queue);
}

void TaskDispatcher::NoteDemanded(ClassQueue& queue, uint32_t leases) {
  if (queue.demanded == 0 && leases > 0) ++demanding_;
  if (queue.demanded > 0 && leases == 0) {
    --demanding_;
    Touch(queue);  // others may have been held back, and it may be over
  }
  queue.demanded = leases;
}

void TaskDispatcher::SendDemand(ClassQueue& queue) {
  queue.told = queue.demanded;
  const uint32_t depth = queue.ready.empty() ? queue.taker_depth : queue.ready.front()->depth;
  node_.Notify(SetDemand{.class_id = queue.id, .spec = queue.spec, .wanted = queue.demanded, .depth = depth});
}

uint32_t TaskDispatcher::OpenClass(const SchedulingClass& spec, LeaseTaker& taker) {
  ClassQueue& queue = classes_.Get(OfJob(spec), &taker);
  queue.uses = 1;
  return queue.id;
}

void TaskDispatcher::Want(uint32_t class_id, uint32_t leases, uint32_t depth) {
  ClassQueue& queue = *classes_.Find(class_id);
  queue.taker_wants = leases;
  queue.taker_depth = depth;
  LookAtDemand(queue);
}

void TaskDispatcher::CloseClass(uint32_t class_id) {
  Want(class_id, 0, 0);
  ClassQueue& queue = *classes_.Find(class_id);
  queue.uses = 0;
  Touch(queue);
}

void TaskDispatcher::GiveBack(const ProcessAddress& worker, LeaseId lease) {
  peers_.With(worker, [lease](absl::StatusOr<Peer*> peer) {
    if (peer.ok()) (*peer)->channel().Notify(ioc::ReturnLease{.lease = lease});
  });
}

void TaskDispatcher::OnLeaseGranted(const LeaseGranted& granted) {
  ClassQueue* const known = classes_.Find(granted.class_id);
  if (known == nullptr) return GiveBack(granted.worker, granted.lease);
  ClassQueue& queue = *known;
  if (queue.demanded > 0) NoteDemanded(queue, queue.demanded - 1);
  if (queue.taker != nullptr) {
    if (queue.taker_wants > 0) --queue.taker_wants;
    return queue.taker->OnLease(granted);
  }
  auto lease = std::make_unique<Lease>();
  lease->id = granted.lease;
  lease->queue = &queue;
  lease->worker = granted.worker;
  lease->node = NodeOf(granted.worker, granted.node_name);
  lease->progress = env_.executor().Now();
  leases_[granted.lease] = lease.get();
  queue.leases.push_back(std::move(lease));
  peers_.With(granted.worker,
              [this, id = granted.lease](absl::StatusOr<Peer*> peer) { LeaseConnected(id, std::move(peer)); });
}

void TaskDispatcher::LeaseConnected(LeaseId id, absl::StatusOr<Peer*> peer) {
  auto it = leases_.find(id);
  if (it == leases_.end()) return;
  Lease& lease = *it->second;
  if (!peer.ok()) {
    env_.Log(LogLevel::kWarning,
             absl::StrCat("a leased worker can't be reached: ", std::string(peer.status().message())));
    ClassQueue& queue = *lease.queue;
    Detach(lease);
    return Pump(queue);
  }
  lease.peer = *peer;
  Pump(*lease.queue);
  // Nothing left to do for it: give it back now instead of when it has idled.
  if (lease.in_flight.empty()) ReturnLease(lease);
}

void TaskDispatcher::OnDemandRefused(const DemandRefused& refused) {
  ClassQueue* const known = classes_.Find(refused.class_id);
  if (known == nullptr) return;
  ClassQueue& queue = *known;
  NoteDemanded(queue, 0);
  queue.taker_wants = 0;
  if (queue.taker != nullptr) return queue.taker->OnRefused(queue.id, refused.error);
  for (TaskRecord* task : std::exchange(queue.ready, {})) {
    const absl::Status error = WithContext(refused.error, absl::StrCat(std::string(task->label()), " can't be placed"));
    if (task->kind == TaskKind::kCreateActor) actors_.OnActorFailed(*task, error);
    book_.Fail(*task, error);
  }
}

// A line in the log, once a class: its tasks would otherwise wait in silence until they fail.
void TaskDispatcher::OnDemandWarning(const DemandWarning& warning) {
  ClassQueue* const known = classes_.Find(warning.class_id);
  if (known == nullptr) return;
  ClassQueue& queue = *known;
  if (queue.taker != nullptr && !std::exchange(queue.warned, true)) {
    env_.Log(LogLevel::kWarning, absl::StrCat("actors that share a process can't be placed now: ", warning.reason));
  }
  if (queue.ready.empty() || std::exchange(queue.warned, true)) return;
  const size_t others = queue.ready.size() - 1;
  const absl::Duration timeout = queue.spec.placement_timeout;
  env_.Log(LogLevel::kWarning, absl::StrCat(std::string(queue.ready.front()->label()),
                                            others > 0 ? absl::StrCat(" (and ", others, " more)") : "",
                                            " can't be placed now: ", warning.reason,
                                            "; it fails when that has been so for ", absl::FormatDuration(timeout)));
}

void TaskDispatcher::TakeOff(Lease& lease, TaskRecord& task) {
  IOC_CHECK(!lease.in_flight.empty()) << "a task is not where it was pushed";
  task.lease = nullptr;
  // Answers come in order from the front, and what was asked back from the end: only what was cancelled lies between.
  if (lease.in_flight.front() == &task) return lease.in_flight.pop_front();
  if (lease.in_flight.back() == &task) return lease.in_flight.pop_back();
  auto it = std::find(lease.in_flight.begin(), lease.in_flight.end(), &task);
  IOC_CHECK(it != lease.in_flight.end()) << "a task is not where it was pushed";
  lease.in_flight.erase(it);
}

void TaskDispatcher::OnResult(PeerLink& link, TaskResult& result) {
  TaskRecord* task = book_.Find(result.sequence);
  if (task == nullptr || task->attempt != result.attempt || task->lease == nullptr || task->lease->peer != link.peer) {
    return book_.Discard(result, *link.peer);
  }
  Lease& lease = *task->lease;
  ClassQueue& queue = *lease.queue;
  lease.progress = env_.executor().Now();
  TakeOff(lease, *task);
  if (result.outcome == TaskOutcome::kReturned) {
    lease.blocked = result.blocked;
    if (!result.blocked) {
      // Neither asked for nor waiting: the worker does not know the lease any more, and would return the rest as well.
      if (lease.asked_back == 0) lease.recalled = true;
      if (lease.asked_back > 0) --lease.asked_back;
    }
    Requeue(*task);
    if (queue.spec.dedicated) return ReturnLease(lease);
  } else {
    lease.blocked = false;
    lease.stuck = false;
    const double run_ns = std::max<double>(1, static_cast<double>(result.run_ns));
    queue.mean_ns = queue.mean_ns == 0 ? run_ns : 0.9 * queue.mean_ns + 0.1 * run_ns;
    if (result.outcome == TaskOutcome::kDone) {
      if (task->kind == TaskKind::kCreateActor) {
        const std::unique_ptr<Lease> given = Detach(lease);
        actors_.OnActorConstructed(*task, given->worker, given->node.name);
        return book_.Complete(*task, result, link.peer->process, given->node);
      }
      book_.Complete(*task, result, link.peer->process, lease.node);
    } else if (task->kind == TaskKind::kCreateActor) {
      actors_.OnActorFailed(*task, result.error);
      book_.Fail(*task, result.error);
      return ReturnLease(lease);
    } else if (CauseOf(result.error) == Cause::kTaskThrew && task->options->retry_on_exception) {
      Charge(*task, result.error);
    } else {
      book_.Fail(*task, result.error);
    }
  }
  AfterProgress(lease);
}

void TaskDispatcher::AfterProgress(Lease& lease) {
  ClassQueue& queue = *lease.queue;
  Pump(queue);
  if (!lease.in_flight.empty() || queue.spec.dedicated) return;
  if (lease.recalled) return ReturnLease(lease);
  ArmSweep();
}

void TaskDispatcher::OnLeaseRecalled(LeaseId id) {
  auto it = leases_.find(id);
  if (it == leases_.end() || it->second->queue->spec.dedicated) return;
  it->second->recalled = true;
  if (it->second->in_flight.empty()) ReturnLease(*it->second);
}

void TaskDispatcher::ReturnLease(Lease& lease) {
  ClassQueue& queue = *lease.queue;
  if (lease.peer != nullptr) lease.peer->channel().Notify(ioc::ReturnLease{.lease = lease.id});
  Detach(lease);
  Pump(queue);
}

std::unique_ptr<Lease> TaskDispatcher::Detach(Lease& lease) {
  std::erase(dirty_leases_, &lease);
  leases_.erase(lease.id);
  auto& all = lease.queue->leases;
  const auto position =
      std::find_if(all.begin(), all.end(), [&lease](const auto& held) { return held.get() == &lease; });
  std::unique_ptr<Lease> detached = std::move(*position);
  all.erase(position);
  if (all.empty() && lease.queue->uses == 0) Touch(*lease.queue);
  return detached;
}

void TaskDispatcher::Requeue(TaskRecord& task) {
  task.lease = nullptr;
  if (task.cancelled) return book_.Fail(task, absl::CancelledError());
  task.queue->ready.push_front(&task);
}

void TaskDispatcher::OnPeerGone(Peer& peer) {
  std::vector<Lease*> lost;
  for (const auto& [id, lease] : leases_) {
    if (lease->peer == &peer) lost.push_back(lease);
  }
  for (Lease* lease : lost) lease->peer = nullptr;  // what one gives back must not go to another
  for (Lease* lease : lost) LoseLease(*lease);
}

void TaskDispatcher::LoseLease(Lease& lease) {
  ClassQueue& queue = *lease.queue;
  // What was not sent yet has lost nothing. Backwards, so that it stands at the front of the queue in its old order.
  for (auto task = lease.batch.rbegin(); task != lease.batch.rend(); ++task) {
    TakeOff(lease, **task);
    Requeue(**task);
  }
  std::vector<uint64_t> suspects;
  for (TaskRecord* task : lease.in_flight) {
    task->lease = nullptr;
    book_.NoteTried(*task, lease.node);
    suspects.push_back(task->sequence);
  }
  const ProcessAddress worker = lease.worker;
  const std::string node_name = lease.node.name;
  Detach(lease);
  if (!suspects.empty()) {
    fates_.Ask(worker, node_name, [this, class_id = queue.id, suspects = std::move(suspects)](const WorkerEnd& end) {
      Judge(class_id, suspects, end);
    });
  }
  Pump(queue);
}

void TaskDispatcher::Judge(uint32_t class_id, const std::vector<uint64_t>& suspects, const WorkerEnd& end) {
  const size_t started = end.Started(suspects, book_.self());
  // Backwards, so that they stand at the front of their queue in their old order.
  for (size_t i = suspects.size(); i-- > 0;) {
    TaskRecord* task = book_.Find(suspects[i]);
    if (task == nullptr) continue;
    if (end.cut_off) book_.LoseItems(*task);
    if (i < started) {
      Charge(*task, end.error);
    } else {
      Requeue(*task);
    }
  }
  if (ClassQueue* const queue = classes_.Find(class_id)) Pump(*queue);
}

void TaskDispatcher::Charge(TaskRecord& task, const absl::Status& error) {
  const bool give_up = task.retries_left == 0 || task.cancelled;
  if (give_up) {
    const std::string who = absl::StrCat(task.kind == TaskKind::kCreateActor ? "constructor " : "task ",
                                         std::string(task.label()), " (attempt ", task.attempt + 1, ")");
    const absl::Status told = CauseOf(error) == Cause::kTaskThrew ? error : WithContext(error, who);
    if (task.kind == TaskKind::kCreateActor) actors_.OnActorFailed(task, told);
    return book_.Fail(task, told);
  }
  if (task.retries_left > 0) --task.retries_left;
  ++task.attempt;
  Requeue(task);
}

void TaskDispatcher::Cancel(TaskRecord& task, bool force) {
  book_.SettleEarly(task,
                    MakeError(Cause::kCancelled, absl::StrCat("task ", std::string(task.label()), " was cancelled")));
  if (task.lease != nullptr && task.lease->peer != nullptr) {
    SendBatch(*task.lease);
    task.lease->peer->channel().Notify(CancelTask{.sequence = task.sequence, .force = force});
    return;
  }
  auto& ready = task.queue->ready;
  auto it = std::find(ready.begin(), ready.end(), &task);
  if (it == ready.end()) return;  // waits for arguments or its fate: its sink ends it then
  ready.erase(it);
  book_.Fail(task, absl::CancelledError());
}

void TaskDispatcher::ArmSweep() {
  if (sweep_ != 0) return;
  sweep_ = env_.executor().Schedule(kWindow, [this] {
    sweep_ = 0;
    Sweep();
  });
}

// Looks after leases: takes back what waits behind a task that is longer than was thought, and returns idle ones. Runs
// only while there are such.
void TaskDispatcher::Sweep() {
  const absl::Time now = env_.executor().Now();
  absl::Time next = absl::InfiniteFuture();
  std::vector<Lease*> stale;
  for (const auto& [id, lease] : leases_) {
    if (lease->queue->spec.dedicated || lease->peer == nullptr) continue;
    if (lease->in_flight.size() > 1) {
      next = std::min(next, now + kWindow);
      if (now - lease->progress >= kWindow) StealFrom(*lease);
    } else if (lease->in_flight.empty()) {
      if (now - lease->progress >= kIdleLease) stale.push_back(lease);
      next = std::min(next, std::max(now, lease->progress + kIdleLease));
    }
  }
  for (Lease* lease : stale) ReturnLease(*lease);
  if (next == absl::InfiniteFuture() || sweep_ != 0) return;
  sweep_ = env_.executor().Schedule(next - now, [this] {
    sweep_ = 0;
    Sweep();
  });
}

void TaskDispatcher::StealFrom(Lease& lease) {
  if (lease.stuck) return;
  lease.stuck = true;
  const auto count = static_cast<uint32_t>(lease.in_flight.size() - 1);
  lease.asked_back += count;
  lease.peer->channel().Notify(RecallTasks{.lease = lease.id, .count = count});
}

}  // namespace ioc

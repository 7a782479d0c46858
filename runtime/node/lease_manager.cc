#include "runtime/node/lease_manager.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace ioc {

LeaseManager::LeaseManager(Env& env, const NodeInfo& info, Sessions& sessions, WorkerPool& workers, Listener& listener)
    : env_(env),
      info_(info),
      sessions_(sessions),
      workers_(workers),
      listener_(listener),
      scheduler_(info, env.Random(), workers.max_workers()) {}

LeaseManager::~LeaseManager() { env_.executor().CancelTimer(recall_timer_); }

absl::Status LeaseManager::SetDemand(ProcessId client, const ioc::SetDemand& demand) {
  const DemandKey key{client, demand.class_id};
  absl::Status status = scheduler_.SetDemand(key, demand.spec, demand.wanted, demand.depth, env_.executor().Now());
  if (CauseOf(status) == Cause::kInvalidArgument) {
    sessions_.Notify(client, DemandRefused{.class_id = demand.class_id, .error = status});
    return absl::OkStatus();
  }
  IOC_RETURN_IF_ERROR(status);
  Pump();
  return absl::OkStatus();
}

// Its leases for tasks end by their workers, which see its connections close. An actor outlives a broken connection, so
// its worker has to be told.
void LeaseManager::ClientGone(ProcessId client) {
  scheduler_.DropClient(client);
  std::vector<std::pair<LeaseId, ProcessId>> actors;
  for (const auto& [lease, progress] : progress_) {
    const LocalScheduler::Lease* record = scheduler_.Find(lease);
    if (record != nullptr && record->granted && record->spec->dedicated && record->demand.client == client) {
      actors.emplace_back(lease, progress.worker);
    }
  }
  for (const auto& [lease, worker] : actors) EndWithWorker(lease, worker);
  Pump();
}

void LeaseManager::EndOf(ProcessId worker) {
  const auto found = by_worker_.find(worker);
  if (found == by_worker_.end()) return;
  EndWithWorker(found->second, worker);
  Pump();
}

ProcessId LeaseManager::WorkerOf(LeaseId lease) const {
  const LocalScheduler::Lease* record = scheduler_.Find(lease);
  const auto progress = progress_.find(lease);
  return record != nullptr && record->granted && progress != progress_.end() ? progress->second.worker : ProcessId();
}

bool LeaseManager::OutlivesDriver(ProcessId worker) const {
  const auto found = by_worker_.find(worker);
  const LocalScheduler::Lease* lease = found == by_worker_.end() ? nullptr : scheduler_.Find(found->second);
  return lease != nullptr && lease->spec->outlives_driver;
}

void LeaseManager::Pump() {
  pump_again_ = true;
  if (pumping_) return;
  pumping_ = true;
  while (std::exchange(pump_again_, false)) {
    while (std::optional<LeaseId> lease = scheduler_.Next(env_.executor().Now())) FindWorker(*lease);
  }
  pumping_ = false;
  for (const LocalScheduler::Forward& forward : scheduler_.TakeForwards(/*urgent_only=*/true)) {
    listener_.ForwardToHead(forward);
  }
  RecallForWaiting();
  WarnIfFull();
  listener_.OnLeasesChanged();
}

// Tasks that wait for others, or actors, may have them for ever.
void LeaseManager::WarnIfFull() {
  const absl::Time now = env_.executor().Now();
  if (now < next_warning_ || !scheduler_.IsShortOfWorkers()) return;
  next_warning_ = now + kFullWarningPeriod;
  env_.Log(LogLevel::kWarning, absl::StrCat("node ", info_.name, " has ", progress_.size(),
                                            " workers in use, as many as it may, and ", scheduler_.waiting(),
                                            " leases are waited for; they come when an actor or a task ends, or from "
                                            "another node"));
}

void LeaseManager::FlushForwards() {
  for (const LocalScheduler::Forward& forward : scheduler_.TakeForwards(/*urgent_only=*/false)) {
    listener_.ForwardToHead(forward);
  }
}

void LeaseManager::RecallForWaiting() {
  const absl::Time now = env_.executor().Now();
  const LocalScheduler::Recall recall = scheduler_.LeasesToRecall(now);
  for (LeaseId lease : recall.leases) {
    auto progress = progress_.find(lease);
    if (progress != progress_.end()) sessions_.Notify(progress->second.worker, RecallLease{.lease = lease});
  }
  if (recall.again == absl::InfiniteDuration() || (recall_timer_ != 0 && recall_at_ <= now + recall.again)) return;
  env_.executor().CancelTimer(recall_timer_);
  recall_at_ = now + recall.again;
  recall_timer_ = env_.executor().Schedule(recall.again, life_.Bind([this] {
    recall_timer_ = 0;
    scheduler_.DropOldPromises(env_.executor().Now()) ? Pump() : RecallForWaiting();
  }));
}

void LeaseManager::FindWorker(LeaseId lease) {
  const std::shared_ptr<const SchedulingClass> spec = scheduler_.Find(lease)->spec;
  progress_.try_emplace(lease);
  workers_.Acquire(spec->job, spec->job_origin,
                   {.outlives_driver = spec->outlives_driver, .ends_with_lease = spec->dedicated},
                   life_.Bind([this, lease](const absl::StatusOr<ProcessId>& worker) { WorkerFound(lease, worker); }));
}

void LeaseManager::WorkerFound(LeaseId lease, const absl::StatusOr<ProcessId>& worker) {
  if (!worker.ok()) return NoWorker(lease, worker.status());
  Session* session = sessions_.FindProcess(*worker);
  if (session == nullptr || !scheduler_.IsWanted(lease)) {
    PlaceHandler placed = std::move(progress_[lease].placed);
    End(lease);
    workers_.Release(*worker, /*reusable=*/session != nullptr);
    if (placed) placed(absl::FailedPreconditionError("the worker ended before it could be asked"));
    return Pump();
  }
  progress_[lease].worker = *worker;
  by_worker_[*worker] = lease;
  const LocalScheduler::Lease& record = *scheduler_.Find(lease);
  const int64_t cpus = record.spec->resources.GetTicks(kCpu) / ResourceSet::kUnit;
  session->channel().Call(AssignLease{.lease = lease,
                                      .client = record.demand.client,
                                      .dedicated = record.spec->dedicated,
                                      .cpus = static_cast<uint32_t>(std::clamp<int64_t>(cpus, 1, 1 << 20)),
                                      .outlives_driver = record.spec->outlives_driver},
                          kAssignTimeout,
                          life_.Bind([this, lease, worker = *worker](absl::StatusOr<AssignLease::Reply> reply) {
                            Assigned(lease, worker, reply.status());
                          }));
}

// The job can't run here, now or ever. Others may have room for it: the head knows them, and refuses what none can run.
void LeaseManager::NoWorker(LeaseId lease, const absl::Status& why) {
  const LocalScheduler::Lease* record = scheduler_.Find(lease);
  if (record == nullptr) return;
  scheduler_.NoteUnrunnable(record->spec->job, env_.executor().Now() + kRefuseJobFor);
  PlaceHandler placed = std::move(progress_[lease].placed);
  End(lease);
  if (placed) placed(why);
  Pump();
}

void LeaseManager::Assigned(LeaseId lease, ProcessId worker, const absl::Status& status) {
  if (!IsLeaseOf(worker, lease)) return;  // the worker was lost meanwhile
  if (!status.ok()) {
    auto progress = progress_.find(lease);
    PlaceHandler placed = std::move(progress->second.placed);
    EndWithWorker(lease, worker);
    if (placed) placed(status);
    return Pump();
  }
  Grant(lease, worker);
}

void LeaseManager::Grant(LeaseId lease, ProcessId worker) {
  const LocalScheduler::Lease& record = *scheduler_.Find(lease);
  const DemandKey demand = record.demand;
  const bool placed = record.placed;
  scheduler_.Granted(lease, env_.executor().Now());
  if (placed) {
    PlaceHandler handler = std::move(progress_[lease].placed);
    handler(PlaceLease::Reply{
        .lease = lease, .worker = AddressOf(worker), .free = scheduler_.free_for_head(), .version = ++version_});
  } else {
    sessions_.Notify(
        demand.client,
        LeaseGranted{
            .class_id = demand.class_id, .lease = lease, .worker = AddressOf(worker), .node_name = info_.name});
  }
  RecallForWaiting();
}

bool LeaseManager::IsLeaseOf(ProcessId worker, LeaseId lease) const {
  auto found = by_worker_.find(worker);
  return found != by_worker_.end() && found->second == lease;
}

void LeaseManager::End(LeaseId lease) {
  Forget(lease);
  scheduler_.End(lease);
}

void LeaseManager::EndWithWorker(LeaseId lease, ProcessId worker) {
  Forget(lease);
  scheduler_.BeginEnd(lease);
  ending_[worker] = lease;
  workers_.Release(worker, /*reusable=*/false);
}

void LeaseManager::Forget(LeaseId lease) {
  auto progress = progress_.find(lease);
  if (progress != progress_.end()) {
    if (IsLeaseOf(progress->second.worker, lease)) by_worker_.erase(progress->second.worker);
    progress_.erase(progress);
  }
}

void LeaseManager::LeaseEnded(ProcessId worker, LeaseId lease) {
  const LocalScheduler::Lease* record = scheduler_.Find(lease);
  if (record == nullptr || !record->granted || !IsLeaseOf(worker, lease)) return;
  if (record->spec->dedicated) {
    EndWithWorker(lease, worker);
  } else {
    End(lease);
    workers_.Release(worker, /*reusable=*/true);
  }
  Pump();
}

void LeaseManager::TaskBlocked(ProcessId worker, LeaseId lease, bool blocked) {
  if (!IsLeaseOf(worker, lease)) return;
  blocked ? scheduler_.Block(lease) : scheduler_.Unblock(lease);
  Pump();
}

void LeaseManager::WorkerLost(ProcessId worker) {
  auto found = by_worker_.find(worker);
  if (found == by_worker_.end()) return;
  const LeaseId lease = found->second;
  PlaceHandler placed = std::move(progress_[lease].placed);
  EndWithWorker(lease, worker);
  if (placed) placed(absl::FailedPreconditionError("the worker ended before it could take the lease"));
  Pump();
}

void LeaseManager::WorkerExited(ProcessId worker) {
  WorkerLost(worker);
  const auto found = ending_.find(worker);
  if (found == ending_.end()) return;
  scheduler_.End(found->second);
  ending_.erase(found);
  Pump();
}

void LeaseManager::Place(const PlaceLease& place, PlaceHandler handler) {
  absl::StatusOr<LeaseId> lease = scheduler_.Reserve(place.client, place.spec);
  if (!lease.ok()) return handler(lease.status());
  progress_[*lease].placed = std::move(handler);
  FindWorker(*lease);
  listener_.OnLeasesChanged();
}

void LeaseManager::Granted(const ForwardGrant& grant) {
  scheduler_.NotePlaced({grant.client, grant.class_id});
  sessions_.Notify(
      grant.client,
      LeaseGranted{
          .class_id = grant.class_id, .lease = grant.lease, .worker = grant.worker, .node_name = grant.node_name});
  listener_.OnLeasesChanged();
}

void LeaseManager::Refused(const ForwardRefusal& refusal) {
  scheduler_.NoteRefused({refusal.client, refusal.class_id});
  sessions_.Notify(refusal.client, DemandRefused{.class_id = refusal.class_id, .error = refusal.error});
  listener_.OnLeasesChanged();
}

void LeaseManager::Warned(const ForwardWarning& warning) {
  sessions_.Notify(warning.client, DemandWarning{.class_id = warning.class_id, .reason = warning.reason});
}

void LeaseManager::NewHead() {
  scheduler_.ForgetForwards();
  FlushForwards();
}

void LeaseManager::HeadAway() {
  scheduler_.ForgetOutlook();
  Pump();
}

void LeaseManager::SetOutlook(const Outlook& outlook) {
  scheduler_.SetOutlook(outlook, env_.executor().Now());
  Pump();
}

void LeaseManager::Describe(ReportResources& report) {
  report.version = ++version_;
  report.free = scheduler_.free_for_head();
  report.leases = static_cast<uint32_t>(scheduler_.leases_for_head());
  report.waiting = scheduler_.waiting();
  report.full = scheduler_.full_for_head();
}

void LeaseManager::Count(NodeCensus& census) const {
  census.leases = progress_.size();
  census.waiting = scheduler_.waiting();
  census.demands = scheduler_.demands();
}

ProcessAddress LeaseManager::AddressOf(ProcessId worker) const {
  return {.process = worker,
          .node = info_.address.node,
          .machine = info_.address.machine,
          .local_address = info_.address.local_address,
          .node_address = info_.address.node_address};
}

}  // namespace ioc

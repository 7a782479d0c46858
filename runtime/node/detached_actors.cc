#include "runtime/node/detached_actors.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/fate.h"

namespace ioc {

DetachedActors::DetachedActors(Env& env, std::string node_name, Sessions& sessions, WorkerPool& workers,
                               LeaseManager& leases, HeadLink& head)
    : env_(env),
      node_name_(std::move(node_name)),
      sessions_(sessions),
      workers_(workers),
      leases_(leases),
      head_(head) {}

DetachedActors::~DetachedActors() { env_.executor().CancelTimer(retry_timer_); }

absl::Status DetachedActors::Host(const HostActor& request) {
  const ProcessId worker = leases_.WorkerOf(request.lease);
  Session* session = worker ? sessions_.FindProcess(worker) : nullptr;
  if (session == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the lease for actor ", request.actor.ToString(), " on node ", node_name_, " has ended"));
  }
  // One of an earlier incarnation is not wanted any more: the head has given it up.
  if (const auto former = records_.find(request.actor); former != records_.end()) {
    if (former->second.lives()) leases_.EndOf(former->second.worker.process);
    records_.erase(former);
  }
  records_[request.actor] = {.incarnation = request.incarnation, .worker = leases_.AddressOf(worker)};
  session->channel().Notify(
      ConstructActor{.actor = request.actor, .incarnation = request.incarnation, .constructor = request.constructor});
  return absl::OkStatus();
}

DetachedActors::Records::iterator DetachedActors::FindByWorker(ProcessId worker) {
  return std::find_if(records_.begin(), records_.end(), [worker](const auto& entry) {
    return entry.second.lives() && entry.second.worker.process == worker;
  });
}

void DetachedActors::Constructed(ProcessId worker, const ActorConstructed& constructed) {
  const auto found = FindByWorker(worker);
  if (found == records_.end() || found->first != constructed.actor) return;
  Record& record = found->second;
  if (record.incarnation != constructed.incarnation || record.state != HostedState::kConstructing) return;
  record.state = constructed.error.ok() ? HostedState::kAlive : HostedState::kFailed;
  record.error = constructed.error;
  Report(found->first, record);
}

void DetachedActors::WorkerLost(ProcessId worker) {
  const auto found = FindByWorker(worker);
  if (found == records_.end() || std::exchange(found->second.ending, true)) return;
  workers_.AskFate(worker, kActorFateTimeout,
                   life_.Bind([this, actor = found->first, incarnation = found->second.incarnation](
                                  const GetWorkerFate::Reply& fate) { WorkerEnded(actor, incarnation, fate); }));
}

void DetachedActors::WorkerEnded(ObjectId actor, uint32_t incarnation, const GetWorkerFate::Reply& fate) {
  const auto found = records_.find(actor);
  if (found == records_.end() || found->second.incarnation != incarnation || !found->second.lives()) return;
  Record& record = found->second;
  record.state = HostedState::kEnded;
  record.error = MakeError(Cause::kWorkerDied, fate.known && !fate.running
                                                   ? DescribeFate(fate, absl::StrCat("node ", node_name_))
                                                   : absl::StrCat("its worker on node ", node_name_, " was lost"));
  Report(actor, record);
}

void DetachedActors::End(const EndActor& end) {
  const auto found = records_.find(end.actor);
  if (found == records_.end() || found->second.incarnation != end.incarnation || !found->second.lives()) return;
  leases_.EndOf(found->second.worker.process);
}

void DetachedActors::NewHead() {
  for (auto& [actor, record] : records_) Report(actor, record);
}

void DetachedActors::Report(ObjectId actor, Record& record) {
  record.told = true;
  const ReportActor report{.actor = actor,
                           .incarnation = record.incarnation,
                           .state = record.state,
                           .worker = record.worker,
                           .error = record.error};
  head_.Call(report, kHeadCallTimeout,
             life_.Bind([this, report](const absl::StatusOr<ReportActor::Reply>& reply) { Reported(report, reply); }));
}

void DetachedActors::Reported(const ReportActor& report, const absl::StatusOr<ReportActor::Reply>& reply) {
  const auto found = records_.find(report.actor);
  if (found == records_.end() || found->second.incarnation != report.incarnation) return;
  Record& record = found->second;
  if (!reply.ok()) {
    record.told = false;
    if (retry_timer_ == 0) {
      retry_timer_ = env_.executor().Schedule(kActorReportRetry, life_.Bind([this] { ReportAgain(); }));
    }
    return;
  }
  if (record.state != report.state) return;  // what has come of it since is on its way
  if (!record.lives()) {
    records_.erase(found);
  } else if (reply->unwanted) {
    leases_.EndOf(record.worker.process);
  }
}

void DetachedActors::ReportAgain() {
  retry_timer_ = 0;
  for (auto& [actor, record] : records_) {
    if (!record.told) Report(actor, record);
  }
}

}  // namespace ioc

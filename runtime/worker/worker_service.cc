// The part of Worker that serves its node and its clients: leases, pushes, recalls, cancels.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/status.h"
#include "lib/objects/worker_page.h"
#include "lib/serde/function_table.h"
#include "runtime/worker/stream_out.h"
#include "runtime/worker/worker.h"

namespace ioc {

namespace {

absl::StatusOr<const internal::FunctionInfo*> FunctionOf(const FunctionNumber& numbered) {
  return FindFunction({.build_id = numbered.key.build_id,
                       .offset = numbered.key.offset,
                       .name = numbered.key.name,
                       .label = numbered.key.label});
}

}  // namespace

// --- leases ---

void Worker::OnAssignLease(const AssignLease& lease) {
  lease_ = lease.lease;
  lease_client_ = lease.client;
  dedicated_ = lease.dedicated;
  client_->set_outlives_driver(lease.outlives_driver);
  lease_ending_ = false;
  recall_untold_ = false;
  if (running_.empty()) omp_threads_.SetCpus(lease.cpus);
  // Other clients number their tasks alike: what the last one's began must not be taken for one of this one's.
  if (client_->registration().status_page != nullptr) {
    WorkerPage& page = WorkerPageIn(*client_->registration().status_page);
    page.started.store(0, std::memory_order_relaxed);
    page.caller.store(0, std::memory_order_relaxed);
  }
  env_->executor().CancelTimer(connect_timer_);
  connect_timer_ = env_->executor().Schedule(kLeaseConnectTimeout, [this] {
    connect_timer_ = 0;
    if (!lease_ || LeaseIsUsed()) return;
    // An actor's owner was connected: that has only broken.
    actors_.empty() ? EndLease() : AwaitOwner();
  });
}

// Its client has come, or, if that is the head, the actor for which it wants the lease.
bool Worker::LeaseIsUsed() const {
  if (lease_client_ == kHeadProcess) return constructing_ || !actors_.empty();
  return client_->peers().Find(lease_client_) != nullptr;
}

// A detached actor: its constructor comes by way of the node, and so goes the answer. Nobody else may push here.
void Worker::OnConstructActor(const ConstructActor& construct) {
  if (lease_client_ != kHeadProcess || constructing_ || !actors_.empty()) return;
  constructing_ = construct.actor;
  incarnation_ = construct.incarnation;
  auto frame = std::make_shared<PushFrame>();
  frame->words.resize((construct.constructor.size() + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::memcpy(frame->words.data(), construct.constructor.data(), construct.constructor.size());
  absl::Status status = Decode(std::as_bytes(std::span(frame->words)), frame->push);
  const PushTasks& push = frame->push;
  if (status.ok() && (push.tasks.size() != 1 || push.functions.size() != 1 ||
                      push.tasks.front().kind != TaskKind::kCreateActor || push.tasks.front().actor != constructing_)) {
    status = MakeError(Cause::kInvalidArgument, "what came to make a detached actor is no constructor of it");
  }
  if (!status.ok()) return TellConstructed(status);
  const auto function = FunctionOf(push.functions.front());
  if (!function.ok()) return TellConstructed(function.status());
  auto job = std::make_unique<Job>();
  job->number = ++last_job_;
  job->spec = &push.tasks.front();
  job->function = *function;
  job->caller = kHeadProcess;
  job->lease = lease_;
  job->frame = std::move(frame);
  queue_.push_back(std::move(job));
  WakeOne();
}

void Worker::TellConstructed(const absl::Status& status) {
  client_->node().Notify(
      ActorConstructed{.actor = std::exchange(constructing_, {}), .incarnation = incarnation_, .error = status});
  if (!status.ok()) EndLease();
}

void Worker::EndLease() {
  lease_ending_ = true;
  if (!running_.empty() || !lease_) return;
  lease_ending_ = false;
  client_->node().Notify(LeaseEnded{.lease = std::exchange(lease_, {})});
  told_blocked_ = false;
  lease_client_ = {};
  // Calls that came before are still answered; then the actor's process ends.
  if (dedicated_) Stop();
}

void Worker::OnReturnLease(PeerLink&, LeaseId lease) {
  if (lease == lease_) EndLease();
}

void Worker::OnRecallLease(LeaseId lease) {
  if (lease != lease_ || dedicated_) return;
  Peer* peer = client_->peers().Find(lease_client_);
  recall_untold_ = peer == nullptr;
  if (peer != nullptr) peer->channel().Notify(LeaseRecalled{.lease = lease});
}

void Worker::OnPeerGone(Peer& peer) {
  // Calls of an actor run nevertheless: only the connection may be lost, and their caller comes back.
  std::erase_if(queue_, [&peer](const auto& job) { return job->caller == peer.process && !job->spec->shared; });
  if (lease_ && peer.process == lease_client_) {
    if (dedicated_) {
      AwaitOwner();
    } else {
      EndLease();
    }
  }
  EndJobsOf(peer.process);
}

// Nobody waits for the answer of a task that runs, so it may not hold its CPU as long as it likes.
void Worker::EndJobsOf(ProcessId caller) {
  for (Job* job : running_) {
    if (job->caller != caller) continue;
    if (job->stream != nullptr && !job->taken) job->stream->Close();
    if (job->spec->kind == TaskKind::kTask) EndSoon(*job, /*exit_code=*/0);
  }
}

// It sees that it is cancelled, and what it has submitted is cancelled as well.
void Worker::CancelJob(Job& job, bool force) {
  if (std::exchange(job.cancelled, true)) return;
  if (job.stream != nullptr) job.stream->Close();
  if (job.coroutine != nullptr) job.coroutine->Cancel();
  if (job.fetching != nullptr) env_->executor().Notify(*job.fetching);
  client_->CancelChildren(job.number, force);
}

void Worker::OnStreamCredit(PeerLink& link, const StreamCredit& credit) {
  for (Job* job : running_) {
    if (job->link == link.id && job->spec->sequence == credit.sequence && job->stream != nullptr) {
      return job->stream->OnCredit(credit.taken);
    }
  }
}

// It sees that it is cancelled; if it does not end then, the process does.
void Worker::EndSoon(Job& job, int exit_code) {
  CancelJob(job, /*force=*/false);
  TimerId& timer = end_timers_[job.number];
  if (timer != 0) return;
  timer = env_->executor().Schedule(kForceGrace, [this, number = job.number, exit_code] {
    end_timers_.erase(number);
    if (FindRunning(number) != nullptr) exit_now_(exit_code);
  });
}

void Worker::OnStop(std::string_view) {
  if (!running_.empty()) return exit_now_(0);
  Stop();
}

// --- pushes ---

void Worker::NumberFunctions(PeerLink& link, const PushTasks& push) {
  for (const FunctionNumber& numbered : push.functions) {
    if (numbered.number >= kMaxNumberedFunctions) continue;
    while (link.received_functions.size() <= numbered.number) {
      link.received_functions.emplace_back(
          MakeError(Cause::kInternal, "a function was called by a number that it was not given"));
    }
    link.received_functions[numbered.number] = FunctionOf(numbered);
  }
}

bool Worker::Accepts(const PeerLink& link, const PushTasks& push) const {
  return lease_ && push.lease == lease_ && link.peer->process == lease_client_;
}

void Worker::OnPushTasks(PeerLink& link, std::shared_ptr<PushFrame> frame) {
  if (recall_untold_ && link.peer->process == lease_client_) {
    recall_untold_ = false;
    link.channel->Notify(LeaseRecalled{.lease = lease_});
  }
  NumberFunctions(link, frame->push);
  for (const TaskSpec& spec : frame->push.tasks) Enqueue(link, frame, spec);
}

void Worker::Enqueue(PeerLink& link, const std::shared_ptr<PushFrame>& frame, const TaskSpec& spec) {
  auto job = std::make_unique<Job>();
  job->number = ++last_job_;
  job->frame = frame;
  job->spec = &spec;
  job->link = link.id;
  job->caller = link.peer->process;
  job->lease = frame->push.lease;
  if (spec.kind == TaskKind::kActorCall) return TakeCall(link, std::move(job));
  if (!Accepts(link, frame->push)) return ReplyReturned(*job, false);
  if (blocked_ > 0 && spec.kind == TaskKind::kTask) return ReplyReturned(*job, true);
  if (!SetFunction(link, *job)) return;
  if ((spec.kind == TaskKind::kTask) != (job->function->actor_class == nullptr)) {
    return ReplyFailed(*job, MakeError(Cause::kTypeMismatch,
                                       absl::StrCat(std::string(job->function->label), " is not what it was sent as")));
  }
  if (spec.shared && spec.kind == TaskKind::kCreateActor && !TakeConstructor(link, *job)) return;
  queue_.push_back(std::move(job));
  WakeOne();
}

// Answers it if there is none.
bool Worker::SetFunction(PeerLink& link, Job& job) {
  if (job.spec->function >= link.received_functions.size()) {
    ReplyFailed(job, MakeError(Cause::kInternal, "a function was called by a number that it was not given"));
    return false;
  }
  const auto& function = link.received_functions[job.spec->function];
  if (!function.ok()) {
    ReplyFailed(job, function.status());
    return false;
  }
  job.function = *function;
  return true;
}

void Worker::OnRecallTasks(PeerLink&, const RecallTasks& recall) {
  for (uint32_t i = 0; i < recall.count && !queue_.empty() && queue_.back()->lease == recall.lease; ++i) {
    ReplyReturned(*queue_.back(), false);
    queue_.pop_back();
  }
}

void Worker::OnCancelTask(PeerLink& link, const CancelTask& cancel) {
  const auto matches = [&](const Job& job) { return job.link == link.id && job.spec->sequence == cancel.sequence; };
  std::unique_ptr<Job> waiting;
  if (HostedActor* const actor = FindActor(cancel.actor)) {
    for (const auto& group : actor->groups()) {
      if (waiting == nullptr) waiting = group->waiting.Take(matches);
    }
  } else if (const auto it = std::find_if(queue_.begin(), queue_.end(), [&](const auto& job) { return matches(*job); });
             it != queue_.end()) {
    waiting = std::move(*it);
    queue_.erase(it);
  }
  if (waiting != nullptr) {
    return ReplyFailed(*waiting, MakeError(Cause::kCancelled, "cancelled before it started"));
  }
  for (Job* job : running_) {
    if (!matches(*job)) continue;
    CancelJob(*job, cancel.force);
    if (cancel.force) EndSoon(*job, /*exit_code=*/1);
    return;
  }
}

}  // namespace ioc

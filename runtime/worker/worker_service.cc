// The part of Worker that serves its node and its clients: leases, pushes, recalls, cancels.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/objects/worker_page.h"
#include "lib/serde/function_table.h"
#include "runtime/worker/stream_out.h"
#include "runtime/worker/worker.h"

namespace ioc {

// --- leases ---

void Worker::OnAssignLease(const AssignLease& lease) {
  lease_ = lease.lease;
  lease_client_ = lease.client;
  dedicated_ = lease.dedicated;
  lease_ending_ = false;
  recall_untold_ = false;
  // Other clients number their tasks alike: what the last one's began must not be taken for one of this one's.
  if (client_->registration().status_page != nullptr) {
    WorkerPageIn(*client_->registration().status_page).started.store(0, std::memory_order_relaxed);
  }
  env_->executor().CancelTimer(connect_timer_);
  connect_timer_ = env_->executor().Schedule(kLeaseConnectTimeout, [this] {
    connect_timer_ = 0;
    if (lease_ && client_->peers().Find(lease_client_) == nullptr) EndLease();
  });
}

void Worker::EndLease() {
  lease_ending_ = true;
  if (!running_.empty() || !lease_) return;
  lease_ending_ = false;
  client_->node().Notify(LeaseEnded{.lease = std::exchange(lease_, {})});
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
  std::erase_if(queue_, [&peer](const auto& job) { return job->caller == peer.process && !job->taken; });
  if (lease_ && peer.process == lease_client_) {
    if (dedicated_) {
      AwaitOwner();
    } else {
      EndLease();
    }
  }
  // Nobody waits for the answer of a task that runs, so it may not hold its CPU as long as it likes.
  for (Job* job : running_) {
    if (job->caller != peer.process) continue;
    if (job->stream != nullptr && !job->taken) job->stream->Close();
    if (job->spec->kind == TaskKind::kTask) EndSoon(*job, /*exit_code=*/0);
  }
}

// An actor goes with its owner's process, and its node says so when it hears of that end. It may not hear.
void Worker::AwaitOwner() {
  if (absence_timer_ != 0) return;
  absence_timer_ = env_->executor().Schedule(kOwnerAbsence, [this] {
    absence_timer_ = 0;
    if (!lease_ || client_->peers().Find(lease_client_) != nullptr) return;
    if (!running_.empty()) return exit_now_(0);
    EndLease();
  });
}

void Worker::OnStopActor(PeerLink& link, const FrameHeader& request, const StopActor& stop) {
  link.channel->Reply(request, StopActor::Reply{});
  if (stop.actor != actor_) return;
  if (stop.force) return exit_now_(0);
  EndLease();
}

// It sees that it is cancelled, and what it has submitted is cancelled as well.
void Worker::CancelJob(Job& job, bool force) {
  if (std::exchange(job.cancelled, true)) return;
  if (job.stream != nullptr) job.stream->Close();
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
  env_->executor().Schedule(kForceGrace, [this, link = job.link, sequence = job.spec->sequence, exit_code] {
    const bool still = std::any_of(running_.begin(), running_.end(), [&](const Job* running) {
      return running->link == link && running->spec->sequence == sequence;
    });
    if (still) exit_now_(exit_code);
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
    link.received_functions[numbered.number] = FindFunction({.build_id = numbered.key.build_id,
                                                             .offset = numbered.key.offset,
                                                             .name = numbered.key.name,
                                                             .label = numbered.key.label});
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
  for (size_t i = 0; i < frame->push.tasks.size(); ++i) WakeOne();
}

void Worker::Enqueue(PeerLink& link, const std::shared_ptr<PushFrame>& frame, const TaskSpec& spec) {
  auto job = std::make_unique<Job>();
  job->number = ++last_job_;
  job->frame = frame;
  job->spec = &spec;
  job->link = link.id;
  job->caller = link.peer->process;
  job->lease = frame->push.lease;
  if (spec.kind == TaskKind::kActorCall) {
    if (!TakeCall(link, *job)) return;
    job->taken = true;
  } else if (!Accepts(link, frame->push)) {
    return ReplyReturned(*job, false);
  }
  if (blocked_ > 0 && spec.kind == TaskKind::kTask) return ReplyReturned(*job, true);
  if (spec.function >= link.received_functions.size()) {
    return ReplyFailed(*job, MakeError(Cause::kInternal, "a function was called by a number that it was not given"));
  }
  const auto& function = link.received_functions[spec.function];
  if (!function.ok()) return ReplyFailed(*job, function.status());
  job->function = *function;
  queue_.push_back(std::move(job));
}

bool Worker::TakeCall(PeerLink& link, const Job& job) {
  const TaskSpec& spec = *job.spec;
  if (spec.actor != actor_) {
    ReplyFailed(job, MakeError(Cause::kActorDied,
                               absl::StrCat("actor ", spec.actor.ToString(), " does not live in this worker")));
    return false;
  }
  for (const std::shared_ptr<Answer>& ended : answered_.BeginSession(job.caller, spec.session)) Forget(*ended);
  ForgetHeard(job.caller, spec.session, spec.answered);
  switch (answered_.Take(job.caller, spec.session, spec.call_sequence)) {
    case AnsweredCalls::Seen::kNew:
      answered_.Prune([this](ProcessId caller) { return client_->peers().Find(caller) != nullptr; });
      return true;
    case AnsweredCalls::Seen::kAnswered:
      AnswerAgain(link, job);
      return false;
    case AnsweredCalls::Seen::kPending:
      MoveToLink(link, job);
      return false;
    case AnsweredCalls::Seen::kHeard:
      return false;
    case AnsweredCalls::Seen::kGap:
      ReplyFailed(job, MakeError(Cause::kInternal, absl::StrCat("call ", spec.call_sequence,
                                                                " of an actor came before those in front of it")));
      return false;
  }
  return false;
}

void Worker::AnswerAgain(PeerLink& link, const Job& call) {
  const std::shared_ptr<Answer>& answer = answered_.Find(call.caller, call.spec->call_sequence);
  answer->link = link.id;
  StreamOut::SendItems(*client_, call, answer->items, call.spec->stream_skip);
  if (answer->ready) Reply(answer);
}

// The answer of a call that waits or runs goes to the connection that it came on last.
void Worker::MoveToLink(PeerLink& link, const Job& call) {
  const auto move = [&](Job& job) {
    if (!job.taken || job.caller != call.caller || job.spec->session != call.spec->session ||
        job.spec->call_sequence != call.spec->call_sequence) {
      return;
    }
    job.link = link.id;
    if (job.stream != nullptr) job.stream->Resume(call.spec->stream_skip);
  };
  for (const auto& job : queue_) move(*job);
  for (Job* job : running_) move(*job);
}

void Worker::ForgetHeard(ProcessId caller, uint64_t session, uint64_t answered) {
  if (answered == 0) return;
  for (const std::shared_ptr<Answer>& answer : answered_.Heard(caller, session, answered)) Forget(*answer);
}

void Worker::OnAnswersHeard(PeerLink& link, const AnswersHeard& heard) {
  if (heard.actor == actor_) ForgetHeard(link.peer->process, heard.session, heard.answered);
}

void Worker::OnRecallTasks(PeerLink&, const RecallTasks& recall) {
  for (uint32_t i = 0; i < recall.count && !queue_.empty() && queue_.back()->lease == recall.lease; ++i) {
    ReplyReturned(*queue_.back(), false);
    queue_.pop_back();
  }
}

void Worker::OnCancelTask(PeerLink& link, const CancelTask& cancel) {
  auto matches = [&](const Job& job) { return job.link == link.id && job.spec->sequence == cancel.sequence; };
  for (auto it = queue_.begin(); it != queue_.end(); ++it) {
    if (!matches(**it)) continue;
    ReplyFailed(**it, MakeError(Cause::kCancelled, "cancelled before it started"));
    queue_.erase(it);
    return;
  }
  for (Job* job : running_) {
    if (!matches(*job)) continue;
    CancelJob(*job, cancel.force);
    if (cancel.force) EndSoon(*job, /*exit_code=*/1);
    return;
  }
}

// --- waiting tasks ---

bool Worker::OnBlocked() {
  if (gathering_) return false;
  ++blocked_;
  if (!actor_) {
    // Nobody shall wait behind a task that waits: hand back what has not started.
    for (const auto& job : std::exchange(queue_, {})) ReplyReturned(*job, true);
  }
  if (blocked_ == 1 && lease_) client_->node().Notify(TaskBlocked{.lease = lease_});
  return true;
}

void Worker::OnUnblocked() {
  --blocked_;
  if (blocked_ == 0 && lease_) client_->node().Notify(TaskUnblocked{.lease = lease_});
}

bool Worker::CancelRequested(uint64_t number) {
  return std::any_of(running_.begin(), running_.end(),
                     [number](const Job* job) { return job->number == number && job->cancelled; });
}

}  // namespace ioc

// The part of Worker that hosts actors: makes them, queues their calls, answers what comes again.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/worker/stream_out.h"
#include "runtime/worker/worker.h"

namespace ioc {

HostedActor* Worker::FindActor(ObjectId id) {
  const auto found = actors_.find(id);
  return found == actors_.end() ? nullptr : found->second.get();
}

// Those that have left, and those whose objects are to be destroyed, among them.
std::vector<HostedActor*> Worker::ActorsInOrder() {
  std::vector<HostedActor*> actors;
  for (const auto& [id, actor] : actors_) actors.push_back(actor.get());
  for (const auto& actor : leaving_) actors.push_back(actor.get());
  for (const auto& actor : dead_) actors.push_back(actor.get());
  std::sort(actors.begin(), actors.end(), [](HostedActor* a, HostedActor* b) {
    return std::make_pair(a->id(), a->incarnation()) < std::make_pair(b->id(), b->incarnation());
  });
  return actors;
}

void Worker::AdoptActor(Job& job, const internal::Invocation& invocation, std::vector<ObjectRecord*>& covered) {
  if (!job.spec->shared) {
    auto made = std::make_unique<HostedActor>(*job.spec);
    thread_limit_ = std::max<size_t>(thread_limit_, made->limit());
    actors_[made->id()] = std::move(made);
  }
  HostedActor& actor = *FindBeingMade(*job.spec);
  actor.Adopt(invocation, job.function->actor_class);
  StartCheckpoints(actor, *job.spec, invocation);
  RestoreAnswers(actor, job, covered);
  BuryIfDone(actor);
}

// --- calls ---

void Worker::TakeCall(PeerLink& link, std::unique_ptr<Job> job) {
  const TaskSpec& spec = *job->spec;
  const bool has_ended = std::find(ended_callers_.begin(), ended_callers_.end(), job->caller) != ended_callers_.end();
  if (has_ended) return;
  job->actor = FindActor(spec.actor);
  if (shared_ &&
      (job->actor == nullptr || job->actor->object() == nullptr || job->actor->incarnation() != spec.incarnation)) {
    return ReplyGone(*job, /*begun=*/false);
  }
  if (job->actor == nullptr) {
    return ReplyFailed(*job, MakeError(Cause::kActorDied,
                                       absl::StrCat("actor ", spec.actor.ToString(), " does not live in this worker")));
  }
  if (!IsNewCall(link, *job)) return;
  job->taken = true;
  if (const std::shared_ptr<Answer> restored = TakeRestored(*job)) {
    if (!job->actor->answered().Keep(job->caller, spec.session, spec.call_sequence, restored)) Forget(*restored);
    return AnswerAgain(link, *job);
  }
  job->group = job->actor->FindGroup(spec.group);
  if (job->group == nullptr) {
    return ReplyFailed(*job, MakeError(Cause::kInvalidArgument,
                                       absl::StrCat("the actor has no concurrency group \"", std::string(spec.group),
                                                    "\"; it has ", job->actor->GroupNames())));
  }
  if (!SetFunction(link, *job)) return;
  if (job->function->actor_class != job->actor->actor_class()) return ReplyFailed(*job, WrongClass(*job));
  CallGroup& group = *job->group;
  const bool brief = job->function->is_coroutine;
  group.waiting.Push(std::move(job));
  if (!group.CanRun()) return;
  List(group);
  WakeOne(brief);
}

absl::Status Worker::WrongClass(const Job& job) {
  const internal::ActorClass* const wanted = job.function->actor_class;
  return MakeError(
      Cause::kTypeMismatch,
      absl::StrCat(std::string(job.function->label), " is ",
                   wanted == nullptr ? "no method" : absl::StrCat("a method of ", std::string(wanted->name)),
                   ", but the actor is a ", std::string(job.actor->actor_class()->name)));
}

// Whether it has not come before.
bool Worker::IsNewCall(PeerLink& link, const Job& job) {
  const TaskSpec& spec = *job.spec;
  AnsweredCalls& answered = job.actor->answered();
  for (const std::shared_ptr<Answer>& ended : answered.BeginSession(job.caller, spec.session, spec.answered))
    Forget(*ended);
  ForgetHeard(*job.actor, job.caller, spec.session, spec.answered);
  switch (answered.Take(job.caller, spec.session, spec.call_sequence)) {
    case AnsweredCalls::Seen::kNew:
      answered.Prune([this](ProcessId caller) { return client_->peers().Find(caller) != nullptr; });
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
  const std::shared_ptr<Answer>& answer = call.actor->answered().Find(call.caller, call.spec->call_sequence);
  answer->link = link.id;
  StreamOut::SendItems(*client_, call, answer->items, call.spec->stream_skip);
  if (answer->ready) Reply(answer);  // unless it is withheld
}

// The answer of a call that waits or runs goes to the connection that it came on last.
void Worker::MoveToLink(PeerLink& link, const Job& call) {
  const auto move = [&](Job& job) {
    if (job.actor != call.actor || job.caller != call.caller || job.spec->session != call.spec->session ||
        job.spec->call_sequence != call.spec->call_sequence) {
      return;
    }
    job.link = link.id;
    if (job.stream != nullptr) job.stream->Resume(call.spec->stream_skip);
  };
  for (const auto& group : call.actor->groups()) group->waiting.ForEach(move);
  for (Job* job : running_) move(*job);
}

void Worker::CallEnded(CallGroup& group) {
  --group.running;
  List(group);
  if (group.actor->ending) BuryIfDone(*group.actor);
}

// --- answers that are kept ---

void Worker::ForgetHeard(HostedActor& actor, ProcessId caller, uint64_t session, uint64_t answered) {
  if (answered == 0) return;
  for (const std::shared_ptr<Answer>& answer : actor.answered().Heard(caller, session, answered)) Forget(*answer);
}

void Worker::OnAnswersHeard(PeerLink& link, const AnswersHeard& heard) {
  HostedActor* const actor = FindActor(heard.actor);
  if (actor != nullptr) ForgetHeard(*actor, link.peer->process, heard.session, heard.answered);
}

void Worker::OnProcessGone(ProcessId process) {
  ended_callers_.push_back(process);
  if (ended_callers_.size() > kMaxEndedCallers) ended_callers_.pop_front();
  started_calls_.erase(process);
  for (HostedActor* actor : ActorsInOrder()) {
    for (const std::shared_ptr<Answer>& answer : actor->answered().ForgetCaller(process)) Forget(*answer);
  }
  // Its connection may not break, if its machine has no power; it may never have come. Of an actor's lease the node
  // knows.
  if (!lease_ || dedicated_ || process != lease_client_) return;
  EndLease();
  EndJobsOf(process);
}

void Worker::Forget(Answer& answer) {
  for (ObjectRecord* ref : std::exchange(answer.refs, {})) client_->objects().Drop(*ref);
  for (const SentItem& item : std::exchange(answer.items, {})) {
    for (ObjectRecord* ref : item.refs) client_->objects().Drop(*ref);
  }
}

// --- ends ---

void Worker::OnStopActor(PeerLink& link, const FrameHeader& request, const StopActor& stop) {
  link.channel->Reply(request, StopActor::Reply{});
  HostedActor* const actor = FindActor(stop.actor);
  if (actor == nullptr) return;
  if (shared_) {
    if (actor->incarnation() == stop.incarnation) EndActor(*actor, stop.force);
    return;
  }
  if (stop.force) return exit_now_(0);
  EndLease();
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

}  // namespace ioc

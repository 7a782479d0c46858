// The part of Worker that hosts actors which share this process: each is made and ends alone.
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/worker/worker.h"

namespace ioc {

bool Worker::TakeConstructor(PeerLink& link, const Job& job) {
  if (!std::exchange(shared_, true)) {
    thread_limit_ = kMaxHostThreads;
    most_active_ = static_cast<size_t>(std::max(1, env_->host().cpus));
  }
  const TaskSpec& spec = *job.spec;
  HostedActor* const known = FindActor(spec.actor);
  if (known == nullptr || known->incarnation() != spec.incarnation) {
    // Its owner has given the one before up; word of that may have been lost with a connection.
    if (known != nullptr) EndActor(*known, /*force=*/true);
    actors_[spec.actor] = std::make_unique<HostedActor>(spec);
    return true;
  }
  if (known->object() != nullptr) {
    Reply(AnswerTo(job));
    return false;
  }
  const auto move = [&](Job& other) {
    const bool same = other.spec->kind == TaskKind::kCreateActor && other.spec->actor == spec.actor;
    if (same && other.spec->incarnation == spec.incarnation) other.link = link.id;
  };
  for (const auto& waiting : queue_) move(*waiting);
  for (Job* running : running_) move(*running);
  return false;
}

// It may have been told to end while it was made.
HostedActor* Worker::FindBeingMade(const TaskSpec& constructor) {
  HostedActor* const actor = FindActor(constructor.actor);
  if (actor != nullptr && actor->incarnation() == constructor.incarnation) return actor;
  const auto found = std::find_if(leaving_.begin(), leaving_.end(), [&](const auto& leaving) {
    return leaving->id() == constructor.actor && leaving->incarnation() == constructor.incarnation;
  });
  return found == leaving_.end() ? nullptr : found->get();
}

void Worker::ConstructorFailed(const TaskSpec& constructor) {
  const HostedActor* const failed = FindBeingMade(constructor);
  if (failed == FindActor(constructor.actor)) {
    actors_.erase(constructor.actor);
  } else {
    std::erase_if(leaving_, [failed](const auto& leaving) { return leaving.get() == failed; });
  }
}

void Worker::EndActor(HostedActor& actor, bool force) {
  actor.ending = true;
  if (force) {
    // Its place is free for another incarnation at once.
    leaving_.push_back(std::move(actors_.extract(actor.id()).mapped()));
    for (const auto& group : actor.groups()) {
      while (!group->waiting.empty()) ReplyGone(*group->waiting.Pop(), /*begun=*/false);
    }
    for (Job* job : running_) {
      if (job->actor == &actor) AbandonCall(*job);
    }
    if (actor.checkpoints != nullptr) LoseWithheld(*actor.checkpoints);
  }
  BuryIfDone(actor);
}

// It sees that it is cancelled, and goes on as long as it likes; what it returns is dropped.
void Worker::AbandonCall(Job& job) {
  if (std::exchange(job.abandoned, true)) return;
  CancelJob(job, /*force=*/false);
  ReplyGone(job, /*begun=*/true);
}

// What they say was done is lost with the actor.
void Worker::LoseWithheld(Checkpoints& checkpoints) {
  for (auto* answers : {&checkpoints.covered, &checkpoints.withheld}) {
    for (const std::shared_ptr<Answer>& answer : std::exchange(*answers, {})) {
      auto lost = std::make_shared<Answer>();
      lost->link = answer->link;
      lost->result.sequence = answer->result.sequence;
      lost->result.attempt = answer->result.attempt;
      lost->result.outcome = TaskOutcome::kFailed;
      lost->result.gone = true;
      lost->result.error = MakeError(Cause::kActorDied, "the actor was killed before what it did was saved");
      Reply(std::move(lost));
    }
  }
}

void Worker::BuryIfDone(HostedActor& actor) {
  if (!actor.ending || actor.object() == nullptr || actor.running() || actor.waiting()) return;
  for (const auto& group : actor.groups()) {
    if (group->listed) std::erase(callable_, group.get());
  }
  if (FindActor(actor.id()) == &actor) {
    dead_.push_back(std::move(actors_.extract(actor.id()).mapped()));
  } else {
    const auto found =
        std::find_if(leaving_.begin(), leaving_.end(), [&actor](const auto& other) { return other.get() == &actor; });
    dead_.push_back(std::move(*found));
    leaving_.erase(found);
  }
  WakeOne();
}

// User code runs in the destructors: without the mutex.
void Worker::Bury() {
  std::vector<std::unique_ptr<HostedActor>> dead = std::exchange(dead_, {});
  for (const auto& actor : dead) {
    if (actor->checkpoints != nullptr) {
      for (const auto& [call, answer] : std::exchange(actor->checkpoints->restored, {})) Forget(*answer);
    }
    for (const std::shared_ptr<Answer>& answer : actor->answered().Clear()) Forget(*answer);
  }
  env_->executor().mutex().unlock();
  for (const auto& actor : dead) actor->TakeObject().Destroy();
  dead.clear();
  env_->executor().mutex().lock();
}

}  // namespace ioc

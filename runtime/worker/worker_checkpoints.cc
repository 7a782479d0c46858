// The part of Worker that saves its actors' states with their owners, and makes actors from them again.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/message_size.h"
#include "runtime/worker/results.h"
#include "runtime/worker/worker.h"

namespace ioc {

void Worker::StartCheckpoints(HostedActor& actor, const TaskSpec& constructor,
                              const internal::Invocation& constructed) {
  actor.can_be_saved = constructed.save != nullptr;
  if (constructed.save == nullptr || (constructor.checkpoint_ids == 0 && constructor.checkpoint.empty())) return;
  actor.checkpoints = std::make_unique<Checkpoints>();
  actor.checkpoints->save = constructed.save;
  actor.checkpoints->ids = constructor.checkpoint_ids;
  actor.checkpoints->every = constructor.checkpoint_every;
  actor.checkpoints->period = absl::Nanoseconds(constructor.checkpoint_period_ns);
  actor.checkpoints->last = env_->executor().Now();
}

// --- after a restart ---

void Worker::RestoreAnswers(HostedActor& actor, Job& constructor, std::vector<ObjectRecord*>& covered) {
  if (actor.checkpoints == nullptr || constructor.spec->checkpoint.empty()) return;
  actor.checkpoints->restored_until = env_->executor().Now() + kRestoredAnswersKept;
  for (const SavedCall& call : constructor.spec->checkpoint.front().calls) {
    actor.checkpoints->restored[{call.caller, call.result.sequence}] = Restored(call, covered);
  }
}

// With bytes and references of its own.
std::shared_ptr<WorkerAnswer> Worker::Restored(const SavedCall& call, std::vector<ObjectRecord*>& covered) {
  auto answer = std::make_shared<Answer>();
  answer->kept = true;
  answer->ready = true;
  const auto take = [&](const std::vector<RefInfo>& infos, std::vector<ObjectRecord*>& refs) {
    for (ObjectRecord* record : client_->borrowing().ImportCovered(infos)) {
      covered.push_back(record);
      client_->objects().Hold(*record);
      refs.push_back(record);
    }
  };
  answer->result = call.result;
  answer->texts.reserve(call.result.returns.size());  // so that views of them stay good
  for (WireValue& value : answer->result.returns) {
    answer->texts.emplace_back(value.bytes);
    value.bytes = answer->texts.back();
    take(value.refs, answer->refs);
  }
  for (const SavedItem& saved : call.items) {
    SentItem& item = answer->items.emplace_back();
    item.index = saved.index;
    item.size = saved.size;
    item.text = std::string(saved.value.bytes);
    item.value = saved.value;
    take(saved.value.refs, item.refs);
  }
  return answer;
}

// A caller's calls come in the order that it made them: it has heard the answers of those before, or never will.
std::shared_ptr<WorkerAnswer> Worker::TakeRestored(const Job& call) {
  if (call.actor->checkpoints == nullptr) return nullptr;
  auto& restored = call.actor->checkpoints->restored;
  const std::pair<ProcessId, uint64_t> key = {call.caller, call.spec->sequence};
  for (auto it = restored.lower_bound({call.caller, 0}); it != restored.end() && it->first < key;) {
    Forget(*it->second);
    it = restored.erase(it);
  }
  const auto found = restored.find(key);
  if (found == restored.end()) return nullptr;
  std::shared_ptr<Answer> answer = std::move(found->second);
  restored.erase(found);
  answer->result.attempt = call.spec->attempt;
  return answer;
}

// --- when ---

absl::Status Worker::OnSaveCheckpoint(uint64_t number) {
  Job* const job = FindRunning(number);
  if (job == nullptr || job->actor == nullptr) {
    return MakeError(Cause::kInvalidArgument, "SaveCheckpoint is for the methods of an actor, while they run");
  }
  if (!job->actor->can_be_saved) {
    return MakeError(Cause::kInvalidArgument,
                     "the actor's class has not both a Checkpoint() that returns its state and a Restore(state)");
  }
  job->save_asked = true;
  return absl::OkStatus();
}

bool Worker::NoteChange(const Job& call, const std::shared_ptr<Answer>& answer) {
  Checkpoints* const checkpoints = call.actor->checkpoints.get();
  if (checkpoints == nullptr || checkpoints->ids == 0) return false;
  ++checkpoints->calls;
  const bool by_count = checkpoints->every > 0 && checkpoints->calls >= checkpoints->every;
  if (by_count || call.save_asked) {
    checkpoints->due = true;
    checkpoints->withheld.push_back(answer);
    return true;
  }
  if (!std::exchange(checkpoints->changed, true) && checkpoints->period != absl::InfiniteDuration()) {
    SaveLater(call.actor->id(), checkpoints->DueByTime() - env_->executor().Now());
  }
  return false;
}

void Worker::SaveLater(ObjectId actor, absl::Duration delay) {
  if (std::find(to_save_.begin(), to_save_.end(), actor) == to_save_.end()) to_save_.push_back(actor);
  WatchCheckpoints(delay);
}

void Worker::WatchCheckpoints(absl::Duration delay) {
  if (checkpoint_timer_ != 0) return;
  checkpoint_timer_ = env_->executor().Schedule(std::max(delay, absl::Milliseconds(1)), [this] {
    checkpoint_timer_ = 0;
    LookAtCheckpoints();
  });
}

void Worker::LookAtCheckpoints() {
  const absl::Time now = env_->executor().Now();
  const bool owner_here = client_->peers().Find(lease_client_) != nullptr;
  absl::Time next = absl::InfiniteFuture();
  for (const ObjectId id : std::exchange(to_save_, {})) {
    HostedActor* const actor = FindActor(id);
    if (actor == nullptr || actor->checkpoints == nullptr) continue;
    Checkpoints& checkpoints = *actor->checkpoints;
    if (!checkpoints.due && !checkpoints.changed) continue;
    const absl::Time when = checkpoints.due ? now : checkpoints.DueByTime();
    if (owner_here && when <= now && !checkpoints.under_way) {
      checkpoints.due = true;
      AskForCheckpoint(*actor);
      continue;
    }
    to_save_.push_back(id);
    next = std::min(next, std::max(when, now + kCheckpointAgainAfter));
  }
  if (next != absl::InfiniteFuture()) WatchCheckpoints(next - now);
}

// A thread takes it as if it were a call, before the next one.
void Worker::AskForCheckpoint(HostedActor& actor) {
  CallGroup& group = *actor.groups().front();
  group.save = true;
  if (!group.CanRun()) return;
  List(group);
  WakeOne();
}

// --- one checkpoint ---

void Worker::TakeCheckpoint(HostedActor& actor) {
  Checkpoints& checkpoints = *actor.checkpoints;
  if (checkpoints.under_way || !checkpoints.due) return;
  checkpoints.under_way = true;
  checkpoints.due = false;
  checkpoints.changed = false;
  checkpoints.calls = 0;
  checkpoints.covered = std::exchange(checkpoints.withheld, {});
  const absl::Time start = env_->executor().Now();
  if (start > checkpoints.restored_until) {
    for (const auto& [call, answer] : std::exchange(checkpoints.restored, {})) Forget(*answer);
  }
  std::vector<std::pair<ProcessId, std::shared_ptr<Answer>>> unheard = actor.answered().Unheard();
  for (const auto& [call, answer] : checkpoints.restored) unheard.emplace_back(call.first, answer);
  Results state(*client_);
  env_->executor().mutex().unlock();
  absl::Status status = checkpoints.save(actor.object(), state);
  if (status.ok()) status = client_->CheckOurs(state.values.front().written.get(), state.values.front().refs);
  env_->executor().mutex().lock();
  checkpoints.last = env_->executor().Now();
  checkpoints.took = checkpoints.last - start;
  if (status.ok()) status = SendCheckpoint(actor, state, unheard);
  if (!status.ok()) CheckpointSaved(actor.id(), actor.incarnation(), absl::ZeroDuration(), status);
  env_->executor().mutex().unlock();
  state.values.clear();
  unheard.clear();
  env_->executor().mutex().lock();
}

absl::Status Worker::SendCheckpoint(HostedActor& actor, Results& state,
                                    const std::vector<std::pair<ProcessId, std::shared_ptr<Answer>>>& unheard) {
  Checkpoints& checkpoints = *actor.checkpoints;
  Peer* const owner = client_->peers().Find(lease_client_);
  if (owner == nullptr) return MakeError(Cause::kDisconnected, "the actor's owner is out of reach");
  KeepCheckpoint message{.actor = actor.id(), .incarnation = actor.incarnation(), .checkpoint = {}};
  std::vector<ObjectRecord*> refs;
  size_t bytes = kBytesOfRef * state.values.front().refs.size();
  for (const auto& [caller, answer] : unheard) {
    SavedCall& call = message.checkpoint.calls.emplace_back();
    call.caller = caller;
    call.result = answer->result;
    call.result.given.clear();  // what was this process's goes with it
    refs.insert(refs.end(), answer->refs.begin(), answer->refs.end());
    for (WireValue& value : call.result.returns) client_->borrowing().Refresh(value.refs);
    bytes += WireBytesOf(call.result);
    for (const SentItem& item : answer->items) {
      call.items.push_back({.index = item.index, .size = item.size, .value = item.value});
      if (item.value.kind == ValueKind::kInline && item.memory == nullptr) call.items.back().value.bytes = item.text;
      client_->borrowing().Refresh(call.items.back().value.refs);
      bytes += WireBytesOf(call.items.back().value);
      refs.insert(refs.end(), item.refs.begin(), item.refs.end());
    }
  }
  if (bytes > kMaxSavedAnswerBytes) {
    return MakeError(
        Cause::kInvalidArgument,
        absl::StrCat("the answers that their callers have not heard, and the references in the state, have ", bytes,
                     " bytes; at most ", kMaxSavedAnswerBytes, " can be saved"));
  }
  // From here on it is its owner's: what is sealed for one that is not sent stays in the store.
  Answer made;
  made.texts.reserve(1);
  const ObjectId id = {lease_client_, checkpoints.ids + checkpoints.taken++};
  AddResult(made, state.values.front(), id);
  message.checkpoint.state = std::move(made.result.returns.front());
  message.checkpoint.state.id = id;
  const bool stored = message.checkpoint.state.kind == ValueKind::kStored;
  refs.insert(refs.end(), made.refs.begin(), made.refs.end());
  client_->lending().HoldInTransit(*owner, refs);
  owner->channel().Call(message, stored ? absl::InfiniteDuration() : kCheckpointTimeout,
                        [this, stored, sent = env_->executor().Now(), id = actor.id(),
                         incarnation = actor.incarnation()](const auto& reply) {
                          const absl::Duration away = stored ? env_->executor().Now() - sent : absl::ZeroDuration();
                          CheckpointSaved(id, incarnation, away, reply.status());
                        });
  return absl::OkStatus();
}

void Worker::CheckpointSaved(ObjectId id, uint32_t incarnation, absl::Duration away, const absl::Status& status) {
  HostedActor* const actor = FindActor(id);
  if (actor == nullptr || actor->incarnation() != incarnation || actor->checkpoints == nullptr) return;
  Checkpoints& checkpoints = *actor->checkpoints;
  checkpoints.under_way = false;
  checkpoints.took += away;
  std::vector<std::shared_ptr<Answer>> covered = std::exchange(checkpoints.covered, {});
  const Cause cause = CauseOf(status);
  if (cause == Cause::kDisconnected || cause == Cause::kDeadline) {
    // Taken anew when the owner is back.
    checkpoints.due = true;
    checkpoints.withheld.insert(checkpoints.withheld.begin(), covered.begin(), covered.end());
    return SaveLater(id, kCheckpointAgainAfter);
  }
  if (!status.ok()) {
    env_->Log(LogLevel::kWarning, absl::StrCat("a checkpoint could not be saved: ", std::string(status.message())));
  }
  ReleaseWithheld(std::move(covered));
  if (checkpoints.due) AskForCheckpoint(*actor);
}

void Worker::ReleaseWithheld(std::vector<std::shared_ptr<Answer>> answers) {
  for (std::shared_ptr<Answer>& answer : answers) {
    answer->withheld = false;
    if (answer->ready) Reply(std::move(answer));
  }
}

}  // namespace ioc

// The part of ActorCaller that accounts for what was sent to an incarnation that is over, or that has left its worker.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"

namespace ioc {

bool ActorCaller::MayLive(const ActorState& state) const {
  return !state.record->owned() || own_.MayLive(*state.record);
}

// The worker has ended.
void ActorCaller::AfterLoss(const State& state, const WorkerEnd& end) {
  if (closed_) return;  // the book has failed the calls
  ChargeSent(*state, end);
  NewSession(*state);
  if (!state->record->owned()) return Later(state, &ActorCaller::Resolve);  // its owner may not know yet
  Over(state, end);
}

void ActorCaller::Over(const State& state, const WorkerEnd& end) {
  state->phase = ActorState::Phase::kStarting;
  state->resolving = false;
  state->told_to_leave = false;
  own_.OnActorOver(*state->record, end);
}

// Calls that were sent to an incarnation that is over, and have no answer: those that may have begun are charged.
void ActorCaller::ChargeSent(ActorState& state, const WorkerEnd& end) {
  const bool may_live = MayLive(state);
  std::vector<uint64_t> sent;
  for (const TaskRecord* task : state.waiting) {
    if (task->call_sequence != 0) sent.push_back(task->sequence);
  }
  for (const uint64_t sequence : sent) {
    TaskRecord* task = book_.Find(sequence);
    if (task == nullptr) continue;
    book_.NoteTried(*task, state.at.node());
    if (CauseOf(end.error) == Cause::kNodeDied) book_.LoseItems(*task);
    const bool innocent = !end.MayHaveBegunCall(sequence, book_.self());
    if (may_live && (innocent || task->retries_left != 0) && !task->cancelled) {
      if (!innocent && task->retries_left > 0) --task->retries_left;
      ++task->attempt;
    } else {
      StopWaiting(state, *task);
      book_.Fail(*task, DeathOf(state, end.error));
    }
  }
}

// What waits to be sent gets its numbers when that is done.
void ActorCaller::TakeBackUnsent(ActorState& state) {
  const auto first = state.in_flight.end() - static_cast<ptrdiff_t>(state.batch.size());
  state.waiting.insert(state.waiting.begin(), first, state.in_flight.end());
  state.in_flight.erase(first, state.in_flight.end());
  for (TaskRecord* unsent : std::exchange(state.batch, {})) {
    unsent->call_sequence = 0;
    --state.last_call;
  }
  state.batch_bytes = 0;
}

void ActorCaller::Leave(ObjectRecord& record) {
  const State state = record.actor;
  state->told_to_leave = true;
  if (state->phase != ActorState::Phase::kAlive) return;  // its worker is out of reach, and is asked when it is back
  StartLeaving(*state);
  if (state->in_flight.empty()) Relocate(state);
}

void ActorCaller::StartLeaving(ActorState& state) {
  state.phase = ActorState::Phase::kLeaving;
  TakeBackUnsent(state);
}

// The worker says that the actor does not live there (any more). It says so of each call that it has got.
void ActorCaller::Gone(const State& state, TaskRecord& task, const TaskResult& result) {
  if (state->phase == ActorState::Phase::kAlive) StartLeaving(*state);
  const bool begun = task.may_have_begun || result.outcome == TaskOutcome::kFailed;
  if (MayLive(*state) && !task.cancelled && (!begun || task.retries_left != 0)) {
    if (begun && task.retries_left > 0) --task.retries_left;
    ++task.attempt;
    task.call_sequence = 0;
    const auto place = std::find_if(state->waiting.begin(), state->waiting.end(),
                                    [&task](const TaskRecord* other) { return other->sequence > task.sequence; });
    state->waiting.insert(place, &task);
  } else {
    book_.Fail(task,
               result.outcome == TaskOutcome::kFailed
                   ? result.error
                   : MakeError(Cause::kActorDied, absl::StrCat("the actor has left its process on node ",
                                                               state->at.node_name, "; it was killed, or has ended")));
  }
  if (state->in_flight.empty()) Relocate(state);
}

// All calls that were sent to where it lived are accounted for: looks where it lives now.
void ActorCaller::Relocate(const State& state) {
  if (closed_ || state->record == nullptr || state->phase == ActorState::Phase::kDead) return;
  Deactivate(*state);
  state->peer = nullptr;
  NewSession(*state);
  if (state->record->owned()) {
    const absl::Status error = MakeError(Cause::kWorkerDied, "the process that hosted it does not know it any more");
    return Over(state, {.error = error, .running = true, .started_known = true});
  }
  state->phase = ActorState::Phase::kConnecting;
  if (++state->misplaced > kMaxMisplaced) {
    state->misplaced = 0;
    return FailWaiting(*state, MakeError(Cause::kActorDied, "the actor is not where its owner says that it lives"));
  }
  state->resolving = true;
  Later(state, &ActorCaller::Resolve);
}

}  // namespace ioc

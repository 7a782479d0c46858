// The part of ActorCaller that deals with actors whose worker lives on without them: those in shared processes.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"

namespace ioc {

// Its worker is told; one of its own ends with it.
void ActorCaller::LeaveHost(ActorState& state, bool force) {
  Stop(state, state.record->id(), force);
  if (state.options.shared_process) hosts_.OnActorLeft(state.worker.process);
  state.lease = {};
}

// It was killed with leave to restart: a new incarnation is made when the calls of the old one are accounted for.
void ActorCaller::Remake(const State& state) {
  if (state->restarts_left > 0) --state->restarts_left;
  LeaveHost(*state, /*force=*/true);
  state->remaking = true;
  if (state->phase != ActorState::Phase::kAlive) return;  // its worker is out of reach, and is asked when it is back
  state->phase = ActorState::Phase::kLeaving;
  TakeBackUnsent(*state);
  if (state->in_flight.empty()) Relocate(state);
}

// The worker says that the actor does not live there (any more). It says so of each call that it has got.
void ActorCaller::Gone(const State& state, TaskRecord& task, const TaskResult& result) {
  if (state->phase == ActorState::Phase::kAlive) {
    state->phase = ActorState::Phase::kLeaving;
    TakeBackUnsent(*state);
  }
  const bool may_live = !state->owned || state->remaking || state->restarts_left != 0;
  const bool begun = task.may_have_begun || result.outcome == TaskOutcome::kFailed;
  if (may_live && !task.cancelled && (!begun || task.retries_left != 0)) {
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
                                                               state->node_name, "; it was killed, or has ended")));
  }
  if (state->in_flight.empty()) Relocate(state);
}

// All calls that were sent to where it lived are accounted for: looks where it lives now.
void ActorCaller::Relocate(const State& state) {
  if (closed_ || state->record == nullptr || state->phase == ActorState::Phase::kDead) return;
  Deactivate(*state);
  state->peer = nullptr;
  if (state->owned && !state->remaking) {
    hosts_.OnActorLeft(state->worker.process);
    const absl::Status error = MakeError(Cause::kWorkerDied, "the process that hosted it does not know it any more");
    return AfterLoss(state, {.error = error, .started_known = true});
  }
  NewSession(*state);
  if (state->owned) {
    state->remaking = false;
    state->phase = ActorState::Phase::kStarting;
    return Construct(state);
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

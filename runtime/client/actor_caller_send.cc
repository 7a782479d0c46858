// The part of ActorCaller that sends: calls in batches, and which answers have come.
#include <utility>

#include "runtime/client/actor_caller.h"

namespace ioc {

// Calls of actors that live in one worker go in one frame.
void ActorCaller::AppendBatch(ActorState& state) {
  if (state.batch.empty() || state.peer == nullptr) return;
  if (push_peer_ != state.peer || push_bytes_ + state.batch_bytes > kBatchBytes) SendPush();
  push_peer_ = state.peer;
  PeerLink& link = *state.peer->links.front();
  const size_t first = push_.tasks.size();
  for (TaskRecord* task : state.batch) book_.AppendTo(push_, *task, link);
  state.heard = state.AnsweredUpTo();
  push_.tasks[first].answered = state.heard;
  push_bytes_ += state.batch_bytes;
  state.batch.clear();
  state.batch_bytes = 0;
}

void ActorCaller::SendPush() {
  if (Peer* const peer = std::exchange(push_peer_, nullptr)) peer->channel().Notify(push_);
  push_.functions.clear();
  push_.tasks.clear();
  push_bytes_ = 0;
}

void ActorCaller::SendBatch(ActorState& state) {
  AppendBatch(state);
  SendPush();
}

// Behind the call itself.
void ActorCaller::SendCancel(ActorState& state, const TaskRecord& task) {
  SendBatch(state);
  state.peer->channel().Notify(CancelTask{.sequence = task.sequence, .force = false, .actor = task.actor->id()});
}

void ActorCaller::RunDeferred() {
  for (const State& state : std::exchange(dirty_, {})) {
    state->dirty = false;
    AppendBatch(*state);
  }
  SendPush();
}

void ActorCaller::TellHeard() {
  heard_timer_ = 0;
  for (const State& state : std::exchange(unheard_, {})) {
    state->unheard = false;
    if (state->record != nullptr) TellHeard(*state->record, *state);
  }
}

void ActorCaller::TellHeard(const ObjectRecord& record, ActorState& state) {
  if (state.peer == nullptr) return;  // also once all is closed: its calls are gone then
  const uint64_t answered = state.AnsweredUpTo();
  if (state.heard == answered) return;
  state.heard = answered;
  state.peer->channel().Notify(AnswersHeard{.actor = record.id(), .session = state.session, .answered = answered});
}

}  // namespace ioc

// The part of ActorCaller that keeps connections with actors' workers: a worker that can't be reached is dialled again
// until its node says that it has ended, or for kActorOutOfReach.
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"

namespace ioc {

void ActorCaller::Connect(const State& state) {
  state->phase = ActorState::Phase::kConnecting;
  state->resolving = true;  // until it is connected, so that it is connected once
  objects_.Hold(*state->record);
  peers_.With(state->at.worker, [this, state](absl::StatusOr<Peer*> peer) {
    if (state->phase != ActorState::Phase::kDead) {
      if (peer.ok()) {
        Connected(state, *peer);
      } else {
        CantConnect(state, peer.status());
      }
    }
    objects_.Drop(*state->record);
  });
}

void ActorCaller::Connected(const State& state, Peer* peer) {
  state->resolving = false;
  state->out_of_reach = absl::InfiniteFuture();
  const bool sent = !state->waiting.empty() && state->waiting.front()->call_sequence != 0;
  if (state->told_to_leave && !sent) return Relocate(state);
  state->peer = peer;
  state->phase = ActorState::Phase::kAlive;
  Activate(state);
  if (state->record->owned()) own_.OnActorReached(*state->record);
  Pump(state);
}

void ActorCaller::CantConnect(const State& state, const absl::Status& why) {
  if (closed_) return;
  if (OutOfReachTooLong(*state)) {
    state->resolving = false;
    const absl::Status error =
        WithContext(why, absl::StrCat("the actor lives on node ", state->at.node_name,
                                      ", but it could not be reached for ", absl::FormatDuration(kActorOutOfReach)));
    return GiveUpWaiting(*state, error);
  }
  objects_.Hold(*state->record);
  fates_.Ask(state->at.worker, state->at.node_name, [this, state](const WorkerEnd& end) {
    if (state->phase == ActorState::Phase::kDead) {
      // It has ended meanwhile.
    } else if (end.running) {
      Later(state, &ActorCaller::Connect);
    } else if (end.cut_off && !state->record->owned()) {
      Later(state, &ActorCaller::Resolve);  // it may live, though its node can't be reached from here: its owner knows
    } else {
      AfterLoss(state, end);
    }
    objects_.Drop(*state->record);
  });
}

bool ActorCaller::OutOfReachTooLong(ActorState& state) {
  const absl::Time now = env_.executor().Now();
  if (state.out_of_reach == absl::InfiniteFuture()) state.out_of_reach = now;
  if (now - state.out_of_reach < kActorOutOfReach) return false;
  state.out_of_reach = absl::InfiniteFuture();  // a later call tries anew
  return true;
}

// Those that were sent may have come or not, so the next ones are numbered anew.
void ActorCaller::GiveUpWaiting(ActorState& state, const absl::Status& error) {
  FailWaiting(state, error);
  NewSession(state);
}

// `next`, after a little, if the actor has not died by then.
void ActorCaller::Later(const State& state, void (ActorCaller::*next)(const State&)) {
  objects_.Hold(*state->record);
  env_.executor().Schedule(kReResolveDelay, [this, state, next, alive = std::weak_ptr<const bool>(alive_)] {
    if (alive.expired()) return;
    if (state->phase != ActorState::Phase::kDead && !closed_) (this->*next)(state);
    objects_.Drop(*state->record);
  });
}

bool ActorCaller::IsReached(const ObjectRecord& record) const {
  return record.actor->phase == ActorState::Phase::kAlive;
}

void ActorCaller::Reach(ObjectRecord& record) {
  const State state = record.actor;
  if (state->phase == ActorState::Phase::kConnecting && !state->resolving) Connect(state);
}

void ActorCaller::OnPeerGone(Peer& peer) {
  std::vector<State> lost;
  for (const State& state : active_) {
    if (state->peer == &peer) lost.push_back(state);
  }
  for (const State& state : lost) Deactivate(*state);
  for (const State& state : lost) Lost(state);
}

void ActorCaller::Activate(const State& state) {
  state->active = active_.size();
  active_.push_back(state);
}

void ActorCaller::Deactivate(ActorState& state) {
  if (state.active == ActorState::kInactive) return;
  const size_t place = std::exchange(state.active, ActorState::kInactive);
  if (place + 1 < active_.size()) {
    active_[place] = active_.back();
    active_[place]->active = place;
  }
  active_.pop_back();
}

// The connection is. Calls without an answer wait with their numbers until it is known whether the worker lives.
void ActorCaller::Lost(const State& state) {
  state->peer = nullptr;
  if (state->record == nullptr) return;
  TakeBackUnsent(*state);
  const std::deque<TaskRecord*> in_flight = std::exchange(state->in_flight, {});
  for (TaskRecord* task : in_flight) task->may_have_begun = true;
  state->waiting.insert(state->waiting.begin(), in_flight.begin(), in_flight.end());
  Connect(state);
}

}  // namespace ioc

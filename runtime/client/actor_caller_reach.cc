// The part of ActorCaller that finds out where actors live, and connects with their workers.
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"

namespace ioc {

void ActorCaller::Ask(const State& state) {
  if (state->resolving || state->record == nullptr || state->waiting.empty()) return;
  state->owned ? Connect(state) : Resolve(state);
}

// Of another process's actor: asks its owner where it is.
void ActorCaller::Resolve(const State& state) {
  state->resolving = true;
  objects_.Hold(*state->record);
  if (IsDetached(*state->record)) {
    return detached_.Locate(state->record->id(), [this, state](const absl::StatusOr<LocateActor::Reply>& reply) {
      Located(state, reply);
      objects_.Drop(*state->record);
    });
  }
  const absl::Time asked = env_.executor().Now();
  auto resolved = [this, state, asked](absl::StatusOr<ResolveActor::Reply> reply) {
    state->resolving = false;
    if (state->phase == ActorState::Phase::kDead) {
      // It has ended meanwhile.
    } else if (reply.ok()) {
      Found(state, {.worker = std::move(reply->worker),
                    .node_name = std::move(reply->node_name),
                    .incarnation = reply->incarnation,
                    .max_task_retries = reply->max_task_retries});
    } else if (CauseOf(reply.status()) == Cause::kDeadline && env_.executor().Now() - asked >= kResolvePeriod) {
      Resolve(state);  // it is still being made; a kDeadline that comes earlier is what the actor died of
    } else if (CauseOf(reply.status()) == Cause::kDisconnected && !closed_) {
      Resolve(state);  // the connection broke; whether the owner lives is found out on the way
    } else if (CauseOf(reply.status()) == Cause::kOwnerDied) {
      Die(*state, WithContext(reply.status(), absl::StrCat("the actor is lost with its owner, process ",
                                                           state->record->owner->process.ToString())));
    } else {
      Die(*state, reply.status());
    }
    objects_.Drop(*state->record);
  };
  reach_.With(*state->record->owner,
              [id = state->record->id(), resolved = std::move(resolved)](absl::StatusOr<Peer*> peer) mutable {
                if (!peer.ok()) return resolved(peer.status());
                (*peer)->channel().Call(ResolveActor{.actor = id}, kResolvePeriod, std::move(resolved));
              });
}

// Its owner says where it lives. If that is where it was, calls keep their numbers: those that came there don't run
// again. If it is another incarnation, the last one is over, and what it was sent may have run.
void ActorCaller::Found(const State& state, const Whereabouts& found) {
  LearnRetries(*state, found.max_task_retries);
  if (state->worker.process != found.worker.process || state->incarnation != found.incarnation) {
    ChargeSent(*state,
               {.error = MakeError(Cause::kNodeDied, absl::StrCat("node ", state->node_name, " is gone or cut off"))},
               /*may_live=*/true);
    NewSession(*state);
    state->out_of_reach = absl::InfiniteFuture();
  }
  state->worker = found.worker;
  state->node_name = found.node_name;
  state->incarnation = found.incarnation;
  Connect(state);
}

// How often calls may be tried again is the actor's affair; those made before it was known have not been tried.
void ActorCaller::LearnRetries(ActorState& state, int32_t max_task_retries) {
  if (state.options.max_task_retries == max_task_retries) return;
  state.options.max_task_retries = max_task_retries;
  for (TaskRecord* task : state.waiting) {
    if (task->attempt == 0) task->retries_left = max_task_retries;
  }
}

void ActorCaller::Connect(const State& state) {
  state->phase = ActorState::Phase::kConnecting;
  state->resolving = true;  // until it is connected, so that it is connected once
  objects_.Hold(*state->record);
  peers_.With(state->worker, [this, state](absl::StatusOr<Peer*> peer) {
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
  if (state->remaking && !sent) return Relocate(state);
  state->peer = peer;
  state->phase = ActorState::Phase::kAlive;
  Activate(state);
  if (!state->remaking) AnswerAsking(*state);
  Pump(state);
}

void ActorCaller::CantConnect(const State& state, const absl::Status& why) {
  if (closed_) return;
  if (OutOfReachTooLong(*state)) {
    state->resolving = false;
    const absl::Status error =
        WithContext(why, absl::StrCat("the actor lives on node ", state->node_name,
                                      ", but it could not be reached for ", absl::FormatDuration(kActorOutOfReach)));
    return GiveUpWaiting(*state, error);
  }
  objects_.Hold(*state->record);
  fates_.Ask(state->worker, state->node_name, [this, state](const WorkerEnd& end) {
    if (state->phase == ActorState::Phase::kDead) {
      // It has ended meanwhile.
    } else if (end.running) {
      Later(state, &ActorCaller::Connect);
    } else if (end.cut_off && !state->owned) {
      Later(state, &ActorCaller::Resolve);  // it may live, though its node can't be reached from here: its owner knows
    } else {
      AfterLoss(state, end);
    }
    objects_.Drop(*state->record);
  });
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

bool ActorCaller::OutOfReachTooLong(ActorState& state) {
  const absl::Time now = env_.executor().Now();
  if (state.out_of_reach == absl::InfiniteFuture()) state.out_of_reach = now;
  if (now - state.out_of_reach < kActorOutOfReach) return false;
  state.out_of_reach = absl::InfiniteFuture();  // a later call tries anew
  return true;
}

// --- as their owner ---

void ActorCaller::OnResolveActor(PeerLink& link, const FrameHeader& request, const ResolveActor& message) {
  ObjectRecord* record = objects_.Find(message.actor);
  if (record == nullptr || record->actor == nullptr || !record->actor->owned) {
    return link.channel->Fail(
        request, MakeError(Cause::kActorDied, absl::StrCat("actor ", message.actor.ToString(), " has ended")));
  }
  const State state = record->actor;
  auto [asking, first] = state->asking.try_emplace(link.id, request);
  // Who asks again has given the earlier question up.
  if (!first) link.channel->Fail(std::exchange(asking->second, request), absl::CancelledError("asked again"));
  AnswerAsking(*state);
  if (state->phase == ActorState::Phase::kConnecting && !state->resolving) Connect(state);
}

void ActorCaller::AnswerAsking(ActorState& state) {
  if (state.phase != ActorState::Phase::kAlive && state.phase != ActorState::Phase::kDead) return;
  for (const auto& [id, request] : std::exchange(state.asking, {})) {
    PeerLink* link = peers_.FindLink(id);
    if (link == nullptr) continue;
    if (state.phase == ActorState::Phase::kDead) {
      link->channel->Fail(request, state.error);
    } else {
      link->channel->Reply(request, ResolveActor::Reply{.worker = state.worker,
                                                        .incarnation = state.incarnation,
                                                        .node_name = state.node_name,
                                                        .max_task_retries = state.options.max_task_retries});
    }
  }
}

}  // namespace ioc

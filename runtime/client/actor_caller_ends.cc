// The part of ActorCaller that ends actors, and has their workers told.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"

namespace ioc {

void ActorCaller::Kill(ObjectRecord& record, bool no_restart, absl::AnyInvocable<void(absl::Status)> done) {
  if (record.owned() && record.actor == nullptr) {
    return done(MakeError(Cause::kActorDied, absl::StrCat("actor ", record.id().ToString(), " has ended")));
  }
  if (record.owned()) {
    KillOwn(record.actor, no_restart);
    return done(absl::OkStatus());
  }
  if (IsDetached(record)) {
    if (record.actor == nullptr || record.actor->phase != ActorState::Phase::kStarting) {
      return detached_.Kill(record.id(), no_restart, std::move(done));
    }
    // The head does not know it yet.
    if (no_restart) {
      Die(*record.actor, MakeError(Cause::kActorDied, absl::StrCat(NameOf(*record.actor), " was killed")));
    }
    return done(absl::OkStatus());
  }
  peers_.With(
      *record.owner, [id = record.id(), no_restart, done = std::move(done)](absl::StatusOr<Peer*> owner) mutable {
        if (!owner.ok()) return done(owner.status());
        (*owner)->channel().Call(
            KillActor{.actor = id, .no_restart = no_restart}, kBorrowTimeout,
            [done = std::move(done)](const absl::StatusOr<KillActor::Reply>& reply) mutable { done(reply.status()); });
      });
}

void ActorCaller::OnKillActor(PeerLink& link, const FrameHeader& request, const KillActor& kill) {
  ObjectRecord* record = objects_.Find(kill.actor);
  if (record == nullptr || record->actor == nullptr || !record->actor->owned) {
    return link.channel->Fail(
        request, MakeError(Cause::kActorDied, absl::StrCat("actor ", kill.actor.ToString(), " has ended")));
  }
  KillOwn(record->actor, kill.no_restart);
  link.channel->Reply(request, KillActor::Reply{});
}

void ActorCaller::KillOwn(const State& state, bool no_restart) {
  if (state->phase == ActorState::Phase::kDead) return;
  if (!no_restart && state->restarts_left != 0) {
    if (state->remaking || !state->lease) return;
    if (state->options.shared_process) return Remake(state);
    // It is made again when its worker has ended.
    return Stop(*state, state->record->id(), /*force=*/true);
  }
  if (state->lease) LeaveHost(*state, /*force=*/true);  // also if it is out of reach just now
  const absl::Status error = MakeError(Cause::kActorDied, absl::StrCat(NameOf(*state), " was killed"));
  Deactivate(*state);
  state->peer = nullptr;
  state->batch.clear();
  const std::deque<TaskRecord*> in_flight = std::exchange(state->in_flight, {});
  TaskRecord* const creation = state->creation == 0 ? nullptr : book_.Find(state->creation);
  Die(*state, error);
  for (TaskRecord* task : in_flight) {
    book_.NoteTried(*task, NodeOf(state->worker, state->node_name));
    book_.Fail(*task, error);
  }
  if (creation == nullptr) return;
  if (state->options.shared_process) {
    hosts_.Cancel(*creation);
  } else {
    dispatcher_.Cancel(*creation, /*force=*/true);
  }
}

void ActorCaller::Stop(const ActorState& state, ObjectId actor, bool force) {
  Stop({.worker = state.worker,
        .node_name = state.node_name,
        .actor = actor,
        .incarnation = state.incarnation,
        .force = force},
       env_.executor().Now() + kActorOutOfReach);
}

// Nobody else would tell the worker, if only the connection with it broke or can't be made: it is told again until it
// has answered or ended.
void ActorCaller::Stop(const Stopping& stopping, absl::Time until) {
  if (closed_) return;
  peers_.With(stopping.worker, [this, stopping, until](absl::StatusOr<Peer*> peer) {
    if (!peer.ok()) return StopLater(stopping, until);
    const StopActor stop{.actor = stopping.actor, .force = stopping.force, .incarnation = stopping.incarnation};
    (*peer)->channel().Call(stop, kBorrowTimeout,
                            [this, stopping, until](const absl::StatusOr<StopActor::Reply>& reply) {
                              if (CauseOf(reply.status()) == Cause::kDisconnected) StopLater(stopping, until);
                            });
  });
}

void ActorCaller::StopLater(const Stopping& stopping, absl::Time until) {
  if (closed_ || env_.executor().Now() >= until) return;
  fates_.Ask(stopping.worker, stopping.node_name, [this, stopping, until](const WorkerEnd& end) {
    if (end.ended()) return;
    env_.executor().Schedule(kStopAgainDelay, [this, stopping, until, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) Stop(stopping, until);
    });
  });
}

}  // namespace ioc

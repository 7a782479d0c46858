// The part of ActorCaller that asks the owners of other processes' actors, and the head, where actors live; and has the
// head make and end its own.
#include <absl/strings/str_cat.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"
#include "runtime/client/actor_construction.h"

namespace ioc {

void ActorCaller::Ask(const State& state) {
  if (state->resolving || state->record == nullptr || state->waiting.empty()) return;
  state->record->owned() ? Connect(state) : Resolve(state);
}

void ActorCaller::Resolve(const State& state) {
  state->resolving = true;
  objects_.Hold(*state->record);
  if (IsDetached(*state->record)) {
    return detached_.Locate(state->record->id(), [this, state](const absl::StatusOr<LocateActor::Reply>& reply) {
      Located(state, reply);
      objects_.Drop(*state->record);
    });
  }
  auto resolved = [this, state, asked = env_.executor().Now()](const absl::StatusOr<ResolveActor::Reply>& reply) {
    Resolved(state, asked, reply);
    objects_.Drop(*state->record);
  };
  reach_.With(*state->record->owner, [this, state, resolved = std::move(resolved)](absl::StatusOr<Peer*> peer) mutable {
    if (!peer.ok()) return CantAsk(state, peer.status());
    (*peer)->channel().Call(ResolveActor{.actor = state->record->id()}, kResolvePeriod, std::move(resolved));
  });
}

// Its owner has ended, or is out of reach.
void ActorCaller::CantAsk(const State& state, const absl::Status& why) {
  state->resolving = false;
  if (state->phase != ActorState::Phase::kDead && !closed_) {
    const absl::Status error = WithContext(
        why, absl::StrCat("the actor's owner, process ", state->record->owner->process.ToString(), ", can't be asked"));
    CauseOf(why) == Cause::kOwnerDied ? Die(*state->record, error) : GiveUpWaiting(*state, error);
  }
  objects_.Drop(*state->record);
}

void ActorCaller::Resolved(const State& state, absl::Time asked, const absl::StatusOr<ResolveActor::Reply>& reply) {
  state->resolving = false;
  if (state->phase == ActorState::Phase::kDead) return;
  if (reply.ok()) {
    LearnRetries(*state, reply->max_task_retries);
    return Found(state, {.worker = reply->worker, .node_name = reply->node_name, .incarnation = reply->incarnation});
  }
  if (CauseOf(reply.status()) == Cause::kDeadline && env_.executor().Now() - asked >= kResolvePeriod) {
    return Resolve(state);  // it is still being made; a kDeadline that comes earlier is what the actor died of
  }
  // The connection broke: whether the owner lives is found out on the way.
  if (CauseOf(reply.status()) == Cause::kDisconnected && !closed_) return Later(state, &ActorCaller::Resolve);
  Die(*state->record, reply.status());
}

void ActorCaller::Located(const State& state, const absl::StatusOr<LocateActor::Reply>& reply) {
  if (state->phase == ActorState::Phase::kDead || closed_) return;
  if (reply.ok()) {
    state->type = reply->type;
    LearnRetries(*state, reply->max_task_retries);
    return Found(state, {.worker = reply->worker, .node_name = reply->node_name, .incarnation = reply->incarnation});
  }
  if (CauseOf(reply.status()) == Cause::kDeadline) return Resolve(state);  // it is still being made
  if (CauseOf(reply.status()) != Cause::kDisconnected) return Die(*state->record, reply.status());
  if (!OutOfReachTooLong(*state)) return Later(state, &ActorCaller::Resolve);
  state->resolving = false;
  GiveUpWaiting(*state, WithContext(reply.status(), absl::StrCat(NameOf(*state), " can't be located")));
}

// If that is where it was, calls keep their numbers: those that came there don't run again. If it is another
// incarnation, the last one is over, and what it was sent may have run.
void ActorCaller::Found(const State& state, const ActorPlace& place) {
  if (state->at.worker.process != place.worker.process || state->at.incarnation != place.incarnation) {
    ChargeSent(*state, {.error = MakeError(Cause::kNodeDied,
                                           absl::StrCat("node ", state->at.node_name, " is gone or cut off"))});
    NewSession(*state);
    state->out_of_reach = absl::InfiniteFuture();
  }
  state->at = place;
  Connect(state);
}

void ActorCaller::Found(ObjectRecord& record, const ActorPlace& place) { Found(record.actor, place); }

// How often calls may be tried again is the actor's affair; those made before it was known have not been tried.
void ActorCaller::LearnRetries(ActorState& state, int32_t max_task_retries) {
  if (state.max_task_retries == max_task_retries) return;
  state.max_task_retries = max_task_retries;
  for (TaskRecord* task : state.waiting) {
    if (task->attempt == 0) task->retries_left = max_task_retries;
  }
}

ObjectRecord& ActorCaller::CreateDetached(internal::Call& constructor, const ActorOptions& options,
                                          std::string_view type) {
  ObjectRecord& record = objects_.Create(book_.NextId());
  record.owner = std::make_unique<ProcessAddress>(DetachedRef(record.id()).owner);
  record.borrow = BorrowState::kRegistered;
  objects_.Hold(record);  // what fails at once must not take it away before there is a reference
  Begin(record, type, options);
  const State state = record.actor;
  absl::StatusOr<SchedulingClass> spec = TaskDispatcher::ClassOf(options);
  if (!spec.ok()) {
    Die(*state->record, WithContext(spec.status(), NameOf(*state)));
  } else {
    constructor.num_returns = 0;
    TaskRecord& creation = book_.Create(TaskKind::kCreateActor, constructor, 0);
    creation.actor = &record;
    creation.construction = std::make_shared<Construction>(Construction{.options = options});
    objects_.Hold(record);
    objects_.Hold(record);  // until the head has answered
    detached_.Create({.id = record.id(),
                      .name_space = options.name_space,
                      .name = options.name,
                      .type = state->type,
                      .spec = dispatcher_.OfJob(*spec),
                      .constructor = {},
                      .max_restarts = options.max_restarts,
                      .max_task_retries = options.max_task_retries},
                     creation, [this, state](const absl::Status& status) { Created(state, status); });
  }
  --record.holds;
  return record;
}

void ActorCaller::Created(const State& state, const absl::Status& status) {
  if (!status.ok()) {
    Die(*state->record, WithContext(status, absl::StrCat(NameOf(*state), " can't be made")));
  } else if (state->phase == ActorState::Phase::kDead) {  // killed before it was known to the head
    detached_.Kill(state->record->id(), /*no_restart=*/true, [](const absl::Status&) {});
  } else {
    state->phase = ActorState::Phase::kConnecting;
    if (!state->waiting.empty()) Pump(state);
  }
  objects_.Drop(*state->record);
}

void ActorCaller::KillOthers(ObjectRecord& record, bool no_restart, absl::AnyInvocable<void(absl::Status)> done) {
  if (IsDetached(record)) {
    if (record.actor == nullptr || record.actor->phase != ActorState::Phase::kStarting) {
      return detached_.Kill(record.id(), no_restart, std::move(done));
    }
    // The head does not know it yet.
    if (no_restart) {
      Die(record, MakeError(Cause::kActorDied, absl::StrCat(NameOf(*record.actor), " was killed")));
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

}  // namespace ioc

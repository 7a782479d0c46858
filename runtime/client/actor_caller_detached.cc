// The part of ActorCaller for actors that the head owns, or knows by their names.
#include <absl/strings/str_cat.h>

#include <memory>
#include <string>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"

namespace ioc {

ObjectRecord& ActorCaller::CreateDetached(internal::Call& constructor, const ActorOptions& options,
                                          std::string_view type) {
  ObjectRecord& record = objects_.Create(book_.NextId());
  record.owner = std::make_unique<ProcessAddress>(DetachedRef(record.id()).owner);
  record.borrow = BorrowState::kRegistered;
  objects_.Hold(record);  // as in Create
  const State state = StateOf(record);
  state->type = std::string(type);
  state->options = options;
  state->phase = ActorState::Phase::kStarting;
  absl::StatusOr<SchedulingClass> spec = TaskDispatcher::ClassOf(options);
  if (!spec.ok()) {
    Die(*state, WithContext(spec.status(), NameOf(*state)));
  } else {
    constructor.num_returns = 0;
    TaskRecord& creation = book_.Create(TaskKind::kCreateActor, constructor, 0);
    creation.actor = &record;
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
    Die(*state, WithContext(status, absl::StrCat(NameOf(*state), " can't be made")));
  } else if (state->phase == ActorState::Phase::kDead) {  // killed before it was known to the head
    detached_.Kill(state->record->id(), /*no_restart=*/true, [](const absl::Status&) {});
  } else {
    state->phase = ActorState::Phase::kConnecting;
    if (!state->waiting.empty()) Pump(state);
  }
  objects_.Drop(*state->record);
}

void ActorCaller::Located(const State& state, const absl::StatusOr<LocateActor::Reply>& reply) {
  if (state->phase == ActorState::Phase::kDead || closed_) return;
  if (reply.ok()) {
    state->type = reply->type;
    return Found(state, {.worker = reply->worker,
                         .node_name = reply->node_name,
                         .incarnation = reply->incarnation,
                         .max_task_retries = reply->max_task_retries});
  }
  if (CauseOf(reply.status()) == Cause::kDeadline) return Resolve(state);  // it is still being made
  if (CauseOf(reply.status()) != Cause::kDisconnected) return Die(*state, reply.status());
  if (!OutOfReachTooLong(*state)) return Later(state, &ActorCaller::Resolve);
  state->resolving = false;
  GiveUpWaiting(*state, WithContext(reply.status(), absl::StrCat(NameOf(*state), " can't be located")));
}

void ActorCaller::Note(const ActorState& state, ActorPhase phase) {
  if (state.options.name.empty() || state.record == nullptr) return;
  node_.Notify(NoteActor{.name_space = state.options.name_space,
                         .name = state.options.name,
                         .actor = state.record->id(),
                         .phase = phase,
                         .node_name = state.node_name,
                         .restarts = state.incarnation - (phase == ActorPhase::kAlive ? 1 : 0)});
}

}  // namespace ioc

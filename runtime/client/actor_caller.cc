#include "runtime/client/actor_caller.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

std::string NameOf(const ActorState& state) {
  std::string name = absl::StrCat("actor ", state.type);
  if (!state.options.name.empty()) absl::StrAppend(&name, " \"", state.options.name, "\"");
  return name;
}

}  // namespace

ActorCaller::ActorCaller(Env& env, NodeLink& node, PeerTable& peers, ObjectTable& objects, TaskBook& book,
                         Borrowing& borrowing, TaskDispatcher& dispatcher)
    : env_(env),
      node_(node),
      peers_(peers),
      objects_(objects),
      book_(book),
      borrowing_(borrowing),
      dispatcher_(dispatcher) {}

ActorCaller::~ActorCaller() { env_.executor().Undefer(*this); }

void ActorCaller::Clear() {
  closed_ = true;
  dirty_.clear();
  for (const State& state : std::exchange(active_, {})) state->peer = nullptr;
}

ObjectRecord& ActorCaller::Create(internal::Call& constructor, const ActorOptions& options, std::string_view type) {
  ObjectRecord& record = objects_.Create(book_.NextId());
  objects_.Hold(record);  // what fails at once must not take it away before there is a reference
  auto state = std::make_shared<ActorState>();
  record.actor = state;
  state->record = &record;
  state->type = std::string(type);
  state->owned = true;
  state->options = options;
  state->restarts_left = options.max_restarts;
  state->constructor.function = constructor.function;
  state->constructor.payload = std::move(constructor.payload);
  state->constructor.num_returns = 0;
  auto hold_all = [this](const std::vector<internal::Ref>& refs, std::vector<ObjectRecord*>& records) {
    for (const internal::Ref& ref : refs) {
      records.push_back(static_cast<ObjectRecord*>(ref.get()));
      objects_.Hold(*records.back());
    }
  };
  hold_all(constructor.dependencies, state->dependencies);
  hold_all(constructor.refs, state->refs);
  absl::StatusOr<SchedulingClass> spec = TaskDispatcher::ClassOf(options);
  if (!spec.ok()) {
    Die(*state, WithContext(spec.status(), NameOf(*state)));
  } else {
    state->spec = *std::move(spec);
    if (options.name.empty()) {
      Construct(state);
    } else {
      RegisterName(state);
    }
  }
  --record.holds;
  return record;
}

void ActorCaller::RegisterName(const State& state) {
  objects_.Hold(*state->record);
  const RegisterActorName request{.name_space = state->options.name_space,
                                  .name = state->options.name,
                                  .type = state->type,
                                  .actor = borrowing_.Export(*state->record)};
  node_.Call(request, kBorrowTimeout, [this, state](absl::StatusOr<RegisterActorName::Reply> reply) {
    if (reply.ok()) {
      Construct(state);
    } else {
      Die(*state, WithContext(reply.status(), absl::StrCat(NameOf(*state), " can't be made")));
    }
    objects_.Drop(*state->record);
  });
}

void ActorCaller::Construct(const State& state) {
  internal::Call call;
  call.function = state->constructor.function;
  call.payload = state->constructor.payload;
  call.num_returns = 0;
  if (state->restarts_left == 0) call.payload = std::move(state->constructor.payload);
  TaskRecord& task = book_.Create(TaskKind::kCreateActor, call, 0);
  task.actor = state->record;
  objects_.Hold(*state->record);
  task.dependencies = state->dependencies;
  task.refs = state->refs;
  for (ObjectRecord* held : task.dependencies) objects_.Hold(*held);
  for (ObjectRecord* held : task.refs) objects_.Hold(*held);
  task.retries_left = 3;  // a worker that dies before its constructor has begun is not the actor's fault
  task.max_concurrency = static_cast<uint32_t>(state->options.max_concurrency);
  dispatcher_.Submit(task, state->spec);
}

void ActorCaller::OnActorConstructed(TaskRecord& creation, const ProcessAddress& worker, const std::string& node_name,
                                     LeaseId lease) {
  const State state = creation.actor->actor;
  ++state->incarnation;
  state->phase = ActorState::Phase::kAlive;
  state->worker = worker;
  state->node_name = node_name;
  state->lease = lease;
  state->peer = peers_.Find(worker.process);
  state->last_call = 0;
  active_.push_back(state);
  if (state->restarts_left == 0) ReleaseConstructor(*state);
  AnswerAsking(*state);
  Pump(state);
}

void ActorCaller::ReleaseConstructor(ActorState& state) {
  for (ObjectRecord* held : std::exchange(state.dependencies, {})) objects_.Drop(*held);
  for (ObjectRecord* held : std::exchange(state.refs, {})) objects_.Drop(*held);
}

void ActorCaller::OnActorFailed(TaskRecord& creation, const absl::Status& error) {
  const State state = creation.actor->actor;
  const Cause cause = CauseOf(error);
  const bool plain =
      cause == Cause::kUnschedulable || cause == Cause::kProgramMissing || cause == Cause::kInvalidArgument;
  Die(*state, MakeError(plain ? cause : Cause::kActorDied,
                        absl::StrCat(NameOf(*state), " could not be made: ", std::string(error.message()))));
}

const ActorCaller::State& ActorCaller::StateOf(ObjectRecord& record) {
  if (record.actor == nullptr) {
    record.actor = std::make_shared<ActorState>();
    record.actor->record = &record;
    record.actor->type = "of another process";
    record.actor->phase = ActorState::Phase::kConnecting;
  }
  return record.actor;
}

void ActorCaller::Call(TaskRecord& task) {
  if (task.actor->owned() && task.actor->actor == nullptr) {
    // A handle of an actor of ours that came back after we forgot it.
    return book_.Fail(task,
                      MakeError(Cause::kActorDied, absl::StrCat("actor ", task.actor->id().ToString(), " has ended")));
  }
  const State state = StateOf(*task.actor);
  task.sink = this;
  if (state->phase == ActorState::Phase::kDead) return book_.Fail(task, state->error);
  state->waiting.push_back(&task);
  book_.AwaitArguments(task);
}

void ActorCaller::OnTaskReady(TaskRecord& task) {
  const State state = task.actor->actor;  // the record may go with its last call
  Pump(state);
}

void ActorCaller::OnTaskDoomed(TaskRecord& task) {
  const State state = task.actor->actor;
  std::erase(state->waiting, &task);
  Pump(state);
}

void ActorCaller::Pump(const State& state) {
  if (closed_) return;
  if (state->phase == ActorState::Phase::kConnecting) return Resolve(state);
  if (state->phase != ActorState::Phase::kAlive || state->peer == nullptr) return;
  while (!state->waiting.empty() && state->waiting.front()->missing == 0 &&
         state->in_flight.size() < kMaxActorCallsInFlight) {
    TaskRecord* task = state->waiting.front();
    state->waiting.pop_front();
    if (task->cancelled) {
      book_.Fail(*task, absl::CancelledError());
      continue;
    }
    task->call_sequence = ++state->last_call;
    state->in_flight.push_back(task);
    state->batch.push_back(task);
    state->batch_bytes += task->payload.size();
    if (state->batch_bytes > kBatchBytes) SendBatch(*state);
  }
  if (state->batch.empty() || state->dirty) return;
  state->dirty = true;
  dirty_.push_back(state);
  env_.executor().Defer(*this);
}

void ActorCaller::SendBatch(ActorState& state) {
  if (state.batch.empty() || state.peer == nullptr) return;
  push_.lease = {};
  push_.functions.clear();
  push_.tasks.clear();
  PeerLink& link = *state.peer->links.front();
  for (TaskRecord* task : state.batch) book_.AppendTo(push_, *task, link);
  state.batch.clear();
  state.batch_bytes = 0;
  link.channel->Notify(push_);
}

void ActorCaller::RunDeferred() {
  for (const State& state : std::exchange(dirty_, {})) {
    state->dirty = false;
    SendBatch(*state);
  }
}

void ActorCaller::OnResult(TaskRecord& task, PeerLink& link, TaskResult& result) {
  const State state = task.actor->actor;
  if (state->peer != link.peer || task.attempt != result.attempt) return;
  auto it = std::find(state->in_flight.begin(), state->in_flight.end(), &task);
  if (it == state->in_flight.end()) return;
  state->in_flight.erase(it);
  if (result.outcome == TaskOutcome::kDone) {
    book_.Complete(task, result, link.peer->process, NodeOf(state->worker, state->node_name));
  } else {
    book_.Fail(task, result.error);
  }
  if (!state->waiting.empty()) Pump(state);
}

void ActorCaller::Cancel(TaskRecord& task) {
  book_.SettleEarly(
      task, MakeError(Cause::kCancelled, absl::StrCat("call of ", std::string(task.label()), " was cancelled")));
  const State state = task.actor->actor;
  const bool sent = std::find(state->in_flight.begin(), state->in_flight.end(), &task) != state->in_flight.end();
  if (!sent || state->peer == nullptr) return;
  SendBatch(*state);
  state->peer->channel().Notify(CancelTask{.sequence = task.sequence, .force = false});
}

void ActorCaller::Resolve(const State& state) {
  if (state->resolving || state->record == nullptr) return;
  if (state->owned) return;
  state->resolving = true;
  objects_.Hold(*state->record);
  const absl::Time asked = env_.executor().Now();
  auto resolved = [this, state, asked](absl::StatusOr<ResolveActor::Reply> reply) {
    state->resolving = reply.ok();  // until it is connected, so that it is connected once
    if (reply.ok()) {
      state->worker = reply->worker;
      state->node_name = reply->node_name;
      state->incarnation = reply->incarnation;
      Connect(state);
    } else if (CauseOf(reply.status()) == Cause::kDeadline && env_.executor().Now() - asked >= kResolvePeriod) {
      Resolve(state);  // it is still being made; a kDeadline that comes earlier is what the actor died of
    } else if (CauseOf(reply.status()) == Cause::kDisconnected) {
      Die(*state, MakeError(Cause::kOwnerDied,
                            absl::StrCat("the actor's owner, process ", state->record->owner->process.ToString(),
                                         ", is gone (", reply.status().message(), ")")));
    } else {
      Die(*state, reply.status());
    }
    objects_.Drop(*state->record);
  };
  peers_.With(*state->record->owner,
              [id = state->record->id(), resolved = std::move(resolved)](absl::StatusOr<Peer*> peer) mutable {
                if (!peer.ok()) return resolved(peer.status());
                (*peer)->channel().Call(ResolveActor{.actor = id}, kResolvePeriod, std::move(resolved));
              });
}

void ActorCaller::Connect(const State& state) {
  objects_.Hold(*state->record);
  peers_.With(state->worker, [this, state](absl::StatusOr<Peer*> peer) {
    if (peer.ok()) {
      state->resolving = false;
      state->out_of_reach = absl::InfiniteFuture();
      state->peer = *peer;
      state->phase = ActorState::Phase::kAlive;
      state->last_call = 0;
      active_.push_back(state);
      Pump(state);
    } else if (OutOfReachTooLong(*state)) {
      state->resolving = false;
      FailWaiting(*state, WithContext(peer.status(), absl::StrCat("the actor lives on node ", state->node_name,
                                                                  ", says its owner, but it could not be reached for ",
                                                                  absl::FormatDuration(kActorOutOfReach))));
    } else {
      // It has just died, and its owner may not know yet.
      objects_.Hold(*state->record);
      env_.executor().Schedule(kReResolveDelay, [this, state, alive = std::weak_ptr<const bool>(alive_)] {
        if (alive.expired()) return;
        state->resolving = false;
        Resolve(state);
        objects_.Drop(*state->record);
      });
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

void ActorCaller::OnResolveActor(PeerLink& link, const FrameHeader& request, const ResolveActor& message) {
  ObjectRecord* record = objects_.Find(message.actor);
  if (record == nullptr || record->actor == nullptr || !record->actor->owned) {
    return link.channel->Fail(
        request, MakeError(Cause::kActorDied, absl::StrCat("actor ", message.actor.ToString(), " has ended")));
  }
  auto [asking, first] = record->actor->asking.try_emplace(link.id, request);
  // Who asks again has given the earlier question up.
  if (!first) link.channel->Fail(std::exchange(asking->second, request), absl::CancelledError("asked again"));
  AnswerAsking(*record->actor);
}

void ActorCaller::AnswerAsking(ActorState& state) {
  if (state.phase != ActorState::Phase::kAlive && state.phase != ActorState::Phase::kDead) return;
  for (const auto& [id, request] : std::exchange(state.asking, {})) {
    PeerLink* link = peers_.FindLink(id);
    if (link == nullptr) continue;
    if (state.phase == ActorState::Phase::kDead) {
      link->channel->Fail(request, state.error);
    } else {
      link->channel->Reply(request, ResolveActor::Reply{state.worker, state.incarnation, state.node_name});
    }
  }
}

void ActorCaller::OnPeerGone(Peer& peer) {
  std::vector<State> lost;
  for (const State& state : active_) {
    if (state->peer == &peer) lost.push_back(state);
  }
  std::erase_if(active_, [&peer](const State& state) { return state->peer == &peer; });
  for (const State& state : lost) Lost(state, MakeError(Cause::kDisconnected, "the connection broke"));
}

void ActorCaller::Lost(const State& state, const absl::Status&) {
  state->peer = nullptr;
  state->lease = {};
  state->phase = ActorState::Phase::kStarting;  // nothing is sent until it is known what comes
  if (state->record == nullptr) return;
  std::vector<uint64_t> suspects;
  // What was not sent goes before what had to wait, and both keep their order.
  for (auto it = state->batch.rbegin(); it != state->batch.rend(); ++it) {
    state->in_flight.pop_back();
    state->waiting.push_front(*it);
  }
  state->batch.clear();
  state->batch_bytes = 0;
  for (TaskRecord* task : std::exchange(state->in_flight, {})) {
    task->NoteTried(NodeOf(state->worker, state->node_name));
    suspects.push_back(task->sequence);
  }
  objects_.Hold(*state->record);
  dispatcher_.AskFate(state->worker, state->node_name,
                      [this, state, suspects = std::move(suspects)](WorkerEnd end) mutable {
                        AfterLoss(state, std::move(suspects), end);
                        objects_.Drop(*state->record);
                      });
}

void ActorCaller::AfterLoss(const State& state, std::vector<uint64_t> suspects, const WorkerEnd& end) {
  const bool may_live = !state->owned || state->restarts_left != 0;
  const absl::Status error =
      MakeError(Cause::kActorDied, absl::StrCat(NameOf(*state), " has died: ", std::string(end.error.message())));
  std::vector<TaskRecord*> again;
  const size_t started = end.Started(suspects, book_.self());
  for (size_t i = 0; i < suspects.size(); ++i) {
    TaskRecord* task = book_.Find(suspects[i]);
    if (task == nullptr) continue;
    const bool innocent = i >= started;
    if (may_live && (innocent || task->retries_left != 0) && !task->cancelled) {
      if (!innocent && task->retries_left > 0) --task->retries_left;
      ++task->attempt;
      again.push_back(task);
    } else {
      book_.Fail(*task, error);
    }
  }
  state->waiting.insert(state->waiting.begin(), again.begin(), again.end());
  if (!may_live || closed_) return Die(*state, error);
  if (!state->owned) {
    state->phase = ActorState::Phase::kConnecting;
    return Pump(state);
  }
  if (state->restarts_left > 0) --state->restarts_left;
  Construct(state);
}

void ActorCaller::Die(ActorState& state, const absl::Status& error) {
  state.phase = ActorState::Phase::kDead;
  state.error = error;
  ReleaseConstructor(state);
  if (state.owned && !state.options.name.empty() && state.record != nullptr &&
      CauseOf(error) != Cause::kInvalidArgument) {
    node_.Notify(ReleaseActorName{state.options.name_space, state.options.name, state.record->id()});
  }
  AnswerAsking(state);
  FailWaiting(state, error);
}

void ActorCaller::FailWaiting(ActorState& state, const absl::Status& error) {
  const std::deque<TaskRecord*> waiting = std::exchange(state.waiting, {});
  if (closed_) return;  // the book fails them, or has done so: they may be gone
  for (TaskRecord* task : waiting) book_.Fail(*task, error);
}

void ActorCaller::OnDead(ObjectRecord& record) {
  if (record.actor == nullptr) return;
  const State state = record.actor;
  std::erase(active_, state);
  if (state->owned && state->phase == ActorState::Phase::kAlive) {
    if (!state->options.name.empty()) {
      node_.Notify(ReleaseActorName{state->options.name_space, state->options.name, record.id()});
    }
    dispatcher_.EndLease(state->lease);
  }
  ReleaseConstructor(*state);
  state->phase = ActorState::Phase::kDead;
  state->record = nullptr;
}

}  // namespace ioc

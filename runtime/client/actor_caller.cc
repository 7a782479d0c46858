#include "runtime/client/actor_caller.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/base/text.h"

namespace ioc {

std::string NameOf(const ActorState& state) {
  std::string name = absl::StrCat("actor ", state.type);
  if (!state.options.name.empty()) absl::StrAppend(&name, " \"", Shown(state.options.name), "\"");
  return name;
}

ActorCaller::ActorCaller(Env& env, NodeLink& node, PeerTable& peers, ObjectTable& objects, TaskBook& book,
                         Borrowing& borrowing, Fates& fates, Reach& reach, TaskDispatcher& dispatcher,
                         SharedHosts& hosts, DetachedClient& detached)
    : env_(env),
      node_(node),
      peers_(peers),
      objects_(objects),
      book_(book),
      borrowing_(borrowing),
      fates_(fates),
      reach_(reach),
      dispatcher_(dispatcher),
      hosts_(hosts),
      detached_(detached) {}

ActorCaller::~ActorCaller() {
  env_.executor().Undefer(*this);
  env_.executor().CancelTimer(heard_timer_);
}

void ActorCaller::Clear() {
  closed_ = true;
  dirty_.clear();
  unheard_.clear();
  env_.executor().CancelTimer(std::exchange(heard_timer_, 0));
  for (const State& state : std::exchange(active_, {})) {
    state->peer = nullptr;
    state->active = ActorState::kInactive;
  }
}

ObjectRecord& ActorCaller::Create(internal::Call& constructor, const ActorOptions& options, std::string_view type) {
  ObjectRecord& record = objects_.Create(book_.NextId());
  objects_.Hold(record);  // what fails at once must not take it away before there is a reference
  auto state = std::make_shared<ActorState>();
  state->session = ++last_session_;
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
    if (state->phase == ActorState::Phase::kDead) {
      // Killed meanwhile, and the name given back.
    } else if (reply.ok()) {
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
  state->creation = task.sequence;
  SetIdsApart(*state);
  if (state->options.shared_process) {
    hosts_.Submit(task, state->spec);
  } else {
    dispatcher_.Submit(task, state->spec);
  }
}

void ActorCaller::OnActorConstructed(TaskRecord& creation, const ProcessAddress& worker, const std::string& node_name,
                                     LeaseId lease) {
  const State state = creation.actor->actor;
  state->creation = 0;
  state->lease = lease;
  state->worker = worker;
  ++state->incarnation;
  if (state->phase == ActorState::Phase::kDead) return LeaveHost(*state, /*force=*/true);  // killed meanwhile
  state->phase = ActorState::Phase::kAlive;
  state->node_name = node_name;
  state->peer = peers_.Find(worker.process);
  NewSession(*state);
  Activate(state);
  if (state->restarts_left == 0) ReleaseConstructor(*state);
  Note(*state, ActorPhase::kAlive);
  AnswerAsking(*state);
  Pump(state);
}

void ActorCaller::ReleaseConstructor(ActorState& state) {
  objects_.DropAll(std::exchange(state.dependencies, {}));
  objects_.DropAll(std::exchange(state.refs, {}));
}

void ActorCaller::OnActorFailed(TaskRecord& creation, const absl::Status& error) {
  const State state = creation.actor->actor;
  state->creation = 0;
  if (state->phase == ActorState::Phase::kDead) return;  // killed meanwhile
  const Cause cause = CauseOf(error);
  const bool plain =
      cause == Cause::kUnschedulable || cause == Cause::kProgramMissing || cause == Cause::kInvalidArgument;
  Die(*state, MakeError(plain ? cause : Cause::kActorDied,
                        absl::StrCat(NameOf(*state), " could not be made: ", std::string(error.message()))));
}

const ActorCaller::State& ActorCaller::StateOf(ObjectRecord& record) {
  if (record.actor == nullptr) {
    record.actor = std::make_shared<ActorState>();
    record.actor->session = ++last_session_;
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

void ActorCaller::OnTaskDoomed(TaskRecord& task, const absl::Status&) {
  const State state = task.actor->actor;
  StopWaiting(*state, task);
  Pump(state);
}

// It is mostly the first one.
void ActorCaller::StopWaiting(ActorState& state, const TaskRecord& task) {
  const auto place = std::find(state.waiting.begin(), state.waiting.end(), &task);
  if (place != state.waiting.end()) state.waiting.erase(place);
}

void ActorCaller::Pump(const State& state) {
  if (closed_) return;
  if (state->phase == ActorState::Phase::kConnecting) return Ask(state);
  if (state->phase != ActorState::Phase::kAlive || state->peer == nullptr) return;
  while (!state->waiting.empty() && state->waiting.front()->missing == 0 &&
         state->in_flight.size() < kMaxActorCallsInFlight) {
    TaskRecord* task = state->waiting.front();
    state->waiting.pop_front();
    if (task->cancelled && task->call_sequence == 0) {
      book_.Fail(*task, absl::CancelledError());
      continue;
    }
    if (task->call_sequence == 0) task->call_sequence = ++state->last_call;
    state->in_flight.push_back(task);
    state->batch.push_back(task);
    state->batch_bytes += task->wire_bytes;
    if (task->cancelled) {
      SendCancel(*state, *task);  // without its number, those behind it could not come
    } else if (state->batch_bytes > kBatchBytes) {
      SendBatch(*state);
    }
  }
  if (state->batch.empty() || state->dirty) return;
  state->dirty = true;
  dirty_.push_back(state);
  env_.executor().Defer(*this);
}

void ActorCaller::OnResult(TaskRecord& task, PeerLink& link, TaskResult& result) {
  const State state = task.actor->actor;
  auto it = std::find(state->in_flight.begin(), state->in_flight.end(), &task);
  if (state->peer != link.peer || task.attempt != result.attempt || it == state->in_flight.end()) {
    return book_.Discard(result, *link.peer);
  }
  state->in_flight.erase(it);
  if (result.gone) return Gone(state, task, result);
  state->misplaced = 0;
  if (result.outcome == TaskOutcome::kDone) {
    book_.Complete(task, result, link.peer->process, NodeOf(state->worker, state->node_name));
  } else {
    book_.Fail(task, result.error);
  }
  if (!std::exchange(state->unheard, true)) unheard_.push_back(state);
  if (heard_timer_ == 0) heard_timer_ = env_.executor().Schedule(kAnswersHeardDelay, [this] { TellHeard(); });
  if (!state->waiting.empty()) Pump(state);
}

void ActorCaller::Cancel(TaskRecord& task) {
  const absl::Status error =
      MakeError(Cause::kCancelled, absl::StrCat("call of ", std::string(task.label()), " was cancelled"));
  const State state = task.actor->actor;
  if (task.call_sequence == 0) {  // nobody has heard of it, and none waits behind it from now on
    StopWaiting(*state, task);
    book_.Fail(task, error);
    return Pump(state);
  }
  book_.SettleEarly(task, error);
  const bool sent = std::find(state->in_flight.begin(), state->in_flight.end(), &task) != state->in_flight.end();
  if (sent && state->peer != nullptr) SendCancel(*state, task);
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

// The worker is.
void ActorCaller::AfterLoss(const State& state, const WorkerEnd& end) {
  const bool may_live = !state->owned || state->remaking || state->restarts_left != 0;
  ChargeSent(*state, end, may_live);
  NewSession(*state);
  DropCheckpointIfLost(*state, end);
  state->lease = {};
  if (!may_live || closed_) return Die(*state, DeathOf(*state, end));
  if (!state->owned) return Later(state, &ActorCaller::Resolve);  // its owner may not know yet
  state->phase = ActorState::Phase::kStarting;
  state->resolving = false;
  if (!std::exchange(state->remaking, false) && state->restarts_left > 0) --state->restarts_left;
  Note(*state, ActorPhase::kPlacing);
  Construct(state);
}

// Calls that were sent to an incarnation that is over, and have no answer: those that may have begun are charged.
void ActorCaller::ChargeSent(ActorState& state, const WorkerEnd& end, bool may_live) {
  std::vector<uint64_t> sent;
  for (const TaskRecord* task : state.waiting) {
    if (task->call_sequence != 0) sent.push_back(task->sequence);
  }
  for (const uint64_t sequence : sent) {
    TaskRecord* task = book_.Find(sequence);
    if (task == nullptr) continue;
    book_.NoteTried(*task, NodeOf(state.worker, state.node_name));
    if (CauseOf(end.error) == Cause::kNodeDied) book_.LoseItems(*task);
    const bool innocent = !end.MayHaveBegunCall(sequence, book_.self());
    if (may_live && (innocent || task->retries_left != 0) && !task->cancelled) {
      if (!innocent && task->retries_left > 0) --task->retries_left;
      ++task->attempt;
    } else {
      StopWaiting(state, *task);
      book_.Fail(*task, DeathOf(state, end));
    }
  }
}

absl::Status ActorCaller::DeathOf(const ActorState& state, const WorkerEnd& end) {
  return MakeError(Cause::kActorDied, absl::StrCat(NameOf(state), " has died: ", std::string(end.error.message())));
}

// Its calls are numbered anew.
void ActorCaller::NewSession(ActorState& state) {
  state.session = ++last_session_;  // the old one may live, though nobody can reach it
  state.last_call = 0;
  state.heard = 0;
  for (TaskRecord* task : state.waiting) {
    task->call_sequence = 0;
    task->may_have_begun = false;
  }
}

void ActorCaller::Die(ActorState& state, const absl::Status& error) {
  state.phase = ActorState::Phase::kDead;
  state.error = error;
  ReleaseConstructor(state);
  ReleaseCheckpoint(state);
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
  std::vector<uint64_t> sequences;
  for (const TaskRecord* task : waiting) sequences.push_back(task->sequence);
  for (const uint64_t sequence : sequences) {
    TaskRecord* const task = book_.Find(sequence);
    if (task == nullptr) continue;  // it waited for the result of one that has failed
    if (task->call_sequence != 0) book_.NoteTried(*task, NodeOf(state.worker, state.node_name));
    book_.Fail(*task, error);
  }
}

void ActorCaller::OnDead(ObjectRecord& record) {
  if (record.actor == nullptr) return;
  const State state = record.actor;
  Deactivate(*state);
  TellHeard(record, *state);
  if (state->owned && state->phase != ActorState::Phase::kDead) {
    if (!state->options.name.empty()) {
      node_.Notify(ReleaseActorName{state->options.name_space, state->options.name, record.id()});
    }
    if (state->lease) LeaveHost(*state, /*force=*/false);
  }
  ReleaseConstructor(*state);
  ReleaseCheckpoint(*state);
  state->phase = ActorState::Phase::kDead;
  state->record = nullptr;
}

}  // namespace ioc

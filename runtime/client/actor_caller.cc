#include "runtime/client/actor_caller.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/text.h"

namespace ioc {

std::string NameOf(const ActorState& state) {
  std::string name = absl::StrCat("actor ", state.type);
  if (!state.name.empty()) absl::StrAppend(&name, " \"", Shown(state.name), "\"");
  return name;
}

absl::Status DeathOf(const ActorState& state, const absl::Status& why) {
  return MakeError(Cause::kActorDied, absl::StrCat(NameOf(state), " has died: ", std::string(why.message())));
}

ActorCaller::ActorCaller(Env& env, PeerTable& peers, ObjectTable& objects, TaskBook& book, Fates& fates,
                         PeerReach& reach, TaskDispatcher& dispatcher, DetachedClient& detached, ActorCallerHooks& own)
    : env_(env),
      peers_(peers),
      objects_(objects),
      book_(book),
      fates_(fates),
      reach_(reach),
      dispatcher_(dispatcher),
      detached_(detached),
      own_(own) {}

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

ActorCaller::State ActorCaller::NewState(ObjectRecord& record, std::string_view type) {
  record.actor = std::make_shared<ActorState>();
  record.actor->record = &record;
  record.actor->type = std::string(type);
  record.actor->session = ++last_session_;
  return record.actor;
}

ActorCaller::State ActorCaller::StateOf(ObjectRecord& record) {
  if (record.actor != nullptr) return record.actor;
  State state = NewState(record, "of another process");
  state->phase = ActorState::Phase::kConnecting;
  return state;
}

void ActorCaller::Begin(ObjectRecord& record, std::string_view type, const ActorOptions& options) {
  const State state = NewState(record, type);
  state->name = options.name;
  state->max_task_retries = options.max_task_retries;
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
    book_.Complete(task, result, link.peer->process, state->at.node());
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

void ActorCaller::Die(ObjectRecord& record, const absl::Status& error) {
  const State state = record.actor;  // the record may go with its last call
  state->phase = ActorState::Phase::kDead;
  state->error = error;
  Deactivate(*state);
  state->peer = nullptr;
  state->batch.clear();
  state->waiting.insert(state->waiting.begin(), state->in_flight.begin(), state->in_flight.end());
  state->in_flight.clear();
  FailWaiting(*state, error);
}

void ActorCaller::FailWaiting(ActorState& state, const absl::Status& error) {
  const std::deque<TaskRecord*> waiting = std::exchange(state.waiting, {});
  if (closed_) return;  // the book fails them, or has done so: they may be gone
  std::vector<uint64_t> sequences;
  for (const TaskRecord* task : waiting) sequences.push_back(task->sequence);
  for (const uint64_t sequence : sequences) {
    TaskRecord* const task = book_.Find(sequence);
    if (task == nullptr) continue;  // it waited for the result of one that has failed
    if (task->call_sequence != 0) book_.NoteTried(*task, state.at.node());
    book_.Fail(*task, error);
  }
}

void ActorCaller::OnDead(ObjectRecord& record) {
  if (record.actor == nullptr) return;
  const State state = record.actor;
  Deactivate(*state);
  TellHeard(record, *state);
  state->phase = ActorState::Phase::kDead;
  state->record = nullptr;
}

}  // namespace ioc

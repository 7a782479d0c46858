// The part of LocalRuntime that runs tasks, methods and constructors.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "lib/protocol/located.h"
#include "runtime/client/task_dispatcher.h"
#include "runtime/local/local_results.h"

namespace ioc {
namespace {

using internal::EncodedValue;
using internal::Ref;

constexpr size_t kMaxDoomedMessageBytes = 4096;

absl::Status ForeignArgument() {
  return MakeError(Cause::kInvalidArgument, "an argument is a reference that is empty, or of another cluster");
}

// Sets what a thread works for, for as long as it lives.
class Scope {
 public:
  explicit Scope(internal::RunContext& context) : before_(internal::CurrentContext()) {
    internal::SetCurrentContext(&context);
  }
  ~Scope() { internal::SetCurrentContext(before_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  internal::RunContext* const before_;
};

}  // namespace

// --- where results go ---

EncodedValue LocalRuntime::Written(std::unique_ptr<internal::WritableValue> value, std::vector<Ref> refs) {
  const std::span<std::byte> bytes = value->bytes();
  return {.bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
          .keepalive = std::shared_ptr<internal::WritableValue>(std::move(value)),
          .refs = std::move(refs),
          .stored = bytes.size() > internal::kMaxInlineBytes};
}

EncodedValue LocalRuntime::Inline(std::string bytes, std::vector<Ref> refs) {
  const auto kept = std::make_shared<const std::string>(std::move(bytes));
  return {.bytes = *kept, .keepalive = kept, .refs = std::move(refs)};
}

internal::StreamSink::Step LocalRuntime::StreamSink::BeginItem() {
  MutexLock lock(runtime_.mutex());
  const LocalStream& stream = *static_cast<LocalObject*>(task_.results.front().get())->stream;
  if (!status_.ok() || stream.closed || task_.cancelled) return Step::kClosed;
  if (index_ < made_) {
    ++index_;
    return Step::kSkip;
  }
  if (stream.items.size() < kMaxLocalStreamItems && stream.bytes < kMaxLocalStreamBytes) return Step::kSend;
  status_ =
      MakeError(Cause::kStoreFull, absl::StrCat("the stream of ", std::string(task_.label()), " has made ",
                                                stream.items.size(), " items (", FormatBytes(stream.bytes),
                                                ") and not ended; in local mode it runs to its end before it is read"));
  return Step::kClosed;
}

void LocalRuntime::StreamSink::Add(EncodedValue value) {
  if (!runtime_.IsOurs(value.refs)) {
    status_ = MakeError(Cause::kInvalidArgument,
                        absl::StrCat("item ", index_, " of the stream of ", std::string(task_.label()),
                                     ": a value contains a reference of another cluster; get its value first"));
    return;
  }
  const uint64_t bytes = value.bytes.size();
  ++index_;
  ++made_;
  Ref item = runtime_.PutValue(std::move(value));
  MutexLock lock(runtime_.mutex());
  auto& end = static_cast<LocalObject&>(*task_.results.front().get());
  end.stream->items.push_back(std::move(item));
  end.stream->bytes += bytes;
  for (Waiter* waiter : end.waiting) runtime_.env_->executor().Notify(*waiter);
}

// --- calls ---

std::unique_ptr<LocalTask> LocalRuntime::NewTask(LocalTask::Kind kind, internal::Call call) {
  auto task = std::make_unique<LocalTask>();
  task->kind = kind;
  task->job = ++last_job_;
  task->parent = CurrentJob();
  task->call = std::move(call);
  if (kind == LocalTask::Kind::kConstructor) return task;
  const ObjectId first = NextId(std::max<uint32_t>(1, task->call.num_returns));
  for (uint32_t i = 0; i < task->call.num_returns; ++i) {
    auto* result = new LocalObject(*this, {first.maker, first.sequence + i});
    result->task = task.get();
    if (task->call.stream_window > 0) result->stream = std::make_unique<LocalStream>();
    task->results.emplace_back(result);
  }
  return task;
}

std::vector<Ref> LocalRuntime::Submit(internal::Call call, const std::shared_ptr<const TaskOptions>& options) {
  const bool ours = IsOurs(call.dependencies) && IsOurs(call.refs);
  const absl::Status valid = options == nullptr ? absl::OkStatus() : TaskDispatcher::ClassOf(*options).status();
  std::unique_ptr<LocalTask> task;
  absl::Status error;
  {
    MutexLock lock(mutex());
    task = NewTask(LocalTask::Kind::kTask, std::move(call));
    task->options = options;
    error = !closed_.ok() ? closed_ : ours ? valid : ForeignArgument();
    if (!error.ok()) Refuse(*task, WithContext(error, absl::StrCat("task ", Shown(task->label()))));
  }
  std::vector<Ref> results = task->results;
  if (error.ok()) Launch(std::move(task));
  return results;
}

std::vector<Ref> LocalRuntime::CallActor(const Ref& actor, internal::Call call) {
  const bool ours = IsOurs(call.dependencies) && IsOurs(call.refs);
  std::unique_ptr<LocalTask> task;
  absl::Status error;
  {
    MutexLock lock(mutex());
    task = NewTask(LocalTask::Kind::kCall, std::move(call));
    task->actor = actor;
    LocalObject* const object = ObjectOf(actor);
    if (object == nullptr) {
      error = MakeError(Cause::kInvalidArgument, absl::StrCat("call of ", std::string(task->label()),
                                                              ": the handle is empty, or of another cluster"));
    } else if (!closed_.ok()) {
      error = closed_;
    } else if (!ours) {
      error = ForeignArgument();
    } else if (object->state == LocalObject::State::kFailed) {
      error = object->error;
    } else {
      error = FindGroup(*task, *ActorOf(actor));
    }
    if (!error.ok()) Refuse(*task, error);
  }
  std::vector<Ref> results = task->results;
  if (error.ok()) Launch(std::move(task));
  return results;
}

absl::Status LocalRuntime::FindGroup(LocalTask& call, LocalActor& actor) {
  const std::string name = call.call.options == nullptr ? "" : call.call.options->concurrency_group;
  const auto found = actor.groups.find(name);
  if (found != actor.groups.end()) {
    call.group = &found->second;
    return absl::OkStatus();
  }
  std::string names = "the default one";
  for (const auto& [known, group] : actor.groups) {
    if (!known.empty()) absl::StrAppend(&names, ", \"", known, "\"");
  }
  return Located(MakeError(Cause::kInvalidArgument,
                           absl::StrCat("the actor has no concurrency group \"", name, "\"; it has ", names)),
                 NodeName(), 0);
}

void LocalRuntime::Launch(std::unique_ptr<LocalTask> owned) {
  LocalTask* own = nullptr;
  {
    MutexLock lock(mutex());
    LocalTask& task = *owned;
    tasks_.emplace(task.job, std::move(owned));
    task.missing = 1;  // for this function itself
    for (const Ref& dependency : task.call.dependencies) {
      LocalObject& object = *ObjectOf(dependency);
      if (object.settled()) continue;
      ++task.missing;
      object.dependents.push_back(&task);
    }
    if (task.group != nullptr) task.group->calls.push_back(&task);
    ArgumentSettled(task);
    // At once, whatever else may run: so a debugger shows it below its caller.
    if (task.queued) {
      own = &task;
      Take(task);
    }
  }
  if (own != nullptr) Run(*own);
  Drain();
}

void LocalRuntime::ArgumentSettled(LocalTask& task) {
  if (--task.missing > 0) return;
  if (task.group != nullptr) {
    Pump(*ActorOf(task.actor), *task.group);
  } else {
    Enqueue(task);
  }
}

void LocalRuntime::Pump(LocalActor& actor, LocalGroup& group) {
  if (actor.phase != LocalActor::Phase::kAlive || actor.to_restart) return;
  while (!group.calls.empty() && group.calls.front()->missing == 0 && group.active < group.limit) {
    LocalTask& next = *group.calls.front();
    group.calls.pop_front();
    ++group.active;
    Enqueue(next);
  }
}

void LocalRuntime::Enqueue(LocalTask& task) {
  task.queued = true;
  ready_.push_back(task.job);
  for (Waiter* waiter : waiting_) env_->executor().Notify(*waiter);
}

void LocalRuntime::Take(LocalTask& task) {
  // Nearly always the first or the last; there may be very many.
  if (ready_.front() == task.job) {
    ready_.pop_front();
  } else if (ready_.back() == task.job) {
    ready_.pop_back();
  } else {
    std::erase(ready_, task.job);
  }
  task.queued = false;
  task.started = true;
  task.thread = ThisThread();
}

void LocalRuntime::Drain() {
  while (CurrentJob() == 0) {
    LocalTask* next = nullptr;
    {
      MutexLock lock(mutex());
      if (!ready_.empty()) {
        next = tasks_.at(ready_.front()).get();
        Take(*next);
      }
    }
    if (next == nullptr) break;
    Run(*next);
  }
  Sweep();
}

void LocalRuntime::Sweep() {
  std::vector<std::unique_ptr<LocalTask>> ended;
  MutexLock lock(mutex());
  ended.swap(ended_);
  // `ended` goes after the lock, which was made later.
}

// --- one call ---

void LocalRuntime::Run(LocalTask& task) {
  internal::Invocation invocation;
  Results results(*this);
  const Ref actor = task.actor;
  LocalGroup* const group = task.group;  // of a call
  absl::Status status;
  {
    MutexLock lock(mutex());
    status = Gather(task, invocation);
  }
  if (status.ok()) status = RunAttempts(task, invocation, results);
  {
    MutexLock lock(mutex());
    if (task.kind == LocalTask::Kind::kConstructor) {
      Constructed(*ActorOf(actor), invocation, status);
    } else if (status.ok()) {
      IOC_CHECK(results.values.size() == task.results.size()) << task.label() << " has another number of results";
      for (size_t i = 0; i < results.values.size(); ++i) SettleValue(*ObjectOf(task.results[i]), results.values[i]);
    }
    if (!status.ok()) Fail(task, status);
    Remove(task);
  }
  if (group != nullptr) CallEnded(actor, *group);
  if (actor && group == nullptr) Settle(actor);
}

absl::Status LocalRuntime::Gather(LocalTask& task, internal::Invocation& invocation) {
  if (task.cancelled) return absl::CancelledError();
  for (const Ref& dependency : task.call.dependencies) {
    const LocalObject& object = *ObjectOf(dependency);
    if (object.state == LocalObject::State::kValue) {
      invocation.dependencies.push_back(object.value);
      continue;
    }
    // Along a chain of tasks the words must not grow without end.
    if (object.error.message().size() >= kMaxDoomedMessageBytes) return object.error;
    return WithContext(object.error, absl::StrCat("an argument of ", std::string(task.label()), " failed"));
  }
  if (task.kind == LocalTask::Kind::kCall) {
    const LocalActor& actor = *ActorOf(task.actor);
    if (actor.phase == LocalActor::Phase::kDead) return actor.error;
    invocation.actor = actor.object;
  }
  invocation.payload.bytes = task.call.payload;
  invocation.payload.refs = task.call.refs;
  invocation.num_returns = task.call.num_returns;
  invocation.split = task.call.split;
  return absl::OkStatus();
}

absl::Status LocalRuntime::RunAttempts(LocalTask& task, internal::Invocation& invocation, Results& results) {
  std::optional<StreamSink> stream;
  if (task.call.stream_window > 0) invocation.stream = &stream.emplace(*this, task);
  const bool retry = task.options != nullptr && task.options->retry_on_exception;
  int retries = retry ? task.options->max_retries : 0;
  for (uint32_t attempt = 0;; ++attempt) {
    if (stream) stream->BeginAttempt();
    absl::Status status = RunOnce(task, invocation, results);
    if (stream && !stream->status().ok()) status = stream->status();
    MutexLock lock(mutex());
    if (CauseOf(status) != Cause::kTaskThrew || retries == 0 || task.cancelled) {
      return Located(status, NodeName(), attempt);
    }
    if (retries > 0) --retries;
  }
}

absl::Status LocalRuntime::RunOnce(LocalTask& task, internal::Invocation& invocation, Results& results) {
  results.values.clear();
  invocation.results = &results;
  internal::RunContext context{.runtime = this, .job = task.job};
  const Scope scope(context);
  IOC_RETURN_IF_ERROR(task.call.function->entry(invocation));
  if (const auto call = std::move(invocation.coroutine)) IOC_RETURN_IF_ERROR(RunCoroutine(task, *call, results));
  for (const EncodedValue& value : results.values) {
    if (IsOurs(value.refs)) continue;
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("the result of ", std::string(task.label()),
                                  ": a value contains a reference of another cluster; get its value first"));
  }
  return absl::OkStatus();
}

absl::Status LocalRuntime::RunCoroutine(LocalTask& task, internal::CoroutineCall& call, internal::ReturnSink& results) {
  const auto note = [&](internal::CoroutineCall* running) {
    MutexLock lock(mutex());
    task.coroutine = running;
  };
  absl::Status status;
  const std::unique_ptr<internal::CoroutineLoop> loop = call.MakeLoop();
  const internal::RunContext context{.runtime = this, .job = task.job, .coroutine = task.label()};
  call.Start(*loop, context, results, [&](const absl::Status& ended) {
    status = ended;
    loop->Stop();
  });
  note(&call);
  loop->Run();
  note(nullptr);
  return status;
}

// --- ends ---

void LocalRuntime::SettleValue(LocalObject& object, EncodedValue& value) {
  if (object.settled()) return;
  object.state = LocalObject::State::kValue;
  std::swap(object.value, value);
  Settled(object);
}

void LocalRuntime::SettleError(LocalObject& object, const absl::Status& error) {
  if (object.settled()) return;
  object.state = LocalObject::State::kFailed;
  object.error = error;
  Settled(object);
}

void LocalRuntime::Settled(LocalObject& object) {
  for (Waiter* waiter : object.waiting) env_->executor().Notify(*waiter);
  for (LocalTask* dependent : std::exchange(object.dependents, {})) ArgumentSettled(*dependent);
}

void LocalRuntime::Refuse(LocalTask& task, const absl::Status& error) {
  Fail(task, error);
  for (const Ref& result : task.results) ObjectOf(result)->task = nullptr;
}

void LocalRuntime::Fail(LocalTask& task, const absl::Status& error) {
  for (const Ref& result : task.results) SettleError(*ObjectOf(result), error);
}

void LocalRuntime::Remove(LocalTask& task) {
  if (task.missing > 0) {
    for (const Ref& dependency : task.call.dependencies) std::erase(ObjectOf(dependency)->dependents, &task);
  }
  for (const Ref& result : task.results) ObjectOf(result)->task = nullptr;
  if (LocalActor* actor = ActorOf(task.actor)) {
    if (actor->task == &task) actor->task = nullptr;
    if (task.group != nullptr && task.queued) --task.group->active;
    if (task.group != nullptr) std::erase(task.group->calls, &task);
  }
  if (task.queued) std::erase(ready_, task.job);
  const auto found = tasks_.find(task.job);
  ended_.push_back(std::move(found->second));
  tasks_.erase(found);
}

bool LocalRuntime::CancelRequested() {
  MutexLock lock(mutex());
  const auto found = tasks_.find(CurrentJob());
  return found != tasks_.end() && found->second->cancelled;
}

absl::Status LocalRuntime::Cancel(const Ref& ref, bool) {
  {
    MutexLock lock(mutex());
    LocalObject* const object = ObjectOf(ref);
    if (object == nullptr) {
      return MakeError(Cause::kInvalidArgument, "Cancel of a reference that is empty, or of another cluster");
    }
    if (object->settled() || object->task == nullptr) return absl::OkStatus();
    CancelTask(*object->task);
  }
  Drain();
  return absl::OkStatus();
}

// What runs sees that it is cancelled; what it has submitted is cancelled as well. The rest never runs.
void LocalRuntime::CancelTask(LocalTask& task) {
  if (std::exchange(task.cancelled, true)) return;
  const char* what = task.kind == LocalTask::Kind::kCall ? "call of " : "task ";
  Fail(task, MakeError(Cause::kCancelled, absl::StrCat(what, std::string(task.label()), " was cancelled")));
  if (task.started) {
    if (task.coroutine != nullptr) task.coroutine->Cancel();
    std::vector<uint64_t> children;
    for (const auto& [job, child] : tasks_) {
      if (child->parent == task.job) children.push_back(job);
    }
    for (const uint64_t job : children) {
      if (const auto child = tasks_.find(job); child != tasks_.end()) CancelTask(*child->second);
    }
    return;
  }
  // A call that was to run next has its place among the active ones, which its run gives back.
  if (task.queued) return;
  LocalActor* const actor = ActorOf(task.actor);
  LocalGroup* const group = task.group;
  Remove(task);
  if (group != nullptr) Pump(*actor, *group);
}

}  // namespace ioc

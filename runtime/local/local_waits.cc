// The part of LocalRuntime that waits: by running what is waited for.
#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/local/local_runtime.h"

namespace ioc {

using internal::EncodedValue;
using internal::Ref;

const void* LocalRuntime::ThisThread() {
  thread_local const char here = 0;
  return &here;
}

LocalTask* LocalRuntime::NextFor(const LocalObject& object, std::string& circular) const {
  LocalTask* task = object.task;
  while (task != nullptr) {
    if (task->started) {
      if (task->thread == ThisThread()) circular = task->label();
      return nullptr;
    }
    if (task->queued) return task;
    const auto pending = std::find_if(task->call.dependencies.begin(), task->call.dependencies.end(),
                                      [this](const Ref& argument) { return !ObjectOf(argument)->settled(); });
    if (pending != task->call.dependencies.end()) {
      task = ObjectOf(*pending)->task;
      continue;
    }
    // It is a call that waits its turn.
    const LocalActor& actor = *ActorOf(task->actor);
    const LocalGroup* const group = task->group;
    if (group->calls.front() != task) {
      task = group->calls.front();
    } else if (actor.task != nullptr) {
      task = actor.task;  // the constructor
    } else {
      const auto running = [&](const void* thread) {
        return std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& entry) {
          const LocalTask& other = *entry.second;
          return other.started && other.group == group && (thread == nullptr || other.thread == thread);
        });
      };
      auto in_the_way = running(ThisThread());
      if (in_the_way == tasks_.end()) in_the_way = running(nullptr);
      // One that was called back to run next, and did not start yet, is in the queue.
      if (in_the_way == tasks_.end()) {
        in_the_way = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& entry) {
          return entry.second->queued && entry.second->group == group;
        });
      }
      task = in_the_way == tasks_.end() ? nullptr : in_the_way->second.get();
    }
  }
  return nullptr;
}

bool LocalRuntime::AwaitSettled(const std::vector<LocalObject*>& objects, size_t count, absl::Time deadline,
                                std::string& circular) {
  const auto is_there = [](const LocalObject* object) {
    return object->settled() || (object->stream != nullptr && !object->stream->items.empty());
  };
  while (true) {
    if (static_cast<size_t>(std::count_if(objects.begin(), objects.end(), is_there)) >= count) return true;
    if (env_->executor().Now() >= deadline) return false;
    LocalTask* next = nullptr;
    bool others = false;  // threads are at it
    for (auto it = objects.begin(); it != objects.end() && next == nullptr; ++it) {
      if (is_there(*it)) continue;
      std::string in_the_way;
      next = NextFor(**it, in_the_way);
      if (next != nullptr) break;
      others = others || in_the_way.empty();
      if (!in_the_way.empty()) circular = std::move(in_the_way);
    }
    if (next != nullptr) {
      Take(*next);
      mutex().unlock();
      Run(*next);
      mutex().lock();
      continue;
    }
    if (!others) return false;
    Waiter waiter;
    for (LocalObject* object : objects) object->waiting.push_back(&waiter);
    waiting_.push_back(&waiter);
    const absl::Cleanup forget = [&] {
      std::erase(waiting_, &waiter);
      for (LocalObject* object : objects) std::erase(object->waiting, &waiter);
    };
    env_->executor().Await(waiter, deadline);
  }
}

absl::Status LocalRuntime::LateError(const LocalObject& object, const std::string& circular) const {
  const std::string of = object.task == nullptr ? "" : absl::StrCat(" (of ", std::string(object.task->label()), ")");
  const std::string name = absl::StrCat("object ", object.id().ToString(), of);
  if (circular.empty()) {
    return MakeError(Cause::kDeadline, absl::StrCat(name, " was not there when the deadline passed"));
  }
  return MakeError(Cause::kDeadline,
                   absl::StrCat(name, " can't come before ", circular,
                                " has ended, in which it is waited for: a circular wait, which on a real cluster would "
                                "last until the deadline"));
}

absl::Status LocalRuntime::MayWait(std::string_view call, absl::Time deadline) {
  absl::Status status = internal::CheckMayWait(*this, call);
  return status.ok() || deadline > env_->executor().Now() ? status : absl::OkStatus();
}

absl::StatusOr<EncodedValue> LocalRuntime::Get(const Ref& ref, absl::Time deadline) {
  IOC_RETURN_IF_ERROR(MayWait("Get", deadline));
  absl::StatusOr<EncodedValue> value;
  {
    MutexLock lock(mutex());
    LocalObject* const object = ObjectOf(ref);
    std::string circular;
    if (object == nullptr) {
      return MakeError(Cause::kInvalidArgument, "Get of a reference that is empty, or of another cluster");
    }
    AwaitSettled({object}, 1, deadline, circular);
    if (object->state == LocalObject::State::kValue) {
      value = object->value;
    } else {
      value = object->settled() ? object->error : LateError(*object, circular);
    }
  }
  Sweep();
  return value;
}

std::vector<bool> LocalRuntime::Wait(std::span<const Ref> refs, size_t count, absl::Time deadline) {
  if (!MayWait("Wait", deadline).ok()) deadline = absl::InfinitePast();
  std::vector<bool> settled;
  {
    MutexLock lock(mutex());
    std::vector<LocalObject*> objects;
    for (const Ref& ref : refs) {
      if (LocalObject* const object = ObjectOf(ref)) objects.push_back(object);
    }
    std::string circular;
    AwaitSettled(objects, std::min(count, objects.size()), deadline, circular);
    settled.reserve(refs.size());
    for (const Ref& ref : refs) {
      const LocalObject* const object = ObjectOf(ref);
      settled.push_back(object != nullptr && object->settled());
    }
  }
  Sweep();
  return settled;
}

// Everything is inline here, so that who would be told later waits now.
void LocalRuntime::WhenReady(const Ref& ref, absl::Time deadline, std::shared_ptr<internal::ReadyListener> listener) {
  {
    MutexLock lock(mutex());
    LocalObject* const object = ObjectOf(ref);
    std::string circular;
    if (object == nullptr) {
      listener->OnReady(MakeError(Cause::kInvalidArgument, "a wait for a reference of another cluster"));
    } else if (!AwaitSettled({object}, 1, deadline, circular)) {
      listener->OnReady(LateError(*object, circular));
    } else {
      const bool failed = object->stream == nullptr && object->state == LocalObject::State::kFailed;
      listener->OnReady(failed ? object->error : absl::OkStatus());
    }
  }
  Sweep();
}

// --- streams ---

void LocalRuntime::WhenItemReady(const Ref& stream, absl::Time deadline,
                                 std::shared_ptr<internal::ReadyListener> listener) {
  WhenReady(stream, deadline, std::move(listener));
}

absl::StatusOr<Ref> LocalRuntime::NextItem(const Ref& stream, absl::Time deadline) {
  IOC_RETURN_IF_ERROR(MayWait("Next", deadline));
  absl::StatusOr<Ref> item;
  {
    MutexLock lock(mutex());
    LocalObject* const end = ObjectOf(stream);
    if (end == nullptr) return MakeError(Cause::kInvalidArgument, "Next of a stream of another cluster");
    std::string circular;
    AwaitSettled({end}, 1, deadline, circular);
    if (end->stream != nullptr && !end->stream->items.empty()) {
      item = std::move(end->stream->items.front());
      end->stream->items.pop_front();
      end->stream->bytes -= static_cast<LocalObject*>(item->get())->value.bytes.size();
    } else if (end->state == LocalObject::State::kFailed) {
      item = end->error;
    } else if (end->settled()) {
      item = Ref();
    } else {
      item = circular.empty()
                 ? MakeError(Cause::kDeadline, "the stream's next item was not there when the deadline passed")
                 : LateError(*end, circular);
    }
  }
  Sweep();
  return item;
}

void LocalRuntime::CloseStream(const Ref& stream) {
  std::deque<Ref> items;
  {
    MutexLock lock(mutex());
    LocalObject* const end = ObjectOf(stream);
    if (end == nullptr || end->stream == nullptr || std::exchange(end->stream->closed, true)) return;
    items.swap(end->stream->items);
    if (end->task != nullptr) CancelTask(*end->task);
  }
  Drain();
}

}  // namespace ioc

// What references point to in local mode: values, errors and actors in this process's memory, and the calls that make
// them.
//
// Everything here is guarded by the executor's mutex; what an entry is given while it runs is the call's thread's own.
// A reference is never destroyed with the mutex held: its end takes it.
#ifndef IOCLUSTER_RUNTIME_LOCAL_LOCAL_OBJECT_H_
#define IOCLUSTER_RUNTIME_LOCAL_LOCAL_OBJECT_H_

#include <absl/status/status.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "iocluster/options.h"
#include "lib/env/executor.h"

namespace ioc {

class LocalRuntime;
class LocalActor;
struct LocalTask;

// The items of a stream that its reader has not taken.
struct LocalStream {
  std::deque<internal::Ref> items;
  uint64_t bytes = 0;  // in them
  bool closed = false;
};

class LocalObject : public internal::RefTarget {
 public:
  enum class State { kPending, kValue, kFailed };

  LocalObject(LocalRuntime& owner, ObjectId id);
  ~LocalObject() override;

  internal::Runtime& runtime() const override;
  bool settled() const { return state != State::kPending; }

  LocalRuntime& local;
  State state = State::kPending;
  internal::EncodedValue value;         // kValue
  absl::Status error;                   // kFailed
  LocalTask* task = nullptr;            // that makes it, until that has ended
  std::unique_ptr<LocalStream> stream;  // of a stream's end
  std::vector<LocalTask*> dependents;   // that wait for it
  std::vector<Waiter*> waiting;
  uint32_t stale_releases = 0;  // on their way, overtaken by a reference from FindActor

 private:
  void Unreferenced() override;
};

// Calls of an actor of which `limit` run at a time.
struct LocalGroup {
  int limit = 1;
  int active = 0;                // calls that run, or are to run next
  std::deque<LocalTask*> calls;  // that wait their turn
};

// A call that has not ended.
struct LocalTask {
  enum class Kind { kTask, kConstructor, kCall };

  Kind kind = Kind::kTask;
  uint64_t job = 0;     // its number
  uint64_t parent = 0;  // of the job that made it; 0: none
  internal::Call call;
  std::shared_ptr<const TaskOptions> options;  // of a task; null: the defaults
  std::vector<internal::Ref> results;
  internal::Ref actor;          // that is made or called
  LocalGroup* group = nullptr;  // of a call
  size_t missing = 0;           // arguments that have not settled
  bool queued = false;          // it may run now
  bool started = false;
  bool cancelled = false;
  const void* thread = nullptr;                  // that runs it
  internal::CoroutineCall* coroutine = nullptr;  // while it runs as one

  std::string_view label() const {
    if (options != nullptr && !options->name.empty()) return options->name;
    return call.options != nullptr && !call.options->name.empty() ? std::string_view(call.options->name)
                                                                  : call.function->label;
  }
};

// An actor: its id and its handles are those of an object. As an object it has settled when it can't be called any
// more.
class LocalActor final : public LocalObject {
 public:
  enum class Phase { kStarting, kAlive, kDead };

  LocalActor(LocalRuntime& owner, ObjectId id, ActorOptions asked, std::string_view class_name);
  ~LocalActor() override { Destroy(); }

  // "actor Counter \"steps\"".
  std::string Name() const;
  // The user's destructor runs here. Without the mutex.
  void Destroy() {
    if (object != nullptr) destroy(std::exchange(object, nullptr));
  }

  const ActorOptions options;
  const std::string type;
  int restarts_left;
  Phase phase = Phase::kStarting;
  internal::Call constructor;  // while it may be made again
  void* object = nullptr;
  void (*destroy)(void*) = nullptr;
  bool to_restart = false;                   // when no call runs
  std::map<std::string, LocalGroup> groups;  // by name; the default one has none

  bool active() const;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_LOCAL_LOCAL_OBJECT_H_

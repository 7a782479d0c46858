// An actor that lives in this worker: the user's object, the calls that wait for it, and the answers it has given.
//
// Owned by the worker, on its executor. Its object is used by the threads that run its calls, and destroyed by one,
// both without the mutex. Calls wait in groups (ActorOptions::concurrency_groups); the first group is the default one.
//
// Invariants: of a group at most `limit` calls run. `object` is set from the end of the constructor until the actor's
// end; no call is taken before, or runs after that.
#ifndef IOCLUSTER_RUNTIME_WORKER_HOSTED_ACTOR_H_
#define IOCLUSTER_RUNTIME_WORKER_HOSTED_ACTOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iocluster/ids.h"
#include "iocluster/internal/runtime.h"
#include "runtime/worker/answered_calls.h"
#include "runtime/worker/checkpoints.h"
#include "runtime/worker/job_list.h"

namespace ioc {

// Calls of one actor of which `limit` run at a time; the others wait in the order in which they came.
struct CallGroup {
  std::string name;  // empty: the default group
  uint32_t limit = 1;
  uint32_t running = 0;
  bool save = false;    // the actor is to be saved before the next call
  bool listed = false;  // among those of which a thread may take a call
  HostedActor* actor = nullptr;
  JobList waiting;

  bool CanRun() const { return running < limit && (save || !waiting.empty()); }
};

class HostedActor {
 public:
  // As `creation` asks for it.
  explicit HostedActor(const TaskSpec& creation);
  // The object is destroyed.
  ~HostedActor();
  HostedActor(const HostedActor&) = delete;
  HostedActor& operator=(const HostedActor&) = delete;

  ObjectId id() const { return id_; }
  uint32_t incarnation() const { return incarnation_; }
  AnsweredCalls& answered() { return answered_; }

  // The constructor, of this class, has made it.
  void Adopt(const internal::Invocation& constructed, const internal::ActorClass* actor_class);
  const internal::ActorClass* actor_class() const { return class_; }
  void* object() const { return object_; }
  // What was the user's object, to be destroyed.
  struct Object {
    void* object = nullptr;
    void (*destroy)(void*) = nullptr;

    // Runs the user's destructor, if there is an object. Without the mutex.
    void Destroy() const {
      if (object != nullptr) destroy(object);
    }
  };
  Object TakeObject() { return {.object = std::exchange(object_, nullptr), .destroy = destroy_}; }

  // Null if there is none of this name. They stay where they are.
  CallGroup* FindGroup(std::string_view name);
  // "it has: the default one, io, compute".
  std::string GroupNames() const;
  std::vector<std::unique_ptr<CallGroup>>& groups() { return groups_; }

  // Calls that may run at a time, over all groups.
  uint32_t limit() const;
  bool running() const;
  bool waiting() const;

  std::unique_ptr<Checkpoints> checkpoints;  // null: it is never saved
  bool can_be_saved = false;                 // its class has Checkpoint and Restore
  bool ending = false;                       // it ends when nothing of it waits or runs

 private:
  const ObjectId id_;
  const uint32_t incarnation_;
  AnsweredCalls answered_;
  std::vector<std::unique_ptr<CallGroup>> groups_;
  const internal::ActorClass* class_ = nullptr;
  void* object_ = nullptr;
  void (*destroy_)(void*) = nullptr;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_HOSTED_ACTOR_H_

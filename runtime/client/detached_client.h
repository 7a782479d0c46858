// What this process asks the head of detached actors, through its node: to make one, where it lives, to end it.
//
// What a detached actor is made from must not end with this process: the values of its constructor's arguments travel,
// once they are there; references among them are refused, but for those to other detached actors, which nobody counts.
//
// Lives on the client's executor. The ActorCaller calls them as it does other actors.
#ifndef IOCLUSTER_RUNTIME_CLIENT_DETACHED_CLIENT_H_
#define IOCLUSTER_RUNTIME_CLIENT_DETACHED_CLIENT_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "lib/env/env.h"
#include "lib/protocol/actor_messages.h"
#include "runtime/client/node_link.h"
#include "runtime/client/task_book.h"

namespace ioc {

// Who asks where an actor is, and waits longer, asks again, so that no call waits without a bound.
inline constexpr absl::Duration kResolvePeriod = absl::Seconds(60);

// A head that can't be reached is asked again after this...
inline constexpr absl::Duration kHeadRetryDelay = absl::Milliseconds(500);
// ... until this.
inline constexpr absl::Duration kHeadPatience = absl::Seconds(60);

inline bool IsDetached(const ObjectRecord& record) {
  return record.owner != nullptr && record.owner->process == kHeadProcess;
}

class DetachedClient final : public TaskSink {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  DetachedClient(Env& env, NodeLink& node, TaskBook& book, StoreClient& store)
      : env_(env), node_(node), book_(book), store_(store) {}

  // `actor` is complete but for its constructor, whose task is `creation`, new. `done` hears that the head knows it, or
  // why it never will.
  void Create(DetachedActor actor, TaskRecord& creation, Done done);
  // As the head answers; kDeadline if it is not up after a while: ask again.
  void Locate(ObjectId actor, absl::AnyInvocable<void(absl::StatusOr<LocateActor::Reply>)> done);
  void Kill(ObjectId actor, bool no_restart, Done done);

 private:
  struct Creation {
    DetachedActor actor;
    std::string payload;  // kept from the store: it travels as it is
    // Of dependencies that lie in the store, by their place among the dependencies.
    std::map<size_t, std::string> copies;
    absl::Status copied;
    Done done;
    absl::Time give_up;
  };

  void OnTaskReady(TaskRecord& task) override;
  void OnTaskDoomed(TaskRecord& task, const absl::Status& error) override;

  Creation Take(const TaskRecord& task);
  void Copy(TaskRecord& task);
  void Copied(uint64_t task, size_t dependency, absl::StatusOr<std::string> bytes);
  void Encode(TaskRecord& task);
  void Send(std::shared_ptr<Creation> creation);

  Env& env_;
  NodeLink& node_;
  TaskBook& book_;
  StoreClient& store_;
  std::map<uint64_t, Creation> creations_;  // those that wait for arguments, or for copies of them, by task
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for timers that outlive this
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_DETACHED_CLIENT_H_

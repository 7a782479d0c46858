#include "runtime/client/wait_follower.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>

#include "runtime/client/actor_state.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {

void WaitFollower::Follow(const ObjectRecord& awaited, const std::vector<WaitLink>& chain) {
  if (awaited.settled() || chain.empty() || chain.size() > kMaxWaitChain) return;
  // A call waits for all of its arguments, and so for what those are made from. There is no circle among them: they
  // were made before it.
  std::vector<const ObjectRecord*> found = {&awaited};
  absl::flat_hash_set<const ObjectRecord*> seen = {&awaited};
  for (size_t next = 0; next < found.size(); ++next) {
    const ObjectRecord& object = *found[next];
    if (object.settled()) continue;
    if (!object.owned()) {
      Peer* const owner = peers_.Find(object.owner->process);
      if (owner != nullptr) owner->channel().Notify(FollowWait{.object = object.id(), .chain = chain});
      continue;
    }
    const TaskRecord* const task = object.task == 0 ? nullptr : book_.Find(object.task);
    if (task == nullptr) continue;
    if (task->missing == 0) {
      TellWorker(*task, chain);
      continue;
    }
    const size_t followed = std::min(task->dependencies.size(), kMaxWaitsFollowed);
    for (size_t i = 0; i < followed && found.size() < kMaxCallsFollowed; ++i) {
      if (seen.insert(task->dependencies[i]).second) found.push_back(task->dependencies[i]);
    }
  }
}

void WaitFollower::OnFollowWait(const FollowWait& follow) {
  const ObjectRecord* const awaited = objects_.Find(follow.object);
  if (awaited != nullptr && awaited->owned()) Follow(*awaited, follow.chain);
}

void WaitFollower::TellWorker(const TaskRecord& task, const std::vector<WaitLink>& chain) {
  Peer* worker = nullptr;
  FollowWait follow{.object = {book_.self(), task.sequence}, .at_worker = true, .chain = chain};
  if (task.kind == TaskKind::kActorCall) {
    if (task.call_sequence == 0 || task.actor->actor == nullptr) return;  // not sent yet
    worker = task.actor->actor->peer;
    follow.actor = task.actor->id();
  } else if (task.lease != nullptr) {
    worker = task.lease->peer;
  }
  if (worker != nullptr) worker->channel().Notify(follow);
}

}  // namespace ioc

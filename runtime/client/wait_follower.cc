#include "runtime/client/wait_follower.h"

#include <algorithm>

#include "runtime/client/actor_state.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {

void WaitFollower::Follow(const ObjectRecord& awaited, const std::vector<WaitLink>& chain) {
  if (awaited.settled() || chain.empty() || chain.size() > kMaxWaitChain) return;
  if (awaited.owned()) {
    if (const TaskRecord* task = awaited.task == 0 ? nullptr : book_.Find(awaited.task)) FollowTask(*task, chain);
  } else if (Peer* const owner = peers_.Find(awaited.owner->process)) {
    owner->channel().Notify(FollowWait{.object = awaited.id(), .chain = chain});
  }
}

void WaitFollower::OnFollowWait(const FollowWait& follow) {
  const ObjectRecord* const awaited = objects_.Find(follow.object);
  if (awaited != nullptr && awaited->owned()) Follow(*awaited, follow.chain);
}

void WaitFollower::FollowTask(const TaskRecord& task, const std::vector<WaitLink>& chain) {
  if (task.missing > 0) {
    // It waits for all of its arguments. There is no circle among them: they were made before it.
    const size_t followed = std::min(task.dependencies.size(), kMaxWaitsFollowed);
    for (size_t i = 0; i < followed; ++i) Follow(*task.dependencies[i], chain);
    return;
  }
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

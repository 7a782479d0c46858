// The part of Client that waits, and follows what is waited for.
#include <algorithm>

#include "runtime/client/client.h"

namespace ioc {

void Client::FollowWaits(const std::vector<ObjectRecord*>& awaited, const std::vector<WaitLink>& chain) {
  const size_t followed = std::min(awaited.size(), kMaxWaitsFollowed);
  for (size_t i = 0; i < followed; ++i) wait_follower_.Follow(*awaited[i], chain);
}

bool Client::Block(Waiter& waiter, absl::Time deadline, const std::vector<ObjectRecord*>* awaited) {
  if (waiter.notified) return true;
  const uint64_t job = RunsTask() ? worker_->OnBlocked(awaited, deadline) : 0;
  const bool notified = env_->executor().Await(waiter, deadline);
  if (job != 0) OnWaitEnds(job);
  return notified;
}

}  // namespace ioc

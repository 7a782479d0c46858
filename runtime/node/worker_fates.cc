#include "runtime/node/worker_fates.h"

#include <utility>

namespace ioc {

void WorkerFates::Ask(ProcessId process, bool is_running, absl::Duration timeout, Handler handler) {
  if (auto found = fates_.find(process); found != fates_.end()) return handler(found->second);
  if (!is_running) return handler({.known = false});
  if (waiters_.size() >= kMaxFateWaiters) return handler({.running = true, .known = true});
  const uint64_t id = ++last_waiter_;
  const TimerId timer = env_.executor().Schedule(timeout, life_.Bind([this, id] {
    auto found = waiters_.find(id);
    if (found == waiters_.end()) return;
    Waiter waiter = std::move(found->second);
    waiters_.erase(found);
    waiter.handler({.running = true, .known = true});
  }));
  waiters_.emplace(id, Waiter{process, timer, std::move(handler)});
}

void WorkerFates::Remember(ProcessId process, const GetWorkerFate::Reply& fate) {
  if (fates_.emplace(process, fate).second) order_.push_back(process);
  if (order_.size() > kMaxRememberedFates) {
    fates_.erase(order_.front());
    order_.pop_front();
  }
  std::vector<Waiter> answered;
  for (auto position = waiters_.begin(); position != waiters_.end();) {
    const bool is_it = position->second.process == process;
    if (is_it) answered.push_back(std::move(position->second));
    position = is_it ? waiters_.erase(position) : std::next(position);
  }
  for (Waiter& waiter : answered) {
    env_.executor().CancelTimer(waiter.timer);
    waiter.handler(fate);
  }
}

}  // namespace ioc

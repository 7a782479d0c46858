// How workers of this node ended, for clients that ask after a connection broke. The last ones only.
//
// Owned by the WorkerPool, on its executor.
#ifndef IOCLUSTER_RUNTIME_NODE_WORKER_FATES_H_
#define IOCLUSTER_RUNTIME_NODE_WORKER_FATES_H_

#include <absl/functional/any_invocable.h>

#include <deque>
#include <map>
#include <vector>

#include "lib/env/env.h"
#include "lib/protocol/node_messages.h"
#include "runtime/node/life.h"

namespace ioc {

inline constexpr size_t kMaxRememberedFates = 4096;
inline constexpr size_t kMaxFateWaiters = 65536;

class WorkerFates {
 public:
  using Handler = absl::AnyInvocable<void(const GetWorkerFate::Reply&)>;

  explicit WorkerFates(Env& env) : env_(env) {}

  // `is_running`: the worker's process has not been seen to end. Answers at once or when it ends, after `timeout` with
  // `running`.
  void Ask(ProcessId process, bool is_running, absl::Duration timeout, Handler handler);
  void Remember(ProcessId process, const GetWorkerFate::Reply& fate);

 private:
  struct Waiter {
    ProcessId process;
    TimerId timer = 0;
    Handler handler;
  };

  Env& env_;
  std::map<ProcessId, GetWorkerFate::Reply> fates_;
  std::deque<ProcessId> order_;
  uint64_t last_waiter_ = 0;
  std::map<uint64_t, Waiter> waiters_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_WORKER_FATES_H_

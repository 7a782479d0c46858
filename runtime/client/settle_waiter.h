// Wakes a thread when enough of several objects have settled. On that thread's stack; listens until unlistened.
#ifndef IOCLUSTER_RUNTIME_CLIENT_SETTLE_WAITER_H_
#define IOCLUSTER_RUNTIME_CLIENT_SETTLE_WAITER_H_

#include <cstddef>

#include "lib/env/executor.h"
#include "runtime/client/object_record.h"

namespace ioc {

class SettleWaiter final : public SettleListener {
 public:
  SettleWaiter(Executor& executor, size_t missing) : executor_(executor), missing_(missing) {}

  void OnSettled(ObjectRecord&) override {
    if (missing_ > 0 && --missing_ == 0) executor_.Notify(waiter);
  }

  Waiter waiter;

 private:
  Executor& executor_;
  size_t missing_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_SETTLE_WAITER_H_

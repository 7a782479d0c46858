// Wakes a thread when enough of several objects have settled; holds them meanwhile. On that thread's stack, made and
// destroyed with the mutex held, also when the thread is unwound.
#ifndef IOCLUSTER_RUNTIME_CLIENT_SETTLE_WAITER_H_
#define IOCLUSTER_RUNTIME_CLIENT_SETTLE_WAITER_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "lib/env/executor.h"
#include "runtime/client/object_table.h"

namespace ioc {

class SettleWaiter final : public SettleListener {
 public:
  SettleWaiter(Executor& executor, ObjectTable& objects, std::vector<ObjectRecord*> records, size_t missing)
      : executor_(executor), objects_(objects), records_(std::move(records)), missing_(missing) {
    for (ObjectRecord* record : records_) {
      objects_.Hold(*record);
      objects_.Listen(*record, *this);
    }
  }
  ~SettleWaiter() {
    for (ObjectRecord* record : records_) {
      objects_.Unlisten(*record, *this);
      objects_.Drop(*record);
    }
  }
  SettleWaiter(const SettleWaiter&) = delete;
  SettleWaiter& operator=(const SettleWaiter&) = delete;

  void OnSettled(ObjectRecord&) override {
    if (missing_ > 0 && --missing_ == 0) executor_.Notify(waiter);
  }

  Waiter waiter;

 private:
  Executor& executor_;
  ObjectTable& objects_;
  const std::vector<ObjectRecord*> records_;
  size_t missing_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_SETTLE_WAITER_H_

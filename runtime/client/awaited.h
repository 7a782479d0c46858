// An answer that a thread waits for, shared with the callback that brings it: whichever ends first, the other is safe.
#ifndef IOCLUSTER_RUNTIME_CLIENT_AWAITED_H_
#define IOCLUSTER_RUNTIME_CLIENT_AWAITED_H_

#include <memory>
#include <optional>
#include <utility>

#include "lib/env/executor.h"

namespace ioc {

// Used with the executor's mutex held. The thread has it on its stack; callbacks have its Promise, by value.
template <typename T>
class Awaited {
 public:
  class Promise {
   public:
    // Says whether somebody still waits; otherwise `value` is dropped.
    bool Set(Executor& executor, T value) const {
      if (state_->abandoned) return false;
      state_->value.emplace(std::move(value));
      executor.Notify(state_->waiter);
      return true;
    }

   private:
    friend class Awaited;
    struct State {
      Waiter waiter;
      std::optional<T> value;
      bool abandoned = false;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
  };

  Awaited() = default;
  // Also when the thread is unwound.
  ~Awaited() { promise_.state_->abandoned = true; }
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;

  const Promise& promise() const { return promise_; }
  Waiter& waiter() { return promise_.state_->waiter; }
  // Nothing, if it has not come.
  std::optional<T>& value() { return promise_.state_->value; }

 private:
  Promise promise_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_AWAITED_H_

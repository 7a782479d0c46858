// One executor a role: where its callbacks run, and how its threads wait.
//
// An executor has one mutex. Callbacks (timers, posted functions, frames, connections) run one at a time with it held;
// a user's thread takes it to call into the role. So a role's state needs no other lock, and a thread that submits a
// task works on that state directly: no hand-over to another thread.
//
// Threads that wait do so in Await, and one of them *leads*: it polls the network itself and runs the callbacks, so an
// answer is read by the thread that wants it (DESIGN section 3). The simulator's executor switches fibres instead.
//
// Invariants: a callback never blocks and never calls Await. Callbacks are never run re-entrantly: Post, Schedule and
// Defer only note down.
#ifndef IOCLUSTER_LIB_ENV_EXECUTOR_H_
#define IOCLUSTER_LIB_ENV_EXECUTOR_H_

#include <absl/functional/any_invocable.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "lib/base/mutex.h"

namespace ioc {

using Callback = absl::AnyInvocable<void()>;

// What a thread waits for in Executor::Await. Belongs to that thread, usually on its stack; used with the executor's
// mutex held, and only until Await has returned.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  // Implementations derive from nothing here: they find their own state through this pointer.
  bool notified = false;
  void* parked = nullptr;
};

// Work that is put off until the end of the turn, so that many small pieces go as one (frames in one write, tasks in
// one frame). Noting one down allocates nothing. Destroying one that is noted down is a bug: call Executor::Undefer
// first.
class Deferred {
 public:
  Deferred() = default;
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  virtual void RunDeferred() = 0;

  // Owned by the executor: the intrusive list of what is noted down.
  Deferred* next_deferred = nullptr;
  bool is_deferred = false;

 protected:
  ~Deferred() = default;
};

using TimerId = uint64_t;  // 0 is no timer

// A thread, or in the simulator a fibre. The destructor waits for its end.
class Thread {
 public:
  virtual ~Thread() = default;
};

class Executor {
 public:
  virtual ~Executor() = default;

  virtual Mutex& mutex() = 0;

  // A steady clock; comparable only with other values of this executor's. Any thread.
  virtual absl::Time Now() const = 0;

  // Runs `callback` in a turn of its own. Any thread, with or without the mutex.
  virtual void Post(Callback callback) = 0;

  // Runs `callback` once, `delay` from now. Mutex held.
  virtual TimerId Schedule(absl::Duration delay, Callback callback) = 0;
  // A timer that has run, or 0, is ignored. Mutex held.
  virtual void CancelTimer(TimerId timer) = 0;

  // Runs `deferred` once: at the end of this turn if a callback calls, when a thread next enters Await, and after a
  // millisecond at the latest. In the order noted down; what is noted down meanwhile runs as well. Mutex held.
  virtual void Defer(Deferred& deferred) = 0;
  virtual void Undefer(Deferred& deferred) = 0;

  // Blocks until `waiter` is notified or `deadline` is past; says whether it was notified. The mutex is held on entry
  // and on return, and free in between. Not from a callback.
  virtual bool Await(Waiter& waiter, absl::Time deadline) = 0;
  // Any thread, mutex held.
  virtual void Notify(Waiter& waiter) = 0;

  // For who waits without a thread, so that no Await follows: runs what is deferred, and sees to it that a thread of
  // the executor's own leads now if no other does. Mutex held; not from a callback.
  virtual void Expedite() = 0;

  // Starts a thread of this executor's process. Any thread, with or without the mutex.
  virtual std::unique_ptr<Thread> StartThread(std::string_view name, Callback body) = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_EXECUTOR_H_

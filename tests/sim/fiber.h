// Blocking code in a single thread: a function with a stack of its own, which runs until it suspends (Boost.Context).
//
// A fibre that is suspended when its process dies is *unwound*: it is resumed once more and throws ForcedUnwind, so
// that the objects on its stack are destroyed. Where that is impossible (it waited in a destructor, which may not
// throw) the fibre is *abandoned*: its stack stays as it is for the rest of the test program and is never resumed.
//
// Each switch carries along what the C++ runtime and the code under test keep in thread-locals (the exceptions in
// flight, the current runtime), and is announced to the sanitizers.
#ifndef IOCLUSTER_TESTS_SIM_FIBER_H_
#define IOCLUSTER_TESTS_SIM_FIBER_H_

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "lib/env/executor.h"

namespace ioc::sim {

// How to reach a thread-local of the code under test that belongs to a fibre. Both null: there is none.
struct ThreadLocalHooks {
  void* (*get)() = nullptr;
  void (*set)(void*) = nullptr;
};

struct FiberOptions {
  size_t stack_bytes = size_t{1} << 20;  // a page costs memory when it is touched
  ThreadLocalHooks thread_local_hooks;
};

class Fiber {
 public:
  // Thrown through a fibre of a dead process. Not a std::exception, so that user code rarely catches it.
  struct ForcedUnwind {};

  Fiber(std::string name, FiberOptions options, Callback body);
  // It must be done or never have been resumed.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The one that runs now, or null on the main stack.
  static Fiber* Current();

  // Called once it has ended, on the stack of whoever resumed it; may destroy the fibre.
  void set_on_done(Callback on_done) { on_done_ = std::move(on_done); }

  // Runs it until it suspends or ends; throws what its body throws (a test's failed REQUIRE). From the main stack or
  // from another fibre.
  void Resume();
  // Returns to whoever resumed it. Only the current fibre.
  void Suspend();
  [[noreturn]] void Unwind();
  [[noreturn]] void Abandon();
  // Ends a fibre that was never resumed: its body is destroyed and will not run.
  void Cancel();

  const std::string& name() const { return name_; }
  bool started() const;
  bool done() const { return done_; }
  bool abandoned() const { return abandoned_; }
  bool unwinding() const { return unwinding_; }

 private:
  struct Stack;
  void Run();

  const std::string name_;
  const FiberOptions options_;
  Callback body_;
  Callback on_done_;
  std::exception_ptr failure_;
  std::unique_ptr<Stack> stack_;
  bool done_ = false;
  bool abandoned_ = false;
  bool unwinding_ = false;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_FIBER_H_

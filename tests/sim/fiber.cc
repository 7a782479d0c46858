#include "tests/sim/fiber.h"

#include <cxxabi.h>
#include <sys/mman.h>

#include <boost/context/fiber.hpp>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include "lib/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define IOC_SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IOC_SIM_ASAN 1
#endif
#endif
#ifdef IOC_SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace ioc::sim {
namespace {

constexpr size_t kGuardBytes = 4096;

thread_local Fiber* current = nullptr;
std::terminate_handler previous_terminate = nullptr;

// What the C++ runtime keeps a thread: the exceptions being handled and thrown (the layout of the Itanium C++ ABI).
struct ExceptionState {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

ExceptionState SwapExceptions(const ExceptionState& next) {
  void* globals = abi::__cxa_get_globals();
  ExceptionState last;
  std::memcpy(&last, globals, sizeof(last));
  std::memcpy(globals, &next, sizeof(next));
  return last;
}

// A ForcedUnwind has reached a function that may not throw.
[[noreturn]] void OnTerminate() {
  if (current != nullptr && current->unwinding()) current->Abandon();
  if (previous_terminate != nullptr) previous_terminate();
  std::abort();
}

void StartSwitch([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* bottom,
                 [[maybe_unused]] size_t size) {
#ifdef IOC_SIM_ASAN
  __sanitizer_start_switch_fiber(fake_stack, bottom, size);
#endif
}

void FinishSwitch([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** bottom,
                  [[maybe_unused]] size_t* size) {
#ifdef IOC_SIM_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, bottom, size);
#endif
}

}  // namespace

struct Fiber::Stack {
  explicit Stack(size_t wanted) : size(wanted) {
    base = static_cast<std::byte*>(mmap(nullptr, size + kGuardBytes, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0));
    IOC_CHECK(base != MAP_FAILED) << "no memory for the stack of a fibre";
    IOC_CHECK(mprotect(base, kGuardBytes, PROT_NONE) == 0) << "the guard page of a fibre's stack";
  }
  ~Stack() {
#ifdef IOC_SIM_ASAN
    __asan_unpoison_memory_region(bottom(), size);
#endif
    munmap(base, size + kGuardBytes);
  }

  std::byte* bottom() const { return base + kGuardBytes; }

  std::byte* base = nullptr;
  const size_t size;
  bool started = false;
  boost::context::fiber inner;   // where it is suspended
  boost::context::fiber caller;  // where to return to
  void* fake_stack = nullptr;    // AddressSanitizer's
  const void* caller_bottom = nullptr;
  size_t caller_size = 0;
  ExceptionState exceptions;
  void* thread_local_value = nullptr;

  // Boost.Context frees through this; the memory is ours.
  struct Allocator {
    boost::context::stack_context allocate() { return context; }
    void deallocate(boost::context::stack_context&) {}
    boost::context::stack_context context;
  };
};

Fiber::Fiber(std::string name, FiberOptions options, Callback body)
    : name_(std::move(name)), options_(options), body_(std::move(body)) {}

Fiber::~Fiber() { IOC_CHECK(done_ || !started()) << "fibre " << name_ << " is destroyed while it is suspended"; }

Fiber* Fiber::Current() { return current; }

bool Fiber::started() const { return stack_ != nullptr; }

void Fiber::Cancel() {
  IOC_CHECK(!started()) << name_;
  done_ = true;
  body_ = nullptr;
  on_done_ = nullptr;
}

void Fiber::Run() {
  Stack& stack = *stack_;
  FinishSwitch(nullptr, &stack.caller_bottom, &stack.caller_size);
  try {
    body_();
  } catch (const ForcedUnwind&) {
  } catch (...) {
    failure_ = std::current_exception();
  }
  // Not before: destructors of what the body holds may still suspend.
  body_ = nullptr;
  done_ = true;
  StartSwitch(nullptr, stack.caller_bottom, stack.caller_size);
}

void Fiber::Resume() {
  IOC_CHECK(!done_) << "fibre " << name_ << " has ended";
  if (stack_ == nullptr) {
    stack_ = std::make_unique<Stack>(options_.stack_bytes);
    boost::context::stack_context context;
    context.size = stack_->size;
    context.sp = stack_->bottom() + stack_->size;
    stack_->inner =
        boost::context::fiber(std::allocator_arg, Stack::Allocator{context}, [this](boost::context::fiber caller) {
          stack_->caller = std::move(caller);
          Run();
          return std::move(stack_->caller);
        });
    static const bool terminate_is_ours [[maybe_unused]] = [] {
      previous_terminate = std::set_terminate(OnTerminate);
      return true;
    }();
  }
  Stack& stack = *stack_;
  Fiber* const outer = std::exchange(current, this);
  const ExceptionState outer_exceptions = SwapExceptions(stack.exceptions);
  const ThreadLocalHooks& hooks = options_.thread_local_hooks;
  void* const outer_value = hooks.get == nullptr ? nullptr : hooks.get();
  if (hooks.set != nullptr) hooks.set(stack.thread_local_value);

  void* fake_stack = nullptr;
  StartSwitch(&fake_stack, stack.bottom(), stack.size);
  stack.inner = std::move(stack.inner).resume();
  FinishSwitch(fake_stack, nullptr, nullptr);

  if (hooks.get != nullptr) stack.thread_local_value = hooks.get();
  if (hooks.set != nullptr) hooks.set(outer_value);
  stack.exceptions = SwapExceptions(outer_exceptions);
  current = outer;
  if (!done_) return;
  stack_.reset();
  const std::exception_ptr failure = std::move(failure_);
  if (Callback on_done = std::move(on_done_); on_done != nullptr) on_done();
  if (failure != nullptr) std::rethrow_exception(failure);
}

void Fiber::Suspend() {
  IOC_CHECK(current == this) << "fibre " << name_ << " does not run";
  Stack& stack = *stack_;
  StartSwitch(&stack.fake_stack, stack.caller_bottom, stack.caller_size);
  stack.caller = std::move(stack.caller).resume();
  FinishSwitch(stack.fake_stack, &stack.caller_bottom, &stack.caller_size);
}

void Fiber::Unwind() {
  IOC_CHECK(current == this) << "fibre " << name_ << " does not run";
  unwinding_ = true;
  throw ForcedUnwind();
}

void Fiber::Abandon() {
  IOC_CHECK(current == this) << "fibre " << name_ << " does not run";
  done_ = true;
  abandoned_ = true;
  // For ever reachable, so that what its stack refers to is no leak; the context must not be destroyed either, as that
  // would unwind it.
  static auto* const abandoned = new std::vector<std::pair<Stack*, Callback>>;
  Stack* const stack = stack_.release();
#ifdef IOC_SIM_ASAN
  __lsan_register_root_region(stack->bottom(), stack->size);
#endif
  abandoned->emplace_back(stack, std::move(body_));
  StartSwitch(nullptr, stack->caller_bottom, stack->caller_size);
  stack->caller = std::move(stack->caller).resume();
  std::abort();  // never resumed
}

}  // namespace ioc::sim

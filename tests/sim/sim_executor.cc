#include "tests/sim/sim_executor.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "lib/base/check.h"
#include "tests/sim/sim_env.h"

namespace ioc::sim {
namespace {

// A wait takes this much at least, so that code that polls gets on.
constexpr absl::Duration kShortestWait = absl::Microseconds(1);
constexpr absl::Duration kFlushDelay = absl::Milliseconds(1);
// Longer waits are for ever: beyond that, times no longer count in nanoseconds.
constexpr absl::Duration kLongestWait = absl::Hours(24 * 365 * 50);

class SimThread final : public Thread {
 public:
  SimThread(SimExecutor& executor, std::shared_ptr<Fiber> fiber) : executor_(executor), fiber_(std::move(fiber)) {}
  ~SimThread() override { executor_.Join(*fiber_); }

 private:
  SimExecutor& executor_;
  const std::shared_ptr<Fiber> fiber_;
};

}  // namespace

struct SimExecutor::Parked {
  EventKey wake;
  Fiber* fiber = nullptr;
};

SimExecutor::SimExecutor(World& world, SimEnv& process)
    : world_(world), process_(process), clock_offset_(process.machine().options.clock_offset) {}

SimExecutor::~SimExecutor() = default;

absl::Time SimExecutor::Now() const {
  const absl::Time now = world_.Now() + clock_offset_;
  return closed_ ? std::max(now, closed_now_) : now;
}

absl::Time SimExecutor::WorldTime(absl::Time local) const {
  if (local == absl::InfiniteFuture() || local - Now() > kLongestWait) return absl::InfiniteFuture();
  return local - clock_offset_;
}

void SimExecutor::Post(Callback callback) {
  if (closed_) return;
  world_.Schedule(world_.Now(), &process_, EventKind::kPost, true, std::move(callback));
}

TimerId SimExecutor::Schedule(absl::Duration delay, Callback callback) {
  if (closed_) return 0;
  const TimerId id = ++last_timer_;
  if (delay > kLongestWait) return id;
  const absl::Time time = world_.Now() + std::max(delay, absl::ZeroDuration());
  timers_[id] =
      world_.Schedule(time, &process_, EventKind::kTimer, true, [this, id, callback = std::move(callback)]() mutable {
        timers_.erase(id);
        callback();
      });
  return id;
}

void SimExecutor::CancelTimer(TimerId timer) {
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  EventKey key = found->second;
  timers_.erase(found);
  world_.Cancel(key);
}

void SimExecutor::Defer(Deferred& deferred) {
  if (closed_ || deferred.is_deferred) return;
  deferred.is_deferred = true;
  deferred.next_deferred = nullptr;
  (last_deferred_ == nullptr ? first_deferred_ : last_deferred_->next_deferred) = &deferred;
  last_deferred_ = &deferred;
  if (in_turn_ || flush_.sequence != 0) return;
  const absl::Time time = world_.Now() + world_.random().Between({absl::ZeroDuration(), kFlushDelay});
  flush_ = world_.Schedule(time, &process_, EventKind::kFlush, true, [this] { flush_ = {}; });
}

void SimExecutor::Undefer(Deferred& deferred) {
  if (!deferred.is_deferred) return;
  Deferred* previous = nullptr;
  Deferred* here = first_deferred_;
  while (here != &deferred) {
    IOC_CHECK(here != nullptr) << "what is deferred elsewhere can't be taken out here";
    previous = std::exchange(here, here->next_deferred);
  }
  (previous == nullptr ? first_deferred_ : previous->next_deferred) = deferred.next_deferred;
  if (last_deferred_ == &deferred) last_deferred_ = previous;
  deferred.next_deferred = nullptr;
  deferred.is_deferred = false;
}

void SimExecutor::RunDeferred() {
  const bool was_in_turn = std::exchange(in_turn_, true);
  while (first_deferred_ != nullptr) {
    Deferred& next = *first_deferred_;
    Undefer(next);
    next.RunDeferred();
  }
  in_turn_ = was_in_turn;
}

void SimExecutor::RunTurn(Callback& callback) {
  MutexLock lock(mutex_);
  in_turn_ = true;
  callback();
  // A callback's captures go with the mutex held, as in a real loop.
  callback = nullptr;
  RunDeferred();
  in_turn_ = false;
}

bool SimExecutor::Await(Waiter& waiter, absl::Time deadline) {
  IOC_CHECK(!in_turn_) << process_.name() << ": a callback waits";
  if (closed_) return AwaitClosed(deadline);
  RunDeferred();
  if (waiter.notified) return true;
  if (Fiber* fiber = Fiber::Current(); fiber != nullptr) return Park(waiter, *fiber, deadline);
  return DriveWorld(waiter, deadline);
}

bool SimExecutor::Park(Waiter& waiter, Fiber& fiber, absl::Time deadline) {
  Parked parked{.fiber = &fiber};
  waiter.parked = &parked;
  EventKey timeout;
  if (const absl::Time time = WorldTime(deadline); time != absl::InfiniteFuture()) {
    timeout = world_.Schedule(std::max(time, world_.Now() + kShortestWait), &process_, EventKind::kResume, false,
                              [&fiber] { fiber.Resume(); });
  }
  mutex_.unlock();
  fiber.Suspend();
  mutex_.lock();
  waiter.parked = nullptr;
  world_.Cancel(timeout);
  world_.Cancel(parked.wake);
  return closed_ ? AwaitClosed(deadline) : waiter.notified;
}

bool SimExecutor::DriveWorld(Waiter& waiter, absl::Time deadline) {
  IOC_CHECK(!world_.in_event()) << process_.name() << ": an action of the scenario waits";
  mutex_.unlock();
  world_.RunUntil([&] { return waiter.notified || closed_; },
                  std::max(WorldTime(deadline), world_.Now() + kShortestWait));
  mutex_.lock();
  if (closed_) return AwaitClosed(deadline);
  if (!waiter.notified && deadline == absl::InfiniteFuture()) {
    world_.Fail(absl::StrCat(std::string(process_.name()), " waits without end and nothing is left to happen"));
  }
  return waiter.notified;
}

bool SimExecutor::AwaitClosed(absl::Time deadline) {
  Fiber* const fiber = Fiber::Current();
  // A destructor that runs while the stack is unwound must go on.
  if (fiber != nullptr && std::uncaught_exceptions() == 0) fiber->Unwind();
  if (deadline == absl::InfiniteFuture()) {
    if (fiber == nullptr) world_.Fail(absl::StrCat(process_.name(), " is dead and the test waits in it without end"));
    fiber->Abandon();
  }
  closed_now_ = std::max(closed_now_, deadline);
  return false;
}

void SimExecutor::Notify(Waiter& waiter) {
  if (std::exchange(waiter.notified, true) || closed_ || waiter.parked == nullptr) return;
  Parked& parked = *static_cast<Parked*>(waiter.parked);
  const absl::Time time = world_.Now() + world_.random().Between(world_.options().wake_latency);
  parked.wake =
      world_.Schedule(time, &process_, EventKind::kResume, false, [fiber = parked.fiber] { fiber->Resume(); });
}

std::unique_ptr<Thread> SimExecutor::StartThread(std::string_view name, Callback body) {
  auto fiber =
      std::make_shared<Fiber>(absl::StrCat(process_.name(), "/", std::string(name)), world_.options().fibers,
                              [this, body = std::move(body)]() mutable {
                                try {
                                  body();
                                } catch (const std::exception& error) {
                                  if (closed_) return;
                                  process_.Log(LogLevel::kError, absl::StrCat("terminate called: ", error.what()));
                                  world_.Finish(process_, {.signal = 6});
                                }
                                body = nullptr;
                              });
  if (closed_) {
    fiber->Cancel();
  } else {
    fibers_.push_back(fiber);
    fiber->set_on_done([this, fiber = fiber.get()] { OnFiberDone(*fiber); });
    const absl::Time time = world_.Now() + world_.random().Between(world_.options().wake_latency);
    world_.Schedule(time, &process_, EventKind::kResume, false, [fiber] { fiber->Resume(); });
  }
  return std::make_unique<SimThread>(*this, std::move(fiber));
}

void SimExecutor::OnFiberDone(const Fiber& fiber) {
  if (const auto joiner = joiners_.find(&fiber); joiner != joiners_.end() && !closed_) {
    const absl::Time time = world_.Now() + world_.random().Between(world_.options().wake_latency);
    world_.Schedule(time, &process_, EventKind::kResume, false, [fiber = joiner->second] { fiber->Resume(); });
  }
  std::erase_if(fibers_, [&](const std::shared_ptr<Fiber>& other) { return other.get() == &fiber; });
}

void SimExecutor::Join(Fiber& fiber) {
  IOC_CHECK(fiber.done() || !in_turn_) << process_.name() << ": a callback waits for the end of a thread";
  while (!fiber.done()) {
    if (closed_) {
      UnwindFiber(fiber);
    } else if (Fiber* self = Fiber::Current(); self != nullptr) {
      joiners_[&fiber] = self;
      self->Suspend();
      joiners_.erase(&fiber);
    } else {
      IOC_CHECK(!world_.in_event()) << process_.name() << ": an action of the scenario waits";
      world_.RunUntil([&] { return fiber.done() || closed_; }, absl::InfiniteFuture());
      if (!fiber.done() && !closed_) world_.Fail(absl::StrCat("thread ", fiber.name(), " never ends"));
    }
  }
}

void SimExecutor::Close() {
  closed_ = true;
  timers_.clear();
  while (first_deferred_ != nullptr) Undefer(*first_deferred_);
}

void SimExecutor::UnwindFibers() {
  const std::vector<std::shared_ptr<Fiber>> fibers = fibers_;
  for (const auto& fiber : fibers) {
    if (!fiber->done()) UnwindFiber(*fiber);
  }
  fibers_.clear();
}

void SimExecutor::UnwindFiber(Fiber& fiber) {
  if (!fiber.started()) return fiber.Cancel();
  fiber.Resume();
  // Where it is abandoned, nobody gives back the mutex that it held.
  if (!fiber.abandoned()) return;
  static_cast<void>(mutex_.try_lock());
  mutex_.unlock();
}

}  // namespace ioc::sim

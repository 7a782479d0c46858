// The executor: who leads, who is woken, in which order things run.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/timer_heap.h"

namespace ioc {
namespace {

constexpr absl::Duration kLong = absl::Seconds(30);

// Waits in `executor`, whose mutex is held, until `callback` says so.
bool AwaitPosted(AsioExecutor& executor) {
  Waiter waiter;
  executor.Post([&] { executor.Notify(waiter); });
  return executor.Await(waiter, executor.Now() + kLong);
}

class Note final : public Deferred {
 public:
  Note(std::vector<std::string>& log, std::string name) : log_(log), name_(std::move(name)) {}
  void RunDeferred() override {
    log_.push_back(name_);
    if (then) then();
  }
  Callback then;

 private:
  std::vector<std::string>& log_;
  const std::string name_;
};

TEST_CASE("A posted callback wakes the thread that awaits, with and without a background thread") {
  AsioExecutor executor(GENERATE(false, true));
  MutexLock lock(executor.mutex());
  CHECK(AwaitPosted(executor));
  CHECK(AwaitPosted(executor));
}

TEST_CASE("Await ends at its deadline") {
  AsioExecutor executor(GENERATE(false, true));
  MutexLock lock(executor.mutex());
  Waiter waiter;
  const absl::Time deadline = executor.Now() + absl::Milliseconds(3);
  CHECK_FALSE(executor.Await(waiter, deadline));
  CHECK(executor.Now() >= deadline);
  CHECK_FALSE(executor.Await(waiter, absl::InfinitePast()));
}

TEST_CASE("A leader that polls is woken by another thread's Notify") {
  AsioExecutor executor(GENERATE(false, true));
  Waiter waiter;
  std::thread other;
  MutexLock lock(executor.mutex());
  // Runs once the waiting thread leads and has the mutex free.
  executor.Post([&] {
    other = std::thread([&] {
      MutexLock lock(executor.mutex());
      executor.Notify(waiter);
    });
  });
  CHECK(executor.Await(waiter, executor.Now() + kLong));
  executor.mutex().unlock();
  other.join();
  executor.mutex().lock();
}

TEST_CASE("A leader that leaves hands the lead to a thread that is parked") {
  AsioExecutor executor(GENERATE(false, true));
  Waiter first, second;
  bool parked = false, second_woken = false;
  std::thread other([&] {
    MutexLock lock(executor.mutex());
    if (!executor.Await(first, executor.Now() + kLong)) return;
    // The first leads here; only a second leader can bring the second its answer after it left.
    parked = true;
    second_woken = executor.Await(second, executor.Now() + kLong);
  });
  {
    MutexLock lock(executor.mutex());
    Waiter mine;
    executor.Schedule(absl::Milliseconds(1), [&] { executor.Notify(first); });
    executor.Schedule(absl::Milliseconds(10), [&] { executor.Notify(mine); });
    executor.Schedule(absl::Milliseconds(20), [&] { executor.Notify(second); });
    CHECK(executor.Await(mine, executor.Now() + kLong));
  }
  other.join();
  CHECK(parked);
  CHECK(second_woken);
}

TEST_CASE("Many threads exchange notifications and all return") {
  AsioExecutor executor(GENERATE(false, true));
  constexpr int kThreads = 6;
  constexpr int kRounds = 200;
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        MutexLock lock(executor.mutex());
        Waiter waiter;
        if ((i + round) % 3 == 0) {
          executor.Schedule(absl::Microseconds(100), [&] { executor.Notify(waiter); });
        } else {
          executor.Post([&] { executor.Notify(waiter); });
        }
        if (executor.Await(waiter, executor.Now() + kLong)) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == kThreads * kRounds);
}

TEST_CASE("Posted callbacks run in order and never within each other") {
  AsioExecutor executor(false);
  MutexLock lock(executor.mutex());
  std::string log;
  executor.Post([&] {
    log += "(a";
    executor.Post([&] { log += "(c)"; });
    executor.Schedule(absl::ZeroDuration(), [&] { log += "(d)"; });
    log += ")";
  });
  executor.Post([&] { log += "(b)"; });
  Waiter waiter;
  executor.Schedule(absl::Milliseconds(2), [&] { executor.Notify(waiter); });
  CHECK(executor.Await(waiter, executor.Now() + kLong));
  CHECK(log.substr(0, 6) == "(a)(b)");
  CHECK(log.find("(c)") != std::string::npos);
  CHECK(log.find("(d)") != std::string::npos);
}

TEST_CASE("Deferred work runs at the end of the turn, in order, once") {
  AsioExecutor executor(false);
  MutexLock lock(executor.mutex());
  std::vector<std::string> log;
  Note a(log, "a"), b(log, "b"), c(log, "c"), gone(log, "gone");
  a.then = [&] { executor.Defer(c); };
  executor.Post([&] {
    executor.Defer(a);
    executor.Defer(gone);
    executor.Defer(b);
    executor.Defer(a);
    executor.Undefer(gone);
    log.push_back("turn");
  });
  CHECK(AwaitPosted(executor));
  CHECK(log == std::vector<std::string>{"turn", "a", "b", "c"});
}

TEST_CASE("Deferred work runs when a thread enters Await") {
  AsioExecutor executor(false);
  MutexLock lock(executor.mutex());
  std::vector<std::string> log;
  Note a(log, "a");
  executor.Defer(a);
  Waiter waiter;
  executor.Await(waiter, absl::InfinitePast());
  CHECK(log == std::vector<std::string>{"a"});
}

TEST_CASE("Deferred work runs though nobody awaits") {
  std::vector<std::string> log;
  Note a(log, "a");
  std::atomic<bool> ran = false;
  a.then = [&] { ran = true; };
  AsioExecutor executor(true);
  {
    MutexLock lock(executor.mutex());
    executor.Defer(a);
  }
  const absl::Time deadline = executor.Now() + kLong;
  while (!ran && executor.Now() < deadline) std::this_thread::yield();
  CHECK(ran);
}

TEST_CASE("The background thread takes back a loop that is orphaned") {
  AsioExecutor executor(true);
  {
    MutexLock lock(executor.mutex());
    REQUIRE(AwaitPosted(executor));
  }
  // Whether the thread ticks, or sleeps since we stayed in one poll.
  if (GENERATE(false, true)) {
    MutexLock lock(executor.mutex());
    Waiter waiter;
    executor.Await(waiter, executor.Now() + absl::Milliseconds(20));
  }
  std::atomic<bool> ran = false;
  executor.Post([&] { ran = true; });
  const absl::Time deadline = executor.Now() + kLong;
  while (!ran && executor.Now() < deadline) std::this_thread::yield();
  CHECK(ran);
}

TEST_CASE("An idle loop wakes nobody") {
  AsioExecutor executor(true);
  {
    MutexLock lock(executor.mutex());
    REQUIRE(AwaitPosted(executor));
    Waiter waiter;
    executor.Await(waiter, executor.Now() + absl::Milliseconds(50));  // until the background thread sleeps
    rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    executor.Await(waiter, executor.Now() + absl::Milliseconds(400));
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_nvcsw - before.ru_nvcsw < 50);  // a tick a millisecond would make 400
  }
}

TEST_CASE("Timers run in order of time, cancelled ones never") {
  AsioExecutor executor(GENERATE(false, true));
  MutexLock lock(executor.mutex());
  std::string log;
  Waiter waiter;
  executor.Schedule(absl::Milliseconds(6), [&] { executor.Notify(waiter); });
  executor.Schedule(absl::Milliseconds(4), [&] { log += "c"; });
  executor.Schedule(absl::Milliseconds(2), [&] { log += "a"; });
  const TimerId victim = executor.Schedule(absl::Milliseconds(4), [&] { log += "x"; });
  executor.Schedule(absl::Milliseconds(3), [&] {
    log += "b";
    executor.CancelTimer(victim);
  });
  executor.Schedule(absl::InfiniteDuration(), [&] { log += "never"; });
  executor.CancelTimer(0);
  CHECK(executor.Await(waiter, executor.Now() + kLong));
  CHECK(log == "abc");
}

TEST_CASE("A heap of timers that are cancelled stays small and in order") {
  TimerHeap heap;
  const absl::Time start = absl::UnixEpoch();
  std::vector<int> ran;
  for (int i = 0; i < 10000; ++i) {
    const TimerId id =
        heap.Add(start + absl::Seconds((i * 7919) % 10000), [&ran, i] { ran.push_back((i * 7919) % 10000); });
    if (i % 10 != 0) heap.Cancel(id);
  }
  CHECK(heap.size() == 1000);
  while (Callback due = heap.TakeDue(absl::InfiniteFuture(), heap.last())) due();
  CHECK(ran.size() == 1000);
  CHECK(std::is_sorted(ran.begin(), ran.end()));
  CHECK(heap.next() == absl::InfiniteFuture());
}

TEST_CASE("Run serves callbacks until Stop, from any thread and before it began") {
  AsioExecutor executor(false);
  bool ran = false;
  executor.Post([&] { ran = true; });
  std::unique_ptr<Thread> stopper = executor.StartThread("stopper", [&] { executor.Stop(); });
  executor.Run();
  CHECK(ran);
  executor.Run();
}

}  // namespace
}  // namespace ioc

// The executor of a simulated process: turns are run by the World, threads are fibres.
#ifndef IOCLUSTER_TESTS_SIM_SIM_EXECUTOR_H_
#define IOCLUSTER_TESTS_SIM_SIM_EXECUTOR_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/executor.h"
#include "tests/sim/fiber.h"
#include "tests/sim/world.h"

namespace ioc::sim {

class SimEnv;

// Once closed (its process is dead) nothing runs here any more. Await then unwinds the fibre that calls it; from a
// destructor that runs meanwhile it returns at once, as if the deadline were past.
//
// Called from the test's main stack, Await and the destructor of a Thread run the World until what they wait for is
// there.
class SimExecutor final : public Executor {
 public:
  SimExecutor(World& world, SimEnv& process);
  ~SimExecutor() override;

  Mutex& mutex() override { return mutex_; }
  absl::Time Now() const override;
  void Post(Callback callback) override;
  TimerId Schedule(absl::Duration delay, Callback callback) override;
  void CancelTimer(TimerId timer) override;
  void Defer(Deferred& deferred) override;
  void Undefer(Deferred& deferred) override;
  bool Await(Waiter& waiter, absl::Time deadline) override;
  void Notify(Waiter& waiter) override;
  void Expedite() override {}  // the World needs no leader, and ends a turn soon
  std::unique_ptr<Thread> StartThread(std::string_view name, Callback body) override;

  // For the World: one callback, then what was deferred.
  void RunTurn(Callback& callback);
  void Close();
  bool closed() const { return closed_; }
  // After Close: ends all fibres.
  void UnwindFibers();
  void Join(Fiber& fiber);

 private:
  struct Parked;

  bool Park(Waiter& waiter, Fiber& fiber, absl::Time deadline);
  bool DriveWorld(Waiter& waiter, absl::Time deadline);
  bool AwaitClosed(absl::Time deadline);
  void RunDeferred();
  void OnFiberDone(const Fiber& fiber);
  void UnwindFiber(Fiber& fiber);
  absl::Time WorldTime(absl::Time local) const;

  World& world_;
  SimEnv& process_;
  const absl::Duration clock_offset_;
  Mutex mutex_;
  bool closed_ = false;
  bool in_turn_ = false;
  absl::Time closed_now_ = absl::InfinitePast();  // once closed, time passes by waiting only
  Deferred* first_deferred_ = nullptr;
  Deferred* last_deferred_ = nullptr;
  EventKey flush_;
  TimerId last_timer_ = 0;
  absl::flat_hash_map<TimerId, EventKey> timers_;
  std::vector<std::shared_ptr<Fiber>> fibers_;         // that have not ended, in the order of their start
  absl::flat_hash_map<const Fiber*, Fiber*> joiners_;  // who waits for whose end; never iterated
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_EXECUTOR_H_

// The real executor: an event loop that is driven by whichever thread needs it (DESIGN section 3).
//
// At most one thread *leads*: it polls with the mutex free and runs the callbacks with it held. A thread in Await takes
// the lead if it is free; if another user thread has it, it parks on a condition variable until it is notified or
// offered the lead. The background thread leads while nobody else wants to, blocked in the poll. Asked to yield, it
// gives up the lead and then looks once a millisecond whether the loop is orphaned (nobody led for a whole
// millisecond), and takes it back. If one leader stays in one poll it sleeps until that leader leaves.
//
// Invariants: only the leader is in EventLoop::RunOne. polling_ is true exactly while the leader may be blocked there.
// A thread that leaves Await while nobody leads offers the lead to one parked thread, if there is one.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_EXECUTOR_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_EXECUTOR_H_

#include <condition_variable>
#include <memory>
#include <string_view>
#include <thread>

#include "lib/env/executor.h"
#include "lib/env_asio/event_loop.h"
#include "lib/env_asio/timer_heap.h"

namespace ioc {

class AsioExecutor final : public Executor, private LoopClient {
 public:
  // With `background_thread`, a thread of its own leads while nobody else does.
  explicit AsioExecutor(bool background_thread);
  // Nobody awaits. Callbacks that have not run are destroyed.
  ~AsioExecutor() override;

  Mutex& mutex() override { return mutex_; }
  absl::Time Now() const override;
  void Post(Callback callback) override;
  TimerId Schedule(absl::Duration delay, Callback callback) override;
  void CancelTimer(TimerId timer) override;
  void Defer(Deferred& deferred) override;
  void Undefer(Deferred& deferred) override;
  bool Await(Waiter& waiter, absl::Time deadline) override;
  void Notify(Waiter& waiter) override;
  void Expedite() override;
  std::unique_ptr<Thread> StartThread(std::string_view name, Callback body) override;

  // Awaits until Stop. Without the mutex.
  void Run();
  // Ends Run, also one that comes later. Any thread, with or without the mutex.
  void Stop();

  EventLoop& loop() { return loop_; }

 private:
  enum class Leader { kNone, kUser, kBackground };
  struct Parked;

  void EnterTurn() override;
  void LeaveTurn() override;
  void OnAlarm(Alarm alarm) override;

  void Lead(Waiter& waiter, absl::Time deadline);
  void Turn(absl::Time deadline);
  void Park(Waiter& waiter, absl::Time deadline);
  void OfferLead();
  void RunDeferred();
  void RunTimers();
  void ArmTimers();

  void BackgroundMain();
  void LeadInBackground();
  void WaitForOrphan();

  Mutex mutex_;

  Leader leader_ ABSL_GUARDED_BY(mutex_) = Leader::kNone;
  Waiter* leader_waiter_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of a leading user thread
  bool polling_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t leads_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t polls_ ABSL_GUARDED_BY(mutex_) = 0;
  // Set if the handler that the leader ran has left the mutex locked, which saves locking it again. The leader's own.
  bool locked_by_turn_ = false;
  Parked* first_parked_ ABSL_GUARDED_BY(mutex_) = nullptr;

  Deferred* first_deferred_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Deferred* last_deferred_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool deferred_alarm_set_ ABSL_GUARDED_BY(mutex_) = false;

  TimerHeap timers_ ABSL_GUARDED_BY(mutex_);
  absl::Time timers_alarm_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();

  bool yield_asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool background_asleep_ ABSL_GUARDED_BY(mutex_) = false;  // until a leader leaves
  bool background_asked_ ABSL_GUARDED_BY(mutex_) = false;   // to lead without waiting for a tick
  std::condition_variable background_wake_;

  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Waiter* run_waiter_ ABSL_GUARDED_BY(mutex_) = nullptr;

  EventLoop loop_;  // goes before the state that its handlers' destructors may touch
  std::thread background_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_EXECUTOR_H_

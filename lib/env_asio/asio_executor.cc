#include "lib/env_asio/asio_executor.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>

#include "lib/base/check.h"

namespace ioc {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr absl::Duration kDeferredDelay = absl::Milliseconds(1);
constexpr std::chrono::milliseconds kBackgroundTick{1};
// Alarms further away are set anew then, so that no arithmetic on them overflows.
constexpr absl::Duration kFarthestAlarm = absl::Hours(24);

// The executor whose callback this thread is in.
thread_local const AsioExecutor* running_callback_of = nullptr;

SteadyClock::time_point ToSteady(absl::Time time) {
  if (time == absl::InfiniteFuture()) return SteadyClock::time_point::max();
  return SteadyClock::time_point(absl::ToChronoNanoseconds(time - absl::UnixEpoch()));
}

class StdThread final : public Thread {
 public:
  StdThread(std::string_view name, Callback body) : thread_(std::move(body)) {
    pthread_setname_np(thread_.native_handle(), std::string(name.substr(0, 15)).c_str());
  }
  ~StdThread() override { thread_.join(); }

 private:
  std::thread thread_;
};

}  // namespace

// A thread in Await that neither leads nor runs. Lives on its stack.
struct AsioExecutor::Parked {
  explicit Parked(Waiter& waiter) : waiter(waiter) {}

  Waiter& waiter;
  bool offered_lead = false;
  std::condition_variable wake;
  Parked* previous = nullptr;
  Parked* next = nullptr;
};

AsioExecutor::AsioExecutor(bool background_thread) : loop_(*this) {
  if (!background_thread) return;
  background_ = std::thread([this] { BackgroundMain(); });
  pthread_setname_np(background_.native_handle(), "iocluster");
}

AsioExecutor::~AsioExecutor() {
  if (background_.joinable()) {
    {
      MutexLock lock(mutex_);
      closing_ = true;
      background_asleep_ = false;
      background_wake_.notify_one();
    }
    loop_.Wake();
    background_.join();
  }
  timers_ = TimerHeap();  // Its callbacks may own descriptors that the loop watches.
}

absl::Time AsioExecutor::Now() const {
  return absl::UnixEpoch() + absl::FromChrono(SteadyClock::now().time_since_epoch());
}

void AsioExecutor::Post(Callback callback) { loop_.Post(std::move(callback)); }

std::unique_ptr<Thread> AsioExecutor::StartThread(std::string_view name, Callback body) {
  return std::make_unique<StdThread>(name, std::move(body));
}

void AsioExecutor::EnterTurn() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mutex_.lock();
  locked_by_turn_ = true;
  polling_ = false;
  running_callback_of = this;
}

void AsioExecutor::LeaveTurn() { running_callback_of = nullptr; }

void AsioExecutor::Turn(absl::Time deadline) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  polling_ = true;
  ++polls_;
  mutex_.unlock();
  loop_.RunOne(ToSteady(deadline));
  if (!locked_by_turn_) mutex_.lock();
  locked_by_turn_ = false;
  polling_ = false;
  RunDeferred();
}

void AsioExecutor::OnAlarm(Alarm alarm) {
  if (alarm == Alarm::kTimers) {
    RunTimers();
  } else {
    deferred_alarm_set_ = false;  // The turn's end runs what is deferred.
  }
}

TimerId AsioExecutor::Schedule(absl::Duration delay, Callback callback) {
  const TimerId id = timers_.Add(Now() + delay, std::move(callback));
  ArmTimers();
  return id;
}

void AsioExecutor::CancelTimer(TimerId timer) { timers_.Cancel(timer); }

void AsioExecutor::ArmTimers() {
  if (timers_.next() >= timers_alarm_) return;
  timers_alarm_ = std::min(timers_.next(), Now() + kFarthestAlarm);
  loop_.SetAlarm(Alarm::kTimers, ToSteady(timers_alarm_));
}

void AsioExecutor::RunTimers() {
  timers_alarm_ = absl::InfiniteFuture();
  const absl::Time now = Now();
  const TimerId youngest = timers_.last();  // One that sets another for now must not keep us here.
  while (Callback due = timers_.TakeDue(now, youngest)) due();
  ArmTimers();
}

void AsioExecutor::Defer(Deferred& deferred) {
  if (deferred.is_deferred) return;
  deferred.is_deferred = true;
  deferred.next_deferred = nullptr;
  (first_deferred_ == nullptr ? first_deferred_ : last_deferred_->next_deferred) = &deferred;
  last_deferred_ = &deferred;
  if (running_callback_of == this || deferred_alarm_set_) return;
  // The alarm stays set if an Await runs the work earlier: setting it once a millisecond is cheaper than taking it
  // back.
  deferred_alarm_set_ = true;
  loop_.SetAlarm(Alarm::kDeferred, ToSteady(Now() + kDeferredDelay));
}

void AsioExecutor::Undefer(Deferred& deferred) {
  if (!deferred.is_deferred) return;
  Deferred* previous = nullptr;
  Deferred** link = &first_deferred_;
  while (*link != &deferred) {
    previous = *link;
    link = &previous->next_deferred;
  }
  *link = deferred.next_deferred;
  if (last_deferred_ == &deferred) last_deferred_ = previous;
  deferred.is_deferred = false;
}

void AsioExecutor::RunDeferred() {
  if (first_deferred_ == nullptr) return;
  running_callback_of = this;
  while (Deferred* deferred = first_deferred_) {
    first_deferred_ = deferred->next_deferred;
    if (first_deferred_ == nullptr) last_deferred_ = nullptr;
    deferred->is_deferred = false;
    deferred->RunDeferred();
  }
  running_callback_of = nullptr;
}

bool AsioExecutor::Await(Waiter& waiter, absl::Time deadline) {
  IOC_CHECK(running_callback_of == nullptr) << "a callback must not block";
  RunDeferred();
  while (!waiter.notified && Now() < deadline) {
    if (leader_ == Leader::kNone) {
      Lead(waiter, deadline);
      continue;
    }
    if (leader_ == Leader::kBackground && !yield_asked_) {
      yield_asked_ = true;
      if (polling_) loop_.Wake();
    }
    Park(waiter, deadline);
  }
  if (leader_ == Leader::kNone) OfferLead();
  return waiter.notified;
}

void AsioExecutor::Lead(Waiter& waiter, absl::Time deadline) {
  leader_ = Leader::kUser;
  leader_waiter_ = &waiter;
  ++leads_;
  do {
    Turn(deadline);
  } while (!waiter.notified && Now() < deadline);
  leader_ = Leader::kNone;
  leader_waiter_ = nullptr;
  if (background_asleep_) {
    background_asleep_ = false;
    background_wake_.notify_one();
  }
}

void AsioExecutor::Park(Waiter& waiter, absl::Time deadline) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Parked parked(waiter);
  parked.next = first_parked_;
  if (first_parked_ != nullptr) first_parked_->previous = &parked;
  first_parked_ = &parked;
  waiter.parked = &parked;

  std::unique_lock<std::mutex> lock(mutex_.native(), std::adopt_lock);
  const auto woken = [&] { return waiter.notified || parked.offered_lead; };
  if (deadline == absl::InfiniteFuture()) {
    parked.wake.wait(lock, woken);
  } else {
    parked.wake.wait_until(lock, ToSteady(deadline), woken);
  }
  lock.release();

  waiter.parked = nullptr;
  (parked.previous == nullptr ? first_parked_ : parked.previous->next) = parked.next;
  if (parked.next != nullptr) parked.next->previous = parked.previous;
}

void AsioExecutor::OfferLead() {
  for (Parked* parked = first_parked_; parked != nullptr; parked = parked->next) {
    if (parked->waiter.notified) continue;  // It is leaving, and offers the lead again when it does.
    parked->offered_lead = true;
    parked->wake.notify_one();
    return;
  }
}

void AsioExecutor::Notify(Waiter& waiter) {
  waiter.notified = true;
  if (waiter.parked != nullptr) {
    static_cast<Parked*>(waiter.parked)->wake.notify_one();
  } else if (&waiter == leader_waiter_ && polling_) {
    // We have the mutex while the leader polls: we are another thread.
    loop_.Wake();
  }
}

void AsioExecutor::Expedite() {
  IOC_CHECK(running_callback_of == nullptr) << "a callback needs no haste: its turn ends with what is deferred";
  RunDeferred();
  if (leader_ != Leader::kNone) return;
  background_asked_ = true;
  background_wake_.notify_one();
}

void AsioExecutor::Run() {
  MutexLock lock(mutex_);
  Waiter waiter;
  run_waiter_ = &waiter;
  if (!stopped_) Await(waiter, absl::InfiniteFuture());
  run_waiter_ = nullptr;
}

void AsioExecutor::Stop() {
  Post([this] {
    stopped_ = true;
    if (run_waiter_ != nullptr) Notify(*run_waiter_);
  });
}

void AsioExecutor::BackgroundMain() {
  MutexLock lock(mutex_);
  while (!closing_) {
    if (leader_ == Leader::kNone) LeadInBackground();
    WaitForOrphan();
  }
}

void AsioExecutor::LeadInBackground() {
  leader_ = Leader::kBackground;
  yield_asked_ = false;
  RunDeferred();
  while (!closing_ && !yield_asked_) Turn(absl::InfiniteFuture());
  leader_ = Leader::kNone;
  yield_asked_ = false;
  OfferLead();
}

// Returns when nobody led for a whole tick, or when closing.
void AsioExecutor::WaitForOrphan() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::unique_lock<std::mutex> lock(mutex_.native(), std::adopt_lock);
  uint64_t last_poll = 0;
  while (!closing_) {
    const uint64_t leads = leads_;
    const uint64_t polls = polls_;
    if (leader_ == Leader::kUser && polling_ && polls == last_poll) {
      background_asleep_ = true;
      background_wake_.wait(lock, [this] { return !background_asleep_; });
      last_poll = 0;
      continue;
    }
    last_poll = leader_ == Leader::kUser && polling_ ? polls : 0;
    const bool free_before = leader_ == Leader::kNone;
    if (!background_asked_) background_wake_.wait_for(lock, kBackgroundTick);
    if (std::exchange(background_asked_, false) && leader_ == Leader::kNone) break;
    if (free_before && leader_ == Leader::kNone && leads == leads_) break;
  }
  lock.release();
}

}  // namespace ioc

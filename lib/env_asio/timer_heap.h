// Pending timers, earliest first. Adding and cancelling are cheap, since every call on the wire sets a timer and nearly
// always cancels it: a cancelled one leaves its callback at once and its place in the heap later.
#ifndef IOCLUSTER_LIB_ENV_ASIO_TIMER_HEAP_H_
#define IOCLUSTER_LIB_ENV_ASIO_TIMER_HEAP_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <vector>

#include "lib/env/executor.h"

namespace ioc {

class TimerHeap {
 public:
  TimerId Add(absl::Time when, Callback callback);
  void Cancel(TimerId timer);

  // When the earliest timer is due; InfiniteFuture if there is none. May be earlier than that after a Cancel.
  absl::Time next() const { return heap_.empty() ? absl::InfiniteFuture() : heap_.front().when; }
  // The last id given out.
  TimerId last() const { return last_; }
  size_t size() const { return callbacks_.size(); }

  // Takes out the callback of the earliest timer that is due at `now` and not younger than `youngest`; null if none is.
  // Of equal ones the older comes first.
  Callback TakeDue(absl::Time now, TimerId youngest);

 private:
  struct Entry {
    absl::Time when;
    TimerId id;
  };
  // For the standard library's heap functions, which keep the greatest in front.
  static bool Later(const Entry& a, const Entry& b) { return a.when != b.when ? a.when > b.when : a.id > b.id; }

  void DropFront();
  void DropCancelled();

  std::vector<Entry> heap_;
  absl::flat_hash_map<TimerId, Callback> callbacks_;
  TimerId last_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_TIMER_HEAP_H_

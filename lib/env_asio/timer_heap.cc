#include "lib/env_asio/timer_heap.h"

#include <algorithm>
#include <utility>

namespace ioc {
namespace {

// The heap is cleaned when more than half of it, and at least this many entries, are cancelled.
constexpr size_t kMinCancelled = 64;

}  // namespace

TimerId TimerHeap::Add(absl::Time when, Callback callback) {
  const TimerId id = ++last_;
  callbacks_.emplace(id, std::move(callback));
  heap_.push_back({when, id});
  std::push_heap(heap_.begin(), heap_.end(), Later);
  return id;
}

void TimerHeap::Cancel(TimerId timer) {
  const auto it = callbacks_.find(timer);
  if (it == callbacks_.end()) return;
  // What the callback captured may use timers when it goes: first let go of the table.
  const Callback cancelled = std::move(it->second);
  callbacks_.erase(it);
  if (heap_.size() > 2 * callbacks_.size() + kMinCancelled) DropCancelled();
}

Callback TimerHeap::TakeDue(absl::Time now, TimerId youngest) {
  while (!heap_.empty()) {
    const Entry front = heap_.front();
    const auto it = callbacks_.find(front.id);
    if (it != callbacks_.end()) {
      if (front.when > now || front.id > youngest) return nullptr;
      Callback due = std::move(it->second);
      callbacks_.erase(it);
      DropFront();
      return due;
    }
    DropFront();
  }
  return nullptr;
}

void TimerHeap::DropFront() {
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  heap_.pop_back();
}

void TimerHeap::DropCancelled() {
  std::erase_if(heap_, [this](const Entry& entry) { return !callbacks_.contains(entry.id); });
  std::make_heap(heap_.begin(), heap_.end(), Later);
}

}  // namespace ioc

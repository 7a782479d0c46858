#include "runtime/node/allocation_queue.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {

// An extent that is being committed in the background.
struct AllocationQueue::Commit {
  ExtentAllocator::Reservation reservation;
  std::deque<ExtentAllocator::Reservation> pieces;  // of the same, still to be done
  Waiting waiting;
};

void AllocationQueue::Ask(Purpose purpose, HolderId holder, uint64_t length, Handler handler) {
  if (absl::Status possible = store_.CheckLength(length); !possible.ok()) return handler(std::move(possible));
  if (waiting_.size() >= kMaxWaitingAllocations) {
    return handler(MakeError(Cause::kStoreFull, absl::StrCat(kMaxWaitingAllocations,
                                                             " allocations wait for room in the object store already; "
                                                             "submit fewer tasks at a time, or make it larger")));
  }
  const auto is_writer = [](const Waiting& waiting) { return waiting.purpose == Purpose::kWrite; };
  const auto place =
      purpose == Purpose::kWrite ? waiting_.end() : std::find_if(waiting_.begin(), waiting_.end(), is_writer);
  waiting_.insert(place, {purpose, holder, length, env_.executor().Now(), std::move(handler)});
  waiting_bytes_ += length;
  if (waiting_.size() == 1) last_progress_ = env_.executor().Now();
  Retry();
}

void AllocationQueue::DropHolder(HolderId holder) {
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.holder == holder) waiting_bytes_ -= waiting.length;
    return waiting.holder == holder;
  });
}

void AllocationQueue::Retry() {
  // Whoever is granted something may ask for more, or free some.
  retry_again_ = true;
  if (retrying_) return;
  retrying_ = true;
  while (std::exchange(retry_again_, false)) ServeFirst();
  retrying_ = false;
  ArmTimer();
}

absl::StatusOr<ExtentAllocator::Reservation> AllocationQueue::TryReserve(HolderId holder, uint64_t length) {
  absl::StatusOr<ExtentAllocator::Reservation> reserved = store_.Reserve(holder, length);
  while (!reserved.ok() && CauseOf(reserved.status()) == Cause::kStoreFull && room_.FreeNow(length)) {
    reserved = store_.Reserve(holder, length);
  }
  return reserved;
}

void AllocationQueue::ServeFirst() {
  while (!waiting_.empty()) {
    const Waiting& first = waiting_.front();
    absl::StatusOr<ExtentAllocator::Reservation> reserved = TryReserve(first.holder, first.length);
    const absl::Time now = env_.executor().Now();
    if (reserved.ok()) {
      last_progress_ = now;
    } else if (CauseOf(reserved.status()) == Cause::kStoreFull) {
      if (room_.FreeSoon(waiting_bytes_)) {
        last_progress_ = now;
      } else if (ServeOthers()) {
        continue;
      }
      if (!IsDue(first, now)) return;
    }
    Waiting served = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= served.length;
    if (reserved.ok()) {
      Grant(*std::move(reserved), std::move(served));
    } else if (CauseOf(reserved.status()) == Cause::kStoreFull) {
      served.handler(MakeError(Cause::kStoreFull,
                               absl::StrCat(absl::string_view(reserved.status().message()), room_.WhatIsInTheWay())));
    } else {
      served.handler(reserved.status());
    }
  }
}

bool AllocationQueue::ServeOthers() {
  for (size_t i = 1; i < std::min(waiting_.size(), kMaxOvertaking); ++i) {
    if (waiting_[i].length >= waiting_.front().length) continue;
    absl::StatusOr<ExtentAllocator::Reservation> reserved = store_.Reserve(waiting_[i].holder, waiting_[i].length);
    if (!reserved.ok()) continue;
    Waiting served = std::move(waiting_[i]);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    waiting_bytes_ -= served.length;
    Grant(*std::move(reserved), std::move(served));
    return true;
  }
  return false;
}

bool AllocationQueue::IsDue(const Waiting& waiting, absl::Time now) const {
  return now >= std::min(std::max(waiting.asked, last_progress_) + patience_, waiting.asked + kMaxAllocationWait);
}

void AllocationQueue::Grant(ExtentAllocator::Reservation reservation, Waiting waiting) {
  uint64_t bytes = reservation.bytes_to_commit();
  for (const Extent& range : reservation.decommit) bytes += range.length;
  if (bytes <= kMaxCommitAtOnceBytes) {
    const absl::Status committed = ExtentAllocator::CommitReserved(*store_.memory(), reservation);
    return waiting.handler(store_.Confirm(reservation, committed));
  }
  auto commit = std::make_shared<Commit>();
  const auto cut = [&commit](const std::vector<Extent>& ranges, std::vector<Extent> ExtentAllocator::Reservation::*of) {
    for (const Extent& range : ranges) {
      for (uint64_t at = range.offset; at < range.end(); at += kCommitPieceBytes) {
        commit->pieces.emplace_back();
        (commit->pieces.back().*of).push_back({at, std::min(kCommitPieceBytes, range.end() - at)});
      }
    }
  };
  cut(reservation.decommit, &ExtentAllocator::Reservation::decommit);
  cut(reservation.commit, &ExtentAllocator::Reservation::commit);
  commit->reservation = std::move(reservation);
  commit->waiting = std::move(waiting);
  CommitNext(std::move(commit));
}

void AllocationQueue::CommitNext(std::shared_ptr<Commit> commit) {
  if (commit->pieces.empty()) {
    commit->waiting.handler(store_.Confirm(commit->reservation, absl::OkStatus()));
    return Retry();  // what was given back elsewhere may be used now
  }
  const ExtentAllocator::Reservation piece = std::move(commit->pieces.front());
  commit->pieces.pop_front();
  const bool is_read = commit->waiting.purpose == Purpose::kRead;
  auto work = [memory = store_.memory(), piece] { return ExtentAllocator::CommitReserved(*memory, piece); };
  auto done = life_.Bind([this, commit](const absl::Status& committed) mutable {
    last_progress_ = env_.executor().Now();
    if (committed.ok()) return CommitNext(std::move(commit));
    for (const Extent& range : commit->reservation.commit) store_.memory()->Decommit(range.offset, range.length);
    // What was not given back elsewhere yet still is, for Confirm takes it for done.
    for (const auto& left : commit->pieces) {
      for (const Extent& range : left.decommit) store_.memory()->Decommit(range.offset, range.length);
    }
    commit->waiting.handler(store_.Confirm(commit->reservation, committed));
    Retry();
  });
  Background& background = env_.background();
  is_read ? background.RunFirst(kCommitPieceBytes, std::move(work), std::move(done))
          : background.Run(kCommitPieceBytes, std::move(work), std::move(done));
}

void AllocationQueue::ArmTimer() {
  if (waiting_.empty() || timer_ != 0) return;
  timer_ = env_.executor().Schedule(std::min(kPressureInterval, patience_), life_.Bind([this] {
    timer_ = 0;
    Retry();
  }));
}

}  // namespace ioc

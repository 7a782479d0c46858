// Grants memory of the object store in the order in which it is asked for, readers before writers, so that what has
// begun can end; and waits for room under pressure.
//
// Owned by the StoreService, on its executor. What there is room for is granted at once, or, if much of it has to be
// touched first, when that is done (in the background: others are served meanwhile). What there is no room for waits
// while room is being made, and for `patience` after the last progress; then it fails, naming what is in the way.
// While nothing is on its way to be freed, a smaller one may overtake, so that whoever holds the memory can get on.
#ifndef IOCLUSTER_RUNTIME_NODE_ALLOCATION_QUEUE_H_
#define IOCLUSTER_RUNTIME_NODE_ALLOCATION_QUEUE_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <deque>

#include "lib/env/env.h"
#include "lib/objects/object_store.h"
#include "runtime/node/life.h"

namespace ioc {

inline constexpr size_t kMaxWaitingAllocations = 65536;
// Among so many of the first that wait, a smaller one may overtake.
inline constexpr size_t kMaxOvertaking = 64;
// Whatever progress there is, no allocation waits longer.
inline constexpr absl::Duration kMaxAllocationWait = absl::Minutes(5);
// While something waits, room is looked for this often.
inline constexpr absl::Duration kPressureInterval = absl::Milliseconds(100);
// More is committed in the background, in pieces, between which other work of its has its turn.
inline constexpr uint64_t kMaxCommitAtOnceBytes = uint64_t{8} << 20;
inline constexpr uint64_t kCommitPieceBytes = uint64_t{32} << 20;

// Who makes room.
class RoomMaker {
 public:
  // Frees what can be freed at once, up to about `bytes`; says whether that was anything.
  virtual bool FreeNow(uint64_t bytes) = 0;
  // Sees to it that about `bytes` are freed later; says whether some are on their way. Retry is called then.
  virtual bool FreeSoon(uint64_t bytes) = 0;
  // A sentence's end that says what keeps the memory: "; ...".
  virtual std::string WhatIsInTheWay() = 0;

 protected:
  ~RoomMaker() = default;
};

class AllocationQueue {
 public:
  using Handler = absl::AnyInvocable<void(absl::StatusOr<Extent>)>;
  enum class Purpose { kRead, kWrite };

  AllocationQueue(Env& env, ObjectStore& store, RoomMaker& room, absl::Duration patience)
      : env_(env), store_(store), room_(room), patience_(patience) {}
  ~AllocationQueue() { env_.executor().CancelTimer(timer_); }
  AllocationQueue(const AllocationQueue&) = delete;
  AllocationQueue& operator=(const AllocationQueue&) = delete;

  // `handler` is called once, maybe before this returns: with an extent that is leased to `holder`, kStoreFull or
  // kInvalidArgument. Not if `holder` goes.
  void Ask(Purpose purpose, HolderId holder, uint64_t length, Handler handler);
  // Something may have become free.
  void Retry();
  // What was granted before is being filled, so those that wait may have their turn yet.
  void NoteProgress() { last_progress_ = env_.executor().Now(); }
  // Nobody is there to hear what it would be granted.
  void DropHolder(HolderId holder);
  // That wait.
  size_t size() const { return waiting_.size(); }

 private:
  struct Waiting {
    Purpose purpose = Purpose::kWrite;
    HolderId holder = 0;
    uint64_t length = 0;
    absl::Time asked;
    Handler handler;
  };
  struct Commit;

  absl::StatusOr<ExtentAllocator::Reservation> TryReserve(HolderId holder, uint64_t length);
  void ServeFirst();
  // Whether anything was granted.
  bool ServeOthers();
  void Grant(ExtentAllocator::Reservation reservation, Waiting waiting);
  void CommitNext(std::shared_ptr<Commit> commit);
  bool IsDue(const Waiting& waiting, absl::Time now) const;
  void ArmTimer();

  Env& env_;
  ObjectStore& store_;
  RoomMaker& room_;
  const absl::Duration patience_;
  std::deque<Waiting> waiting_;
  uint64_t waiting_bytes_ = 0;
  absl::Time last_progress_ = absl::InfinitePast();
  bool retrying_ = false;
  bool retry_again_ = false;
  TimerId timer_ = 0;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_ALLOCATION_QUEUE_H_

// The borrower's part when objects get another owner (owner_moves.h has the protocol): takes them over, or follows them
// to their new owner, and keeps its borrow at the old one for as long as messages that name that may be unread.
//
// Owned by the client, on its executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_MOVED_BORROWS_H_
#define IOCLUSTER_RUNTIME_CLIENT_MOVED_BORROWS_H_

#include <absl/container/flat_hash_set.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "lib/env/env.h"
#include "runtime/client/borrowing.h"
#include "runtime/client/lending.h"
#include "runtime/client/object_table.h"
#include "runtime/client/ownership.h"
#include "runtime/client/peers.h"
#include "runtime/client/task_book.h"

namespace ioc {

// When it is looked whether a borrow at an old owner can end, which costs a look at all calls without an answer: once
// this has passed...
inline constexpr absl::Duration kMovedBorrowDelay = absl::Milliseconds(100);
// ... and again and again. A new owner who could not be reached is asked then, too.
inline constexpr absl::Duration kMovedBorrowPeriod = absl::Seconds(2);

class MovedBorrows {
 public:
  MovedBorrows(Env& env, ObjectTable& objects, PeerTable& peers, Borrowing& borrowing, Lending& lending,
               Ownership& ownership, const TaskBook& book);
  ~MovedBorrows();

  void OnTakeOver(PeerLink& link, const FrameHeader& request, const TakeOver& message);
  void OnOwnerMoved(const Peer& peer, const OwnerMoved& message);
  void OnPeerGone(const Peer& peer);
  // Before the connections are closed.
  void Clear();

 private:
  // An object and one that was its owner.
  using Key = std::pair<ObjectId, ProcessId>;
  struct Move {
    ProcessAddress old_owner;
    uint64_t epoch = 0;                  // of the old owner's peer
    std::optional<ProcessAddress> next;  // with whom we are not registered yet
    bool asking = false;                 // `next` has been asked
    ProcessAddress owner;                // with whom we are, instead of the old one
    uint32_t owed = 0;                   // borrows that the old owner is to be told the end of
  };
  using Moves = std::map<Key, Move>;

  bool Wants(ProcessId giver, ObjectId id, bool inside, bool failed) const;
  // It is about to be ours; our borrow of it may end.
  void Leave(const Peer& giver, ObjectRecord& record);
  void Follow(const Peer& peer, ObjectRecord& record, const ProcessAddress& owner);
  void Cancel(Moves::iterator move);
  // Asks `next`. The record is borrowed from the old owner.
  void Ask(Moves::iterator move);
  void Asked(const Key& key, ObjectRecord& record, const ProcessAddress& owner,
             const absl::StatusOr<AddBorrower::Reply>& reply);
  void Counted(const Key& key, ObjectRecord& record, const ProcessAddress& owner);
  bool IsBorrowedFrom(const ObjectRecord* record, ProcessId owner) const;
  void Release(ProcessId owner, ObjectId id);
  // Whether it still counts what we have borrowed.
  bool IsConnected(ProcessId old_owner, const Move& move) const;
  void Arm(absl::Duration delay);
  void Look();

  Env& env_;
  ObjectTable& objects_;
  PeerTable& peers_;
  Borrowing& borrowing_;
  Lending& lending_;
  Ownership& ownership_;
  const TaskBook& book_;
  Moves moves_;
  TimerId timer_ = 0;
  absl::Time look_at_ = absl::InfiniteFuture();  // of `timer_`
  bool closed_ = false;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_MOVED_BORROWS_H_

// Ownership that moves after an object exists (DESIGN section 4): a worker that owns settled objects to which only
// borrowers in other processes refer makes one of those the owner, so that it may end, by itself or by accident, and
// nothing is lost. What has not settled, actors, and what is referred to here as well stay.
//
// W is the owner, D the borrower that becomes it, B any other borrower. Who says what:
//  1. kMoveDelay after only borrowers refer to it, W picks D: the job's driver if that borrows it, else the first by
//  id.
//     TakeOver has the values (or the errors), and what lies inside of them and nothing else keeps.
//  2. D owns what it takes from the moment it is there, and tells the stores (AdoptObjects). W counts as a borrower of
//     it, until its own record ends: an ordinary borrower from then on, which has borrowers of its own. It still
//     answers them from the value that it has.
//  3. W tells the others, and whoever comes later, who the owner is (OwnerMoved). B registers with D and names it in
//     what it sends from then on.
//  4. B keeps its borrow at W (and so does D its own) until no message that names W as the owner can be unread: no
//     call with the reference is without its answer, and none is on its way (MovedBorrows). Who gets such a message
//     before that registers with W, and is told. Answers and checkpoints that are kept name the owner of the day
//     (Borrowing::Refresh).
//  5. When all have let go, W's record ends, and the object is D's alone.
//
// What if...
//  - W dies before TakeOver is read: it still was the owner, and what it owned is lost. Afterwards D has the value, or
//    where it lies. Those who were not told find their owner gone.
//  - D does not want it (its own reference is gone, or its borrow is not settled): it does not take it, and W asks
//    another borrower, or again, kMoveRetry later. D wants only what it refers to itself, so that no two processes hand
//    an object to and fro.
//  - D dies, or the connection breaks, before its answer: W still is the owner. D may be one as well then. A small
//    value is there twice; a stored one goes with the word of the last who adopted it, D.
//  - D is cut off afterwards: W registers with it anew, as any borrower. If D is gone, or has let go, W takes the
//  object
//    back, tells the stores and its borrowers so, and moves it to another. Who had left W for D loses it with D.
//  - B dies: W and D drop its borrows. B is cut off: it registers anew with whom it knows as the owner.
//  - user code of W gets a reference again: W borrows it from D, as from any owner.
//  - D lets go at once: W's borrow keeps D's record until B has come. Then D moves it on, to B.
//  - D moves it on before B has heard of D: each former owner tells those who come to it of its successor.
//  - a call that names W as the owner waits or runs for long: W stays for as long.
//  - an object has failed: its error moves like a value.
//  - a peer is of an older release: it does not become an owner, and is not told; W stays as long as it borrows.
// All workers do so at all times, so that an idle one that others' objects lived in soon has none, and its node can let
// it go. What drains a node can wait for that as well.
//
// Owned by the client, on its executor. Invariant: whoever names a process as the owner of an object that moved has a
// borrow there, or is covered by one who has.
#ifndef IOCLUSTER_RUNTIME_CLIENT_OWNER_MOVES_H_
#define IOCLUSTER_RUNTIME_CLIENT_OWNER_MOVES_H_

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/borrowing.h"
#include "runtime/client/lending.h"
#include "runtime/client/object_table.h"
#include "runtime/client/peers.h"
#include "runtime/client/store_client.h"

namespace ioc {

// Most of what is passed on and let go of is gone by then.
inline constexpr absl::Duration kMoveDelay = absl::Milliseconds(100);
inline constexpr absl::Duration kMoveRetry = absl::Seconds(1);
// One TakeOver; it is answered before the next goes to the same process.
inline constexpr size_t kMaxMovedObjects = 4096;
inline constexpr size_t kMaxMovedBytes = size_t{1} << 20;

// What an owner does.
class OwnerMoves {
 public:
  OwnerMoves(Env& env, ObjectTable& objects, PeerTable& peers, Borrowing& borrowing, Lending& lending,
             StoreClient& store);
  ~OwnerMoves();

  // From now on. Before, nothing is moved: a driver's objects end with it.
  void Start(ProcessId driver) { driver_ = driver; }
  // Nothing is moved any more; before the connections are closed.
  void Clear();

  // Only borrowers refer to it.
  void OnOnlyLent(const ObjectRecord& record);
  // The process on `link` has registered.
  void OnBorrowed(PeerLink& link, const std::vector<ObjectId>& ids);
  void OnDead(const ObjectRecord& record) {
    if (!moved_.empty()) moved_.erase(record.id());
  }
  // After the Borrowing.
  void OnPeerGone(const Peer& peer);

 private:
  struct Candidate {
    uint32_t tries = 0;
    absl::Time not_before = absl::InfinitePast();
    bool offered = false;  // and not answered
  };
  class Offer;

  static bool IsOnlyLent(const ObjectRecord& record, uint32_t inside);
  void Arm(absl::Duration delay);
  void Look();
  // Null: nobody can be it.
  Peer* PickOwner(const ObjectRecord& record, uint32_t tries);
  void Send(Peer& to, const std::vector<ObjectRecord*>& chosen);
  void Answered(ProcessId to, const std::vector<ObjectRecord*>& offered, const absl::StatusOr<TakeOver::Reply>& reply);
  // Everyone who borrows them here but `owner` itself.
  void Tell(const std::vector<ObjectRecord*>& records, const ProcessAddress& owner);
  void TakeBack(ObjectRecord& record);

  Env& env_;
  ObjectTable& objects_;
  PeerTable& peers_;
  Borrowing& borrowing_;
  Lending& lending_;
  StoreClient& store_;
  std::optional<ProcessId> driver_;
  std::map<ObjectId, Candidate> candidates_;
  std::set<ProcessId> asked_;  // to become owners, and have not answered
  std::set<ObjectId> moved_;   // those that we did own and still know
  TimerId timer_ = 0;
  absl::Time look_at_ = absl::InfiniteFuture();  // of `timer_`
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_OWNER_MOVES_H_

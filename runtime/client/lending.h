// What other processes count on this one to keep (DESIGN section 4): what they borrow from it, their owner, and the
// references that it has sent them, until they have registered with the owners (borrowing.h has their side).
//
// A process that is cut off keeps both for as long as it may come back: until it has registered anew and says so
// (BorrowsRestored), or its node says that it has ended, or kReturnGrace has passed.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_LENDING_H_
#define IOCLUSTER_RUNTIME_CLIENT_LENDING_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/protocol/census_messages.h"
#include "runtime/client/borrowing.h"
#include "runtime/client/fates.h"
#include "runtime/client/object_table.h"
#include "runtime/client/peers.h"

namespace ioc {

// A borrower tries for kOutOfReach, a minute, to come back, and may notice some 15 seconds after us that the connection
// broke.
inline constexpr absl::Duration kReturnGrace = absl::Seconds(120);
// Values in one message, beyond the first.
inline constexpr size_t kMaxResolvedBytes = size_t{1} << 20;

class Lending final : public Deferred {
 public:
  Lending(Env& env, ObjectTable& objects, PeerTable& peers, Fates& fates, const Borrowing& borrowing);
  ~Lending();

  // Holds what a message to `peer` refers to, until it says RefsReceived.
  void HoldInTransit(Peer& peer, const std::vector<ObjectRecord*>& records);
  // Whether a reference to it is on its way to anybody, or may be.
  bool IsInTransit(ObjectId id) const;
  // `peer` refers to the object, and counts on us to keep it until it says ReleaseBorrows, or has ended.
  void Lend(Peer& peer, ObjectRecord& record);

  void OnAddBorrower(PeerLink& link, const FrameHeader& request, const AddBorrower& message);
  void OnReleaseBorrows(Peer& peer, const ReleaseBorrows& message);
  void OnRefsReceived(Peer& peer, const RefsReceived& message);
  void OnBorrowsRestored(const Peer& peer);
  void OnResolveObjects(PeerLink& link, const FrameHeader& request, const ResolveObjects& message);
  void OnPeerGone(Peer& peer);
  // It has ended, for good.
  void OnNodeRemoved(NodeId node);
  void OnProcessGone(ProcessId process);
  // Forgets who is away and may come back.
  void Clear();

  // What is kept, and the questions of others for values that are not there yet.
  void Count(ProcessCensus& census) const;

 private:
  using Counts = absl::flat_hash_map<ObjectId, uint32_t>;
  class Question;
  // A process that is cut off.
  struct Departed {
    ProcessId process;
    NodeId node;
    uint64_t epoch = 0;
    absl::Time until;
    Counts borrowed;
    Counts in_transit;
  };

  void RunDeferred() override;
  template <typename Outcomes>
  size_t AddOutcome(Peer& to, const ObjectRecord& record, Outcomes& outcomes);
  void SendAnswers(PeerLink& link, const std::vector<ObjectRecord*>& records);
  void ForgetQuestions();
  void DropOne(Counts& counts, ObjectId id, bool lent);
  void DropAll(Counts& counts, bool lent);
  template <typename Which>
  void ForgetThose(Which which);
  void Forget(uint64_t number);
  void Arm();

  Env& env_;
  ObjectTable& objects_;
  PeerTable& peers_;
  Fates& fates_;
  const Borrowing& borrowing_;
  // By the link and the object that it asks for.
  absl::flat_hash_map<std::pair<uint64_t, ObjectId>, std::unique_ptr<Question>> questions_;
  std::map<uint64_t, std::vector<ObjectRecord*>> answers_;  // by link: those that have settled, held
  std::map<uint64_t, Departed> departed_;                   // in the order in which they left
  uint64_t last_departed_ = 0;
  TimerId timer_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_LENDING_H_

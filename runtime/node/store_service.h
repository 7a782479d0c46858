// Answers what processes and other nodes ask of this node's object store (methods 200 to 207).
//
// Owned by the node, on its executor. Under pressure it makes room: it drops copies of what other nodes have, evicts
// what is on disk already, spills what nobody has mapped, and asks processes for what they keep without using it.
#ifndef IOCLUSTER_RUNTIME_NODE_STORE_SERVICE_H_
#define IOCLUSTER_RUNTIME_NODE_STORE_SERVICE_H_

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/objects/object_store.h"
#include "runtime/node/allocation_queue.h"
#include "runtime/node/errands.h"
#include "runtime/node/object_owners.h"
#include "runtime/node/peer_nodes.h"
#include "runtime/node/pull_manager.h"
#include "runtime/node/recent_set.h"
#include "runtime/node/sessions.h"
#include "runtime/node/spiller.h"

namespace ioc {

inline constexpr uint32_t kMaxReadObjectBytes = 8 << 20;
// Messages about one object come over several connections, in any order: a reader waits this long for the seal of an
// object that is said to be here, and a free that comes before its seal is remembered.
inline constexpr absl::Duration kSealWait = absl::Seconds(2);
inline constexpr size_t kMaxEarlyFrees = 4096;
// Free memory that was not used for this long, or twice as long, is given back, in pieces so as to stall nobody.
inline constexpr absl::Duration kTrimInterval = absl::Seconds(10);
inline constexpr uint64_t kTrimPieceBytes = uint64_t{16} << 20;
// An error names this many of those that keep most.
inline constexpr size_t kNamedHolders = 3;

struct StoreOptions {
  uint64_t budget = 0;  // bytes of memory
  SpillOptions spill = {};
  absl::Duration patience = absl::Seconds(10);  // see AllocationQueue
};

class StoreService final : RoomMaker {
 public:
  StoreService(Env& env, std::shared_ptr<SharedMemory> memory, StoreOptions options, NodeId self, Sessions& sessions,
               PeerNodes& peers);
  ~StoreService();
  StoreService(const StoreService&) = delete;
  StoreService& operator=(const StoreService&) = delete;

  // As ChannelDelegate::OnMessage.
  absl::Status OnProcessMessage(Session& session, FrameView& frame);
  absl::Status OnNodeMessage(Session& session, FrameView& frame);
  // Nobody is there any more to hear its answers.
  void SessionClosed(SessionId session) { memory_.DropHolder(session); }
  // All that the session leased and pinned goes: its process uses it no longer.
  void Release(SessionId session);
  // A process of the cluster has ended: what it owned is freed after kOrphanGrace, also what is sealed for it later,
  // unless somebody adopts it meanwhile.
  void ProcessGone(ProcessId process);
  // Another node has ended.
  void NodeRemoved(NodeId node) { errands_.NodeRemoved(node); }

  struct Stats {
    uint64_t used = 0;     // bytes of memory
    uint64_t spilled = 0;  // bytes on disk
    size_t objects = 0;    // in memory or on disk
  };
  Stats stats() const;
  void Count(NodeCensus& census) const;
  const std::shared_ptr<SharedMemory>& memory() const { return store_.memory(); }

 private:
  struct AwaitedSeal {
    std::vector<Callback> waiting;
    TimerId timer = 0;
  };

  // RoomMaker
  bool FreeNow(uint64_t bytes) override;
  bool FreeSoon(uint64_t bytes) override;
  std::string WhatIsInTheWay() override;
  void AskForUnused();
  void ArmTrim();
  void Trim();

  void Allocate(SessionId session, const FrameHeader& request, uint64_t length);
  void Pin(SessionId session, const FrameHeader& request, const PinObject& pin);
  bool PinHere(SessionId session, const FrameHeader& request, ObjectId id);
  bool IsKnown(ObjectId id) const { return store_.Find(id).has_value() || spiller_.Knows(id); }
  // Calls `done` when the object is sealed, or after kSealWait.
  void AwaitSeal(ObjectId id, Callback done);
  absl::Status Seal(SessionId session, const SealObject& seal);
  void FreeHere(const std::vector<ObjectId>& ids);
  // Those that are `owner`'s; all, if it is 0.
  void FreeOf(ProcessId owner, const std::vector<ObjectId>& ids);
  void Condemn(std::vector<ObjectId> ids);
  // Frees what was condemned long enough before `now` and nobody has adopted.
  void FreeOrphans(absl::Time now);
  bool DropOrphans();
  // Leaves those whose owner is gone.
  void DropAdopted(std::vector<ObjectId>& ids) const;
  void ArmCondemned();
  void Adopt(const AdoptObjects& adopt);
  void Read(Session& session, const FrameHeader& request, const ReadObject& read);
  void ReadSpilled(SessionId session, const FrameHeader& request, const ReadObject& read);
  void Describe(SessionId session, const FrameHeader& request, ObjectId id, bool may_wait);

  Env& env_;
  const NodeId self_;
  Sessions& sessions_;
  PeerNodes& peers_;
  Errands errands_;
  ObjectStore store_;
  AllocationQueue memory_;
  PullManager pulls_;
  Spiller spiller_;
  std::map<ObjectId, std::set<SessionId>> pullers_;  // nodes that may have copies of what lies here
  absl::Time asked_for_unused_ = absl::InfinitePast();
  TimerId trim_timer_ = 0;
  std::map<ObjectId, AwaitedSeal> awaiting_seal_;
  RecentSet<ObjectId> early_frees_{kMaxEarlyFrees};
  // What ended processes owned, and when it is freed.
  struct Condemned {
    absl::Time until;
    std::vector<ObjectId> ids;
  };
  ObjectOwners owners_{[this](ObjectId id) { return IsKnown(id); }};
  std::deque<Condemned> condemned_;
  TimerId condemned_timer_ = 0;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_STORE_SERVICE_H_

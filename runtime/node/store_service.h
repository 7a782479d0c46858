// Answers what processes and other nodes ask of this node's object store (methods 200 to 207).
//
// Owned by the node, on its executor. An allocation that finds no room waits a little for what is about to be freed,
// since frees travel in batches.
#ifndef IOCLUSTER_RUNTIME_NODE_STORE_SERVICE_H_
#define IOCLUSTER_RUNTIME_NODE_STORE_SERVICE_H_

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "lib/objects/object_store.h"
#include "runtime/node/peer_nodes.h"
#include "runtime/node/pull_manager.h"
#include "runtime/node/sessions.h"

namespace ioc {

inline constexpr absl::Duration kAllocationWait = absl::Seconds(1);
inline constexpr size_t kMaxWaitingAllocations = 65536;
inline constexpr uint32_t kMaxReadObjectBytes = 8 << 20;
// Messages about one object come over several connections, in any order: a reader waits this long for the seal of an
// object that is said to be here, and a free that comes before its seal is remembered.
inline constexpr absl::Duration kSealWait = absl::Seconds(2);
inline constexpr size_t kMaxEarlyFrees = 4096;
inline constexpr size_t kMaxGoneProcesses = 1024;

class StoreService {
 public:
  StoreService(Env& env, std::shared_ptr<SharedMemory> memory, uint64_t budget, NodeId self, Sessions& sessions,
               PeerNodes& peers);
  ~StoreService();
  StoreService(const StoreService&) = delete;
  StoreService& operator=(const StoreService&) = delete;

  // As ChannelDelegate::OnMessage.
  absl::Status OnProcessMessage(Session& session, FrameView& frame);
  absl::Status OnNodeMessage(Session& session, FrameView& frame);
  // All that the session leased and pinned goes.
  void SessionClosed(SessionId session);
  // A process of the cluster has ended: what it owned is freed, also what is sealed for it later.
  void ProcessGone(ProcessId process);

  ObjectStore::Stats stats() const { return store_.stats(); }
  const std::shared_ptr<SharedMemory>& memory() const { return store_.memory(); }

 private:
  struct WaitingAllocation {
    SessionId session = 0;
    FrameHeader request;
    uint64_t length = 0;
    absl::Time until;
  };

  void Allocate(SessionId session, const FrameHeader& request, uint64_t length);
  absl::StatusOr<Extent> TryAllocate(SessionId session, uint64_t length);
  void RetryAllocations();
  void Pin(SessionId session, const FrameHeader& request, const PinObject& pin);
  bool PinHere(SessionId session, const FrameHeader& request, ObjectId id);
  // Calls `done` when the object is sealed, or after kSealWait.
  void AwaitSeal(ObjectId id, Callback done);
  absl::Status Seal(SessionId session, const SealObject& seal);
  void FreeHere(const std::vector<ObjectId>& ids);
  void RememberEarlyFree(ObjectId id);
  void Read(Session& session, const FrameHeader& request, const ReadObject& read);
  void Describe(SessionId session, const FrameHeader& request, ObjectId id, bool may_wait);

  Env& env_;
  const NodeId self_;
  Sessions& sessions_;
  PeerNodes& peers_;
  ObjectStore store_;
  PullManager pulls_;
  std::map<ObjectId, std::set<SessionId>> pullers_;  // nodes that may have copies of what lies here
  std::deque<WaitingAllocation> waiting_;
  TimerId waiting_timer_ = 0;
  std::map<ObjectId, std::vector<Callback>> awaiting_seal_;
  std::set<ObjectId> early_frees_;
  std::deque<ObjectId> early_free_order_;
  std::deque<ProcessId> gone_;  // the last kMaxGoneProcesses
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_STORE_SERVICE_H_

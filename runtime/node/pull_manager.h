// Brings objects from other nodes' stores into this one's: in chunks, several on the way at a time, from one copy after
// the other until one is whole.
//
// Owned by the StoreService, on its executor. One pull an object at a time; whoever asks meanwhile waits for the same
// one. What was pulled is a copy that can be had again: it may be evicted while nobody pins it. Its source tells us
// when it is freed. When the connection to it breaks, we ask again, for what may have been freed meanwhile; copies
// whose source does not come back are given up.
#ifndef IOCLUSTER_RUNTIME_NODE_PULL_MANAGER_H_
#define IOCLUSTER_RUNTIME_NODE_PULL_MANAGER_H_

#include <absl/functional/any_invocable.h>

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "lib/objects/object_store.h"
#include "runtime/node/allocation_queue.h"
#include "runtime/node/holders.h"
#include "runtime/node/peer_nodes.h"

namespace ioc {

inline constexpr uint32_t kPullChunkBytes = 1 << 20;
inline constexpr uint32_t kPullWindow = 4;  // chunks on the way
inline constexpr absl::Duration kPullChunkTimeout = absl::Seconds(30);
// A source whose connection broke is asked again after this, and after four times as long again and again...
inline constexpr absl::Duration kAskSourceDelay = absl::Seconds(1);
// ... so often, before its copies are given up.
inline constexpr int kMaxAskSource = 4;

class PullManager {
 public:
  using Handler = absl::AnyInvocable<void(const absl::Status&)>;

  // `on_gone` hears of copies that are to be freed, as their source is gone or has freed them.
  PullManager(Env& env, ObjectStore& store, AllocationQueue& memory, PeerNodes& peers, NodeId self,
              absl::AnyInvocable<void(const std::vector<ObjectId>&)> on_gone)
      : env_(env), store_(store), memory_(memory), peers_(peers), self_(self), on_gone_(std::move(on_gone)) {}
  ~PullManager();
  PullManager(const PullManager&) = delete;
  PullManager& operator=(const PullManager&) = delete;

  // `handler` is called once, maybe before this returns: OK if the object is in the store (for as long as the call
  // takes, unless it pins it), otherwise kObjectLost or kStoreFull.
  void Pull(ObjectId id, const std::vector<ObjectCopy>& copies, Handler handler);
  // Its owner freed it: what is on the way is not wanted any more.
  void Freed(ObjectId id);
  // The connection to the node broke: it can't tell us any more what is freed there.
  void SourceLost(NodeId node);
  // Frees the copy that was pulled first among those that nobody pins; false if there is none.
  bool EvictOne();

  size_t copies() const { return pulled_.size(); }
  size_t transfers() const { return transfers_.size(); }

 private:
  struct Transfer {
    std::deque<NodeAddress> sources;  // not tried yet
    NodeAddress source;
    uint64_t attempt = 0;  // answers to another one are dropped
    Extent extent;         // leased, if its length is not 0
    uint64_t size = 0;
    uint64_t requested = 0;
    uint64_t received = 0;
    absl::Status last_error;
    std::vector<Handler> waiting;
  };
  struct Pulled {
    NodeAddress source;
    uint64_t order = 0;
  };
  struct LostSource {
    int asked = 0;
    TimerId timer = 0;
  };

  Transfer* FindAttempt(ObjectId id, uint64_t attempt);
  void TryNextSource(ObjectId id);
  void Described(ObjectId id, uint64_t attempt, const absl::StatusOr<DescribeObject::Reply>& reply);
  void GotMemory(ObjectId id, uint64_t attempt, const absl::StatusOr<Extent>& extent);
  void RequestChunks(ObjectId id);
  void ChunkArrived(ObjectId id, uint64_t attempt, uint64_t offset, uint64_t length, absl::StatusOr<RawReply>& reply);
  void Failed(ObjectId id, const absl::Status& why);
  void Complete(ObjectId id);
  void Finish(ObjectId id, const absl::Status& status);
  void ForgetPulled(ObjectId id);
  std::vector<ObjectId> PulledFrom(NodeId node) const;
  void AskSource(NodeId node);
  void SourceSays(NodeId node, ObjectId id, const absl::Status& status);

  Env& env_;
  ObjectStore& store_;
  AllocationQueue& memory_;
  PeerNodes& peers_;
  const NodeId self_;
  uint64_t last_attempt_ = 0;
  uint64_t last_order_ = 0;
  std::map<ObjectId, Transfer> transfers_;
  std::map<ObjectId, Pulled> pulled_;
  std::map<uint64_t, ObjectId> pulled_order_;
  std::map<NodeId, LostSource> lost_sources_;
  absl::AnyInvocable<void(const std::vector<ObjectId>&)> on_gone_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PULL_MANAGER_H_

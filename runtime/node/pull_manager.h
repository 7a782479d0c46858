// Brings objects from other nodes' stores into this one's: in chunks, from one copy after the other until one is whole.
//
// Owned by the StoreService, on its executor. One pull an object at a time; whoever asks meanwhile waits for the same
// one. A source is asked for so many chunks at a time, its transfers in turns, however many there are: so it can always
// answer, and one that says nothing for kSourceSilence is cut off. When the connection breaks, the source is asked
// again, and transfers go on from what is here already; they are given up, and the next copy is tried, if it does not
// come back, or says that it has not the object.
//
// What was pulled is a copy that can be had again: it may be evicted while nobody pins it. Its source tells us when it
// is freed. After a connection broke we ask, for what may have been freed meanwhile; copies whose source does not come
// back are given up.
#ifndef IOCLUSTER_RUNTIME_NODE_PULL_MANAGER_H_
#define IOCLUSTER_RUNTIME_NODE_PULL_MANAGER_H_

#include <absl/functional/any_invocable.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "lib/objects/object_store.h"
#include "runtime/node/allocation_queue.h"
#include "runtime/node/holders.h"
#include "runtime/node/peer_nodes.h"

namespace ioc {

inline constexpr uint32_t kPullChunkBytes = 1 << 20;
inline constexpr size_t kSourceWindow = 16;    // chunks on the way from one node
inline constexpr size_t kMaxDescribing = 256;  // questions to one node that wait for their answer
inline constexpr absl::Duration kSourceSilence = absl::Seconds(30);
// A source whose connection broke is asked again after this, and after four times as long again and again...
inline constexpr absl::Duration kAskSourceDelay = absl::Seconds(1);
// ... so often, before what is on its way from there is given up...
inline constexpr int kMaxResume = 2;
// ... and before its copies are.
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
  void SourceLost(NodeId node, const absl::Status& why);
  // A process of this node has pinned the object.
  void Used(ObjectId id);
  // Among the copies that nobody pins, frees the one that was last pinned longest ago; false if there is none.
  bool EvictOne();

  size_t copies() const { return pulled_.size(); }
  size_t transfers() const { return transfers_.size(); }

 private:
  struct Transfer {
    uint64_t number = 0;
    std::deque<NodeAddress> sources;  // not tried yet
    NodeAddress source;
    uint64_t attempt = 0;    // answers to another one are dropped; 0 while the source is not reached
    bool described = false;  // in this attempt
    bool wants_memory = false;
    Extent extent;  // leased, if its length is not 0
    uint64_t size = 0;
    std::vector<bool> here;        // which chunks of the source's bytes
    std::deque<uint64_t> to_read;  // chunks that are not asked for yet
    uint64_t missing = 0;          // chunks that are not here
    absl::Status last_error;
    std::vector<Handler> waiting;
  };
  struct Pulled {
    NodeAddress source;
    uint64_t order = 0;  // of its last use
  };
  using Asked = std::pair<ObjectId, uint64_t>;  // and the attempt of its transfer; 0: a copy
  struct Source {
    NodeAddress address;
    std::set<ObjectId> transfers;
    std::set<ObjectId> copies;
    std::deque<Asked> to_describe;
    std::deque<Asked> to_read;  // each asks for one chunk when it is its turn
    size_t describing = 0;      // questions on the way
    size_t reading = 0;         // chunks on the way
    absl::Time heard;           // of it, or when we began to wait
    TimerId silence_timer = 0;
    int tries = 0;  // to ask again, since anything came
    TimerId retry_timer = 0;
  };

  Transfer* FindAttempt(ObjectId id, uint64_t attempt);
  Source& SourceAt(const NodeAddress& address);
  void TryNextSource(ObjectId id);
  void Describe(Source& source, ObjectId id);
  // Asks for what the window has room for.
  void Pump(NodeId node);
  void AskDescription(Source& source, Asked asked);
  void AskChunk(Source& source, Asked asked, Transfer& transfer);
  void AwaitAnswer(Source& source);
  void ArmSilence(Source& source);
  void CheckSilence(NodeId node);
  void Described(NodeId node, Asked asked, const absl::StatusOr<DescribeObject::Reply>& reply);
  void CopyDescribed(NodeId node, ObjectId id, const absl::Status& status);
  void TransferDescribed(ObjectId id, uint64_t size);
  void GotMemory(ObjectId id, uint64_t number, const absl::StatusOr<Extent>& extent);
  void StartReading(ObjectId id);
  void ChunkArrived(NodeId node, Asked asked, uint64_t chunk, absl::StatusOr<RawReply>& reply);
  void StoreChunk(ObjectId id, uint64_t chunk, std::span<const std::byte> bytes);
  // The source of this attempt said so, or was not reached.
  void NotGiven(ObjectId id, const absl::Status& why);
  void AskAgain(NodeId node);
  void Failed(ObjectId id, const absl::Status& why);
  void Complete(ObjectId id);
  void Finish(ObjectId id, const absl::Status& status);
  void LeaveSource(ObjectId id, const NodeAddress& source);
  void ForgetPulled(ObjectId id);
  void ForgetIfIdle(NodeId node);

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
  std::map<NodeId, Source> sources_;  // of transfers, of copies, and those that owe an answer
  absl::AnyInvocable<void(const std::vector<ObjectId>&)> on_gone_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PULL_MANAGER_H_

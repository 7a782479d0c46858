// A process's side of its node's object store: memory to write in, pins on what it reads.
//
// Large objects get an extent each; smaller ones are cut from slabs that are leased whole, so that most allocations ask
// nobody. A pin is asked for once and counted here, and may be cached while nobody uses it, so that reading an object
// again asks nobody either. When the node is short of memory it asks for what is cached and unused. All of it belongs
// to the connection with the node and ends with it.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_STORE_CLIENT_H_
#define IOCLUSTER_RUNTIME_CLIENT_STORE_CLIENT_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "lib/objects/slab_allocator.h"
#include "runtime/client/node_link.h"

namespace ioc {

// The node ends both itself, when nothing moves any more: what it gives is never late, and so never lost.
inline constexpr absl::Duration kAllocateTimeout = absl::InfiniteDuration();
inline constexpr absl::Duration kPullTimeout = absl::InfiniteDuration();
// A slab of which nothing was cut for this long goes back to the node.
inline constexpr absl::Duration kIdleSlab = absl::Seconds(5);
// More objects that are let go at once are told of in several messages.
inline constexpr size_t kMaxIdsOfMessage = 1 << 16;

// Memory to write one object in.
struct StorePiece {
  uint64_t offset = 0;
  uint64_t size = 0;
  bool in_slab = false;
};

// Where a pinned object lies.
struct StoreLocation {
  uint64_t offset = 0;
  uint64_t size = 0;
};

class StoreClient final : public Deferred {
 public:
  using AllocateHandler = absl::AnyInvocable<void(absl::StatusOr<StorePiece>)>;
  using PinHandler = absl::AnyInvocable<void(absl::StatusOr<StoreLocation>)>;

  StoreClient(Env& env, NodeLink& node) : env_(env), node_(node) {}
  ~StoreClient();

  void SetMemory(std::shared_ptr<SharedMemory> memory) { memory_ = std::move(memory); }
  const std::shared_ptr<SharedMemory>& memory() const { return memory_; }

  // `handler` may be called at once.
  void Allocate(uint64_t size, AllocateHandler handler);
  // Gives back what was never sealed.
  void Abandon(const StorePiece& piece);
  // Makes an object of it; counts one pin.
  void Seal(ObjectId id, const StorePiece& piece);

  // Counts one pin; the node fetches the object first if it is elsewhere. `handler` may be called at once.
  void Pin(ObjectId id, uint64_t size, const std::vector<ObjectCopy>& copies, PinHandler handler);
  bool IsPinned(ObjectId id) const;
  // One more pin on what is pinned; null if it is not.
  const StoreLocation* PinAgain(ObjectId id);
  void Unpin(ObjectId id);
  // Keeps the pin on what is pinned though nobody uses it, until Uncache or ReleaseUnused.
  void Cache(ObjectId id);
  void Uncache(ObjectId id);
  // Lets go of the cached pins, at once or with their last use, and of a slab that nobody writes in.
  void ReleaseUnused();

  // The object, which another process made, is ours now.
  void Adopt(ObjectId id, const std::vector<ObjectCopy>& copies) { AddByNode(adopted_, id, copies); }
  // Nobody refers to the object any more. Only its owner's word counts.
  void Free(ObjectId id, const std::vector<ObjectCopy>& copies) { AddByNode(freed_, id, copies); }

  size_t pinned() const { return pins_.size(); }
  size_t slabs() const { return slabs_.size(); }

 private:
  struct PinEntry {
    StoreLocation location;
    uint32_t uses = 0;
    bool is_cached = false;
    std::vector<PinHandler> waiting;  // not empty while the node is asked: it is not pinned yet
  };

  using IdsByNode = std::vector<std::pair<NodeAddress, std::vector<ObjectId>>>;

  void RunDeferred() override;
  void AddByNode(IdsByNode& list, ObjectId id, const std::vector<ObjectCopy>& copies);
  void AllocateExtentFor(uint64_t size, AllocateHandler handler);
  void RefillSlab();
  void UnpinIfUnused(absl::flat_hash_map<ObjectId, PinEntry>::iterator entry);
  void ArmIdleSlab();
  void Pinned(ObjectId id, absl::StatusOr<PinObject::Reply> reply);
  bool CheckRange(uint64_t offset, uint64_t size) const;

  Env& env_;
  NodeLink& node_;
  std::shared_ptr<SharedMemory> memory_;
  SlabAllocator slabs_;
  bool refilling_ = false;
  TimerId idle_slab_ = 0;
  std::deque<std::pair<uint64_t, AllocateHandler>> waiting_for_slab_;
  absl::flat_hash_map<ObjectId, PinEntry> pins_;
  std::vector<ObjectId> unpinned_;
  IdsByNode adopted_;
  IdsByNode freed_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_STORE_CLIENT_H_

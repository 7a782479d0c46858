// What a node knows about its object store: who leases which extent, which object lies where, who pins it.
//
// Owned by the node, on its executor; no I/O. A holder is a connection (or the node itself, while it pulls): leases and
// pins belong to it and go with it, sealed objects stay. Objects are immutable. An extent is freed once it is not
// leased and nothing lies in it; an object once it was freed by its owner and nobody pins it.
#ifndef IOCLUSTER_LIB_OBJECTS_OBJECT_STORE_H_
#define IOCLUSTER_LIB_OBJECTS_OBJECT_STORE_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "iocluster/ids.h"
#include "lib/objects/extent_allocator.h"

namespace ioc {

using HolderId = uint64_t;  // never 0

// Where the client must place objects: what an Array promises of its bytes.
inline constexpr uint64_t kObjectAlignment = 64;
// Of one holder; what a connection can make the node remember is bounded.
inline constexpr size_t kMaxLeasesOfHolder = 1 << 16;
inline constexpr size_t kMaxPinnedObjectsOfHolder = 1 << 20;

class ObjectStore {
 public:
  struct Stats {
    uint64_t used = 0;  // bytes
    size_t objects = 0;
    size_t pins = 0;
    size_t leases = 0;
  };

  // `budget` bytes at most are in use at a time.
  ObjectStore(std::shared_ptr<SharedMemory> memory, uint64_t budget);

  // Leases memory to `holder`. kStoreFull, InvalidArgument.
  absl::StatusOr<Extent> AllocateExtent(HolderId holder, uint64_t length);
  // InvalidArgument if `holder` leases no extent at `offset`.
  absl::Status ReleaseExtent(HolderId holder, uint64_t offset);

  // These bytes of an extent that `holder` leases are object `id` now; `holder` gets a pin on it. An id that is here
  // already keeps its first bytes (another attempt of a task made it), and the new ones stay until `holder` unpins.
  // InvalidArgument if the bytes don't lie in such an extent, or are not aligned.
  absl::Status Seal(HolderId holder, ObjectId id, uint64_t offset, uint64_t size);

  // Where the object lies, if it is here and not freed.
  std::optional<Extent> Find(ObjectId id) const;
  // The same, and `holder` gets one pin on it. ResourceExhausted if it pins too many.
  absl::StatusOr<std::optional<Extent>> Pin(HolderId holder, ObjectId id);
  // Takes one pin back; one that is not there is ignored (the object may be freed twice over by a slow peer).
  void Unpin(HolderId holder, ObjectId id);
  // Nobody refers to it any more: gone at once, or with its last pin. Unknown ids are ignored.
  void Free(ObjectId id);
  // Those whose ids were made by `maker`, in order.
  std::vector<ObjectId> MadeBy(ProcessId maker) const;
  // The same if nobody pins it; says whether it is gone.
  bool FreeIfUnpinned(ObjectId id);
  // The holder is gone: its leases end, its pins go.
  void DropHolder(HolderId holder);

  Stats stats() const;
  const std::shared_ptr<SharedMemory>& memory() const { return memory_; }
  uint64_t budget() const { return allocator_.budget(); }

 private:
  struct LeasedExtent {
    uint64_t length = 0;
    HolderId holder = 0;   // 0: released
    uint64_t objects = 0;  // that lie in it
  };
  struct Object {
    Extent place;
    uint64_t extent = 0;  // offset of the extent it lies in
    uint64_t pins = 0;
    bool freed = false;
  };
  struct HeldObject {
    uint64_t pins = 0;
    std::vector<uint64_t> duplicates;  // extents with bytes of the same id that came second
  };
  struct Holder {
    std::map<ObjectId, HeldObject> pinned;
    std::set<uint64_t> leases;  // offsets
  };

  absl::Status AddPin(HolderId holder, ObjectId id, Object& object);
  void DropPins(ObjectId id, uint64_t count);
  void LeaveExtent(uint64_t offset);
  void FreeExtentIfUnused(uint64_t offset);

  const std::shared_ptr<SharedMemory> memory_;
  ExtentAllocator allocator_;
  std::map<uint64_t, LeasedExtent> extents_;  // by offset
  absl::flat_hash_map<ObjectId, Object> objects_;
  absl::flat_hash_map<HolderId, Holder> holders_;
  size_t pins_ = 0;
  size_t leases_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_OBJECT_STORE_H_

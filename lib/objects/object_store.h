// What a node knows about its object store: who leases which extent, which object lies where, who pins it.
//
// Owned by the node, on its executor; no I/O. A holder is a connection (or the node itself, while it pulls): leases and
// pins belong to it and go with it, sealed objects stay. Objects are immutable. An extent is freed once it is not
// leased and nothing lies in it; an object once it was freed by its owner and nobody pins it.
//
// An extent is idle while nobody leases it or pins what lies in it: what is there can be evicted, if it can be had
// again. Those that have been idle for longest come first.
#ifndef IOCLUSTER_LIB_OBJECTS_OBJECT_STORE_H_
#define IOCLUSTER_LIB_OBJECTS_OBJECT_STORE_H_

#include <absl/container/btree_map.h>
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
  struct StoredObject {
    ObjectId id;
    Extent place;
  };
  // What a holder keeps in memory.
  struct Holding {
    HolderId holder = 0;
    size_t pinned = 0;          // objects
    uint64_t pinned_bytes = 0;  // theirs
    uint64_t leased_bytes = 0;  // to be written, or with something in them
  };
  struct Stats {
    uint64_t used = 0;  // bytes
    size_t objects = 0;
    size_t pins = 0;
    size_t leases = 0;
  };

  // `budget` bytes at most are in use at a time.
  ObjectStore(std::shared_ptr<SharedMemory> memory, uint64_t budget);

  // Whether an extent can ever be so long: kStoreFull, InvalidArgument.
  absl::Status CheckLength(uint64_t length) const { return allocator_.CheckLength(length); }
  // Leases memory to `holder`. kStoreFull, InvalidArgument.
  absl::StatusOr<Extent> AllocateExtent(HolderId holder, uint64_t length);
  // The same in steps (see ExtentAllocator): until Confirm, nobody may use the extent, and it stays though its holder
  // goes. Confirm frees it if `committed` is an error, or the holder is gone.
  absl::StatusOr<ExtentAllocator::Reservation> Reserve(HolderId holder, uint64_t length);
  absl::StatusOr<Extent> Confirm(const ExtentAllocator::Reservation& reservation, const absl::Status& committed);
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

  // Offsets of the idle extents, by how long they are.
  const std::map<uint64_t, uint64_t>& idle() const { return idle_; }
  bool IsIdle(uint64_t extent) const;
  uint64_t LengthOf(uint64_t extent) const { return extents_.at(extent).length; }
  std::vector<StoredObject> ObjectsIn(uint64_t extent) const;
  // Of an idle extent: what lies in it is not here any more.
  void Evict(uint64_t extent);

  // Who keeps most, the most first.
  std::vector<Holding> LargestHoldings(size_t count) const;
  // Free memory that goes cold and is given back: ExtentAllocator::Age and Trim.
  bool has_free_memory() const { return allocator_.warm() > 0; }
  void Age() { allocator_.Age(); }
  bool Trim(uint64_t max_bytes) { return allocator_.Trim(max_bytes); }

  Stats stats() const;
  const std::shared_ptr<SharedMemory>& memory() const { return memory_; }
  uint64_t budget() const { return allocator_.budget(); }

 private:
  struct LeasedExtent {
    uint64_t length = 0;
    HolderId holder = 0;         // 0: released
    std::set<ObjectId> objects;  // that lie in it
    uint64_t duplicates = 0;     // other bytes in it that somebody pins
    uint64_t pinned = 0;         // of the objects
    uint64_t idle_since = 0;     // its key in idle_, or 0
    bool is_committing = false;
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
  void LeaveExtent(uint64_t offset, std::optional<ObjectId> object);
  // After every change: frees the extent if nothing keeps it, and notes whether it is idle.
  void Review(uint64_t offset);

  const std::shared_ptr<SharedMemory> memory_;
  ExtentAllocator allocator_;
  std::map<uint64_t, LeasedExtent> extents_;   // by offset
  absl::btree_map<ObjectId, Object> objects_;  // those of one maker beside each other
  absl::flat_hash_map<HolderId, Holder> holders_;
  std::map<uint64_t, uint64_t> idle_;  // since when, counted up, to offset
  uint64_t last_idle_ = 0;
  size_t pins_ = 0;
  size_t leases_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_OBJECT_STORE_H_

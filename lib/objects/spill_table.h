// Where on disk a node has put objects that its memory has no room for: which part of the spill file each has, and the
// checksums of its bytes.
//
// Pure bookkeeping, owned by the node's Spiller. The file is as long as need be (sparse); what counts against the limit
// is what objects have in it. Objects are immutable, so what was written once stays right as long as the object lives,
// also while it is in memory again.
#ifndef IOCLUSTER_LIB_OBJECTS_SPILL_TABLE_H_
#define IOCLUSTER_LIB_OBJECTS_SPILL_TABLE_H_

#include <absl/container/btree_map.h>
#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "iocluster/ids.h"
#include "lib/objects/interval_set.h"

namespace ioc {

// What one checksum is of; the last block of an object may be shorter.
inline constexpr uint64_t kSpillBlockBytes = uint64_t{1} << 20;

struct SpilledObject {
  Extent place;  // in the file; its length is that of the object, rounded up
  uint64_t size = 0;
  std::vector<uint64_t> checksums;  // of its blocks
};

std::vector<uint64_t> BlockChecksums(std::span<const std::byte> object);
// Compares `bytes`, which begin with block `first` of an object, with what they should be. `bytes` ends with a block.
bool BlocksAreRight(std::span<const std::byte> bytes, std::span<const uint64_t> checksums, size_t first);

class SpillTable {
 public:
  SpillTable();

  // Bytes in the file at a time; 0 at first.
  void set_limit(uint64_t limit) { limit_ = limit; }

  // What an object of `size` bytes takes.
  static uint64_t RoomFor(uint64_t size);
  // Room for `size` bytes, nothing if the limit and `beyond_limit` bytes have none.
  std::optional<Extent> Reserve(uint64_t size, uint64_t beyond_limit = 0);
  // Gives back what was reserved.
  void Release(Extent place);

  // Of an object that is not in the table, at a place that was reserved.
  void Add(ObjectId id, SpilledObject&& object);
  const SpilledObject* Find(ObjectId id) const;
  // Its place, which is still to be released; nothing if it is not there.
  std::optional<Extent> Remove(ObjectId id);
  std::vector<ObjectId> MadeBy(ProcessId maker) const;  // in order

  uint64_t used() const { return used_; }
  uint64_t limit() const { return limit_; }
  size_t size() const { return objects_.size(); }

 private:
  uint64_t limit_ = 0;
  uint64_t used_ = 0;
  IntervalSet free_;
  absl::btree_map<ObjectId, SpilledObject> objects_;  // those of one maker beside each other
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_SPILL_TABLE_H_

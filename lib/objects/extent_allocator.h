// Hands out page-aligned extents of the object store's memory, committed before anybody gets them, so that exhaustion
// is a Status and never a SIGBUS (DESIGN section 4).
//
// Owned by the ObjectStore; no threads, no I/O but through SharedMemory. What is freed stays committed ("warm") while
// the budget allows, because a first touch costs eight times the copy itself; a warm range is preferred to a cold one.
//
// Invariants: extents are disjoint; used() + warm bytes <= budget(); warm ranges are free ranges.
#ifndef IOCLUSTER_LIB_OBJECTS_EXTENT_ALLOCATOR_H_
#define IOCLUSTER_LIB_OBJECTS_EXTENT_ALLOCATOR_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "lib/env/shared_memory.h"
#include "lib/objects/interval_set.h"

namespace ioc {

inline constexpr uint64_t kStorePageBytes = 4096;

class ExtentAllocator {
 public:
  // At most `budget` bytes of `memory` are committed at a time. A region larger than its budget leaves room against
  // fragmentation.
  ExtentAllocator(std::shared_ptr<SharedMemory> memory, uint64_t budget);

  // At least `length` (> 0) bytes, committed. kStoreFull if the budget or the region has no room; InvalidArgument for
  // 0.
  absl::StatusOr<Extent> Allocate(uint64_t length);
  // Of an extent that was allocated.
  void Free(uint64_t offset);

  uint64_t used() const { return used_; }  // bytes in extents
  uint64_t committed() const { return used_ + warm_.total(); }
  uint64_t budget() const { return budget_; }

 private:
  absl::Status Full(uint64_t length) const;
  // Gives warm ranges outside `keep` back to the system until `bytes` more fit into the budget.
  void MakeRoom(uint64_t bytes, Extent keep);
  absl::Status CommitMissing(Extent extent);

  const std::shared_ptr<SharedMemory> memory_;
  const uint64_t budget_;
  uint64_t used_ = 0;
  IntervalSet free_;
  IntervalSet warm_;                                 // the committed part of free_
  absl::flat_hash_map<uint64_t, uint64_t> extents_;  // offset to length
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_EXTENT_ALLOCATOR_H_

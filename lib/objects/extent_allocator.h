// Hands out page-aligned extents of the object store's memory, committed before anybody gets them, so that exhaustion
// is a Status and never a SIGBUS (DESIGN section 4).
//
// Owned by the ObjectStore; no threads, no I/O but through SharedMemory. What is freed stays committed ("warm") while
// the budget allows, because a first touch costs eight times the copy itself; a warm range is preferred to a cold one.
// What has stayed warm and unused between two calls of Age is cold, and Trim punches holes there.
//
// Committing much memory takes long, so it can be taken apart: Reserve, then CommitReserved off the executor, then
// Confirm or Cancel.
//
// Invariants: extents are disjoint; used() + warm bytes <= budget(); warm ranges are free ranges, young and cold ones
// are warm ranges.
#ifndef IOCLUSTER_LIB_OBJECTS_EXTENT_ALLOCATOR_H_
#define IOCLUSTER_LIB_OBJECTS_EXTENT_ALLOCATOR_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/env/shared_memory.h"
#include "lib/objects/interval_set.h"

namespace ioc {

inline constexpr uint64_t kStorePageBytes = 4096;

class ExtentAllocator {
 public:
  // An extent that is taken, and what is to be done before it can be used.
  struct Reservation {
    Extent extent;
    std::vector<Extent> decommit;  // elsewhere, to stay within the budget
    std::vector<Extent> commit;    // in the extent

    uint64_t bytes_to_commit() const;
  };

  // At most `budget` bytes of `memory` are committed at a time. A region larger than its budget leaves room against
  // fragmentation.
  ExtentAllocator(std::shared_ptr<SharedMemory> memory, uint64_t budget);

  // Whether an extent can ever be so long. Errors as of Allocate.
  absl::Status CheckLength(uint64_t length) const;
  // At least `length` (> 0) bytes, committed. kStoreFull if the budget or the region has no room; InvalidArgument for
  // 0.
  absl::StatusOr<Extent> Allocate(uint64_t length);
  // As Allocate, but what `decommit` and `commit` name is still to be done.
  absl::StatusOr<Reservation> Reserve(uint64_t length);
  // Does it. Any thread, at any time before Confirm or Cancel; kStoreFull if the machine has no memory.
  static absl::Status CommitReserved(SharedMemory& memory, const Reservation& reservation);
  // It was done: the extent is as one from Allocate.
  void Confirm(const Reservation& reservation);
  // It failed: there is no such extent any more.
  void Cancel(const Reservation& reservation);

  // Of an extent that was allocated.
  void Free(uint64_t offset);

  // Now and then: what is warm, and was so when this was called last and since, is cold.
  void Age();
  // Gives up to `max_bytes` of what is cold back to the system; says whether there is more.
  bool Trim(uint64_t max_bytes);

  uint64_t used() const { return used_; }  // bytes in extents
  uint64_t warm() const { return warm_.total(); }
  uint64_t committed() const { return used_ + warm_.total(); }
  uint64_t budget() const { return budget_; }

 private:
  absl::Status Full(uint64_t length) const;
  // Takes out of the free ranges so many warm ones that the budget holds.
  std::vector<Extent> TakeSurplus();
  void TakeWarm(Extent range);

  const std::shared_ptr<SharedMemory> memory_;
  const uint64_t budget_;
  uint64_t used_ = 0;
  IntervalSet free_;
  IntervalSet warm_;                                 // the committed part of free_
  IntervalSet young_;                                // the part of warm_ that was freed since the last Age
  IntervalSet cold_;                                 // the part of warm_ that Trim may take
  absl::flat_hash_map<uint64_t, uint64_t> extents_;  // offset to length
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_EXTENT_ALLOCATOR_H_

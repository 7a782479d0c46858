#include "lib/objects/extent_allocator.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/base/units.h"
#include "lib/objects/slab_allocator.h"

namespace ioc {
namespace {

uint64_t RoundDown(uint64_t bytes) { return bytes / kStorePageBytes * kStorePageBytes; }

}  // namespace

ExtentAllocator::ExtentAllocator(std::shared_ptr<SharedMemory> memory, uint64_t budget)
    : memory_(std::move(memory)), budget_(RoundDown(std::min<uint64_t>(budget, memory_->size()))) {
  free_.Add({0, RoundDown(memory_->size())});
}

absl::Status ExtentAllocator::Full(uint64_t length) const {
  const std::string what = length == kSlabBytes ? absl::StrCat("a slab of ", FormatBytes(length), " for small objects")
                                                : absl::StrCat("an object of ", FormatBytes(length));
  std::string why = absl::StrCat(FormatBytes(used_), " of its ", FormatBytes(budget_), " are in use");
  if (length <= budget_ - used_ && free_.Largest().length < length) {
    absl::StrAppend(&why, ", and what is free is in pieces of ", FormatBytes(free_.Largest().length), " at most");
  }
  return MakeError(Cause::kStoreFull,
                   absl::StrCat("the object store has no room for ", what, ": ", why,
                                "; drop references that are not needed any more, or make it larger: a program's own "
                                "with ConnectOptions.object_store_memory or IOCLUSTER_OBJECT_STORE_MEMORY, that of "
                                "'iocluster node' with --store-memory"));
}

absl::StatusOr<Extent> ExtentAllocator::Allocate(uint64_t length) {
  if (length == 0) return MakeError(Cause::kInvalidArgument, "an extent of the object store can't have 0 bytes");
  if (length > budget_ || budget_ - length < used_) return Full(length);
  const uint64_t rounded = RoundDown(length + kStorePageBytes - 1);
  if (rounded > budget_ - used_) return Full(length);

  auto place = warm_.BestFit(rounded);
  if (!place) place = free_.BestFit(rounded);
  if (!place) return Full(length);
  const Extent extent{place->offset, rounded};

  MakeRoom(rounded - warm_.Overlap(extent), extent);
  IOC_RETURN_IF_ERROR(CommitMissing(extent));
  warm_.Take(extent);
  free_.Take(extent);
  used_ += rounded;
  extents_.emplace(extent.offset, rounded);
  return extent;
}

void ExtentAllocator::MakeRoom(uint64_t bytes, Extent keep) {
  if (committed() + bytes <= budget_) return;
  const std::vector<Extent> kept = warm_.Take(keep);
  uint64_t kept_bytes = 0;
  for (const Extent& range : kept) kept_bytes += range.length;
  while (used_ + kept_bytes + warm_.total() + bytes > budget_) {
    const uint64_t excess = used_ + kept_bytes + warm_.total() + bytes - budget_;
    Extent victim = warm_.Largest();
    IOC_CHECK(victim.length > 0) << "an extent that fits the budget always has room";
    victim.length = std::min(victim.length, excess);
    warm_.Take(victim);
    memory_->Decommit(victim.offset, victim.length);
  }
  for (const Extent& range : kept) warm_.Add(range);
}

absl::Status ExtentAllocator::CommitMissing(Extent extent) {
  IntervalSet missing;
  missing.Add(extent);
  const std::vector<Extent> present = warm_.Take(extent);
  for (const Extent& range : present) missing.Take(range);
  for (const Extent& range : present) warm_.Add(range);
  for (const Extent& range : missing.Take(extent)) {
    if (absl::Status status = memory_->Commit(range.offset, range.length); !status.ok()) {
      memory_->Decommit(range.offset, range.length);
      return WithContext(status, "the machine has no memory for the object store");
    }
    warm_.Add(range);
  }
  return absl::OkStatus();
}

void ExtentAllocator::Free(uint64_t offset) {
  auto found = extents_.find(offset);
  IOC_CHECK(found != extents_.end()) << "no extent at " << offset;
  const Extent extent{offset, found->second};
  extents_.erase(found);
  used_ -= extent.length;
  free_.Add(extent);
  warm_.Add(extent);
}

}  // namespace ioc

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
  const char* larger =
      "make it larger: a program's own with ConnectOptions.object_store_memory or IOCLUSTER_OBJECT_STORE_MEMORY, that "
      "of 'iocluster node' with --store-memory";
  if (length > budget_) {
    return MakeError(Cause::kStoreFull,
                     absl::StrCat("an object of ", FormatBytes(length), " can never be in an object store of ",
                                  FormatBytes(budget_), ", not even if all others are spilled; ", larger));
  }
  const std::string what = length == kSlabBytes ? absl::StrCat("a slab of ", FormatBytes(length), " for small objects")
                                                : absl::StrCat("an object of ", FormatBytes(length));
  std::string why = absl::StrCat(FormatBytes(used_), " of its ", FormatBytes(budget_), " are in use");
  if (length <= budget_ - used_ && free_.Largest().length < length) {
    absl::StrAppend(&why, ", and what is free is in pieces of ", FormatBytes(free_.Largest().length), " at most");
  }
  return MakeError(Cause::kStoreFull, absl::StrCat("the object store has no room for ", what, ": ", why,
                                                   "; drop references that are not needed any more, or ", larger));
}

uint64_t ExtentAllocator::Reservation::bytes_to_commit() const {
  uint64_t bytes = 0;
  for (const Extent& range : commit) bytes += range.length;
  return bytes;
}

absl::StatusOr<Extent> ExtentAllocator::Allocate(uint64_t length) {
  IOC_ASSIGN_OR_RETURN(const Reservation reservation, Reserve(length));
  if (absl::Status status = CommitReserved(*memory_, reservation); !status.ok()) {
    Cancel(reservation);
    return status;
  }
  Confirm(reservation);
  return reservation.extent;
}

absl::Status ExtentAllocator::CheckLength(uint64_t length) const {
  if (length == 0) return MakeError(Cause::kInvalidArgument, "an extent of the object store can't have 0 bytes");
  return length > budget_ ? Full(length) : absl::OkStatus();
}

absl::StatusOr<ExtentAllocator::Reservation> ExtentAllocator::Reserve(uint64_t length) {
  IOC_RETURN_IF_ERROR(CheckLength(length));
  if (budget_ - length < used_) return Full(length);
  const uint64_t rounded = RoundDown(length + kStorePageBytes - 1);
  if (rounded > budget_ - used_) return Full(length);

  auto place = warm_.BestFit(rounded);
  if (!place) place = free_.BestFit(rounded);
  if (!place) return Full(length);
  Reservation reservation{.extent = {place->offset, rounded}};
  const Extent& extent = reservation.extent;

  IntervalSet missing;
  missing.Add(extent);
  for (const Extent& range : warm_.Take(extent)) missing.Take(range);
  young_.Take(extent);
  cold_.Take(extent);
  free_.Take(extent);
  used_ += rounded;
  extents_.emplace(extent.offset, rounded);
  reservation.decommit = TakeSurplus();
  reservation.commit = missing.Take(extent);
  return reservation;
}

std::vector<Extent> ExtentAllocator::TakeSurplus() {
  std::vector<Extent> surplus;
  while (committed() > budget_) {
    Extent victim = warm_.Largest();
    IOC_CHECK(victim.length > 0) << "an extent that fits the budget always has room";
    victim.length = std::min(victim.length, committed() - budget_);
    TakeWarm(victim);
    free_.Take(victim);
    surplus.push_back(victim);
  }
  return surplus;
}

void ExtentAllocator::TakeWarm(Extent range) {
  warm_.Take(range);
  young_.Take(range);
  cold_.Take(range);
}

absl::Status ExtentAllocator::CommitReserved(SharedMemory& memory, const Reservation& reservation) {
  for (const Extent& range : reservation.decommit) memory.Decommit(range.offset, range.length);
  for (const Extent& range : reservation.commit) {
    if (absl::Status status = memory.Commit(range.offset, range.length); !status.ok()) {
      for (const Extent& each : reservation.commit) memory.Decommit(each.offset, each.length);
      return WithContext(status, "the machine has no memory for the object store");
    }
  }
  return absl::OkStatus();
}

void ExtentAllocator::Confirm(const Reservation& reservation) {
  for (const Extent& range : reservation.decommit) free_.Add(range);
}

void ExtentAllocator::Cancel(const Reservation& reservation) {
  Confirm(reservation);
  Free(reservation.extent.offset);
  for (const Extent& range : reservation.commit) TakeWarm(range);
}

void ExtentAllocator::Age() {
  for (const Extent& range : warm_.All()) {
    IntervalSet old;
    old.Add(range);
    for (const Extent& each : young_.Take(range)) old.Take(each);
    cold_.Take(range);
    for (const Extent& each : old.Take(range)) cold_.Add(each);
  }
}

bool ExtentAllocator::Trim(uint64_t max_bytes) {
  while (max_bytes > 0 && cold_.total() > 0) {
    Extent range = cold_.Largest();
    range.length = std::min(range.length, max_bytes);
    memory_->Decommit(range.offset, range.length);
    TakeWarm(range);
    max_bytes -= range.length;
  }
  return cold_.total() > 0;
}

void ExtentAllocator::Free(uint64_t offset) {
  auto found = extents_.find(offset);
  IOC_CHECK(found != extents_.end()) << "no extent at " << offset;
  const Extent extent{offset, found->second};
  extents_.erase(found);
  used_ -= extent.length;
  free_.Add(extent);
  warm_.Add(extent);
  young_.Add(extent);
}

}  // namespace ioc

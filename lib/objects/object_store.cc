#include "lib/objects/object_store.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {

ObjectStore::ObjectStore(std::shared_ptr<SharedMemory> memory, uint64_t budget)
    : memory_(memory), allocator_(std::move(memory), budget) {}

absl::StatusOr<Extent> ObjectStore::AllocateExtent(HolderId holder, uint64_t length) {
  IOC_ASSIGN_OR_RETURN(const ExtentAllocator::Reservation reservation, Reserve(holder, length));
  return Confirm(reservation, ExtentAllocator::CommitReserved(*memory_, reservation));
}

absl::StatusOr<ExtentAllocator::Reservation> ObjectStore::Reserve(HolderId holder, uint64_t length) {
  IOC_CHECK(holder != 0) << "0 stands for no holder";
  Holder& leaser = holders_[holder];
  if (leaser.leases.size() >= kMaxLeasesOfHolder) {
    return MakeError(Cause::kStoreFull, absl::StrCat("a process can lease at most ", kMaxLeasesOfHolder,
                                                     " extents of the object store at a time; seal or drop some"));
  }
  IOC_ASSIGN_OR_RETURN(ExtentAllocator::Reservation reservation, allocator_.Reserve(length));
  const Extent& extent = reservation.extent;
  leaser.leases.insert(extent.offset);
  LeasedExtent& leased = extents_[extent.offset];
  leased.length = extent.length;
  leased.holder = holder;
  leased.is_committing = true;
  ++leases_;
  return reservation;
}

absl::StatusOr<Extent> ObjectStore::Confirm(const ExtentAllocator::Reservation& reservation,
                                            const absl::Status& committed) {
  const Extent extent = reservation.extent;
  LeasedExtent& leased = extents_.at(extent.offset);
  if (!committed.ok()) {
    if (leased.holder != 0) {
      holders_[leased.holder].leases.erase(extent.offset);
      --leases_;
    }
    extents_.erase(extent.offset);
    allocator_.Cancel(reservation);
    return committed;
  }
  leased.is_committing = false;
  allocator_.Confirm(reservation);
  if (leased.holder != 0) return extent;
  Review(extent.offset);
  return absl::CancelledError("whoever asked for memory of the object store is gone");
}

absl::Status ObjectStore::ReleaseExtent(HolderId holder, uint64_t offset) {
  auto found = extents_.find(offset);
  if (found == extents_.end() || found->second.holder != holder || holder == 0) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("no extent of the object store at offset ", offset, " is leased to this connection"));
  }
  found->second.holder = 0;
  holders_[holder].leases.erase(offset);
  --leases_;
  Review(offset);
  return absl::OkStatus();
}

absl::Status ObjectStore::Seal(HolderId holder, ObjectId id, uint64_t offset, uint64_t size) {
  auto next = extents_.upper_bound(offset);
  auto found = next == extents_.begin() ? extents_.end() : std::prev(next);
  const bool inside = found != extents_.end() && found->second.holder == holder && holder != 0 &&
                      !found->second.is_committing && offset - found->first <= found->second.length &&
                      size <= found->second.length - (offset - found->first);
  if (!inside || offset % kObjectAlignment != 0 || !id) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("can't seal object ", id.ToString(), ": its ", size, " bytes at offset ", offset,
                                  " don't lie, 64-byte aligned, in an extent that is leased to this connection"));
  }
  auto [position, is_new] = objects_.try_emplace(id);
  Object& object = position->second;
  if (is_new) {
    object.place = {offset, size};
    object.extent = found->first;
  }
  if (is_new) found->second.objects.insert(id);
  if (absl::Status pinned = AddPin(holder, id, object); !pinned.ok()) {
    if (is_new) {
      found->second.objects.erase(id);
      objects_.erase(id);
    }
    return pinned;
  }
  object.freed = false;
  if (!is_new) {
    ++found->second.duplicates;
    holders_[holder].pinned[id].duplicates.push_back(found->first);
  }
  return absl::OkStatus();
}

std::optional<Extent> ObjectStore::Find(ObjectId id) const {
  auto found = objects_.find(id);
  if (found == objects_.end() || found->second.freed) return std::nullopt;
  return found->second.place;
}

absl::StatusOr<std::optional<Extent>> ObjectStore::Pin(HolderId holder, ObjectId id) {
  auto found = objects_.find(id);
  if (found == objects_.end() || found->second.freed) return std::optional<Extent>();
  IOC_RETURN_IF_ERROR(AddPin(holder, id, found->second));
  return std::optional<Extent>(found->second.place);
}

absl::Status ObjectStore::AddPin(HolderId holder, ObjectId id, Object& object) {
  Holder& pinner = holders_[holder];
  if (pinner.pinned.size() >= kMaxPinnedObjectsOfHolder && !pinner.pinned.contains(id)) {
    return absl::ResourceExhaustedError(absl::StrCat("a process can hold at most ", kMaxPinnedObjectsOfHolder,
                                                     " stored objects at a time; drop some of its references"));
  }
  ++pinner.pinned[id].pins;
  ++pins_;
  if (++object.pins == 1) {
    ++extents_.at(object.extent).pinned;
    Review(object.extent);
  }
  return absl::OkStatus();
}

void ObjectStore::Unpin(HolderId holder, ObjectId id) {
  auto pinner = holders_.find(holder);
  if (pinner == holders_.end()) return;
  auto held = pinner->second.pinned.find(id);
  if (held == pinner->second.pinned.end()) return;
  if (--held->second.pins == 0) {
    const std::vector<uint64_t> duplicates = std::move(held->second.duplicates);
    pinner->second.pinned.erase(held);
    for (uint64_t extent : duplicates) LeaveExtent(extent, std::nullopt);
  }
  DropPins(id, 1);
}

void ObjectStore::DropPins(ObjectId id, uint64_t count) {
  auto found = objects_.find(id);
  IOC_CHECK(found != objects_.end() && found->second.pins >= count) << "pinned object " << id.ToString() << " is gone";
  Object& object = found->second;
  pins_ -= count;
  object.pins -= count;
  const bool unpinned = object.pins == 0;
  const uint64_t extent = object.extent;
  const bool gone = object.freed && unpinned;
  if (unpinned && count > 0) --extents_.at(extent).pinned;
  if (gone) {
    objects_.erase(found);
    LeaveExtent(extent, id);
  } else if (unpinned) {
    Review(extent);
  }
}

void ObjectStore::Free(ObjectId id) {
  auto found = objects_.find(id);
  if (found == objects_.end() || found->second.freed) return;
  found->second.freed = true;
  DropPins(id, 0);
}

std::vector<ObjectId> ObjectStore::MadeBy(ProcessId maker) const {
  std::vector<ObjectId> ids;
  for (auto it = objects_.lower_bound({maker, 0}); it != objects_.end() && it->first.maker == maker; ++it) {
    ids.push_back(it->first);
  }
  return ids;
}

bool ObjectStore::FreeIfUnpinned(ObjectId id) {
  auto found = objects_.find(id);
  if (found == objects_.end() || found->second.pins > 0) return false;
  Free(id);
  return true;
}

void ObjectStore::LeaveExtent(uint64_t offset, std::optional<ObjectId> object) {
  LeasedExtent& extent = extents_.at(offset);
  if (object) {
    IOC_CHECK(extent.objects.erase(*object) == 1) << "object " << object->ToString() << " is not at " << offset;
  } else {
    IOC_CHECK(extent.duplicates > 0) << "no second bytes lie in the extent at " << offset;
    --extent.duplicates;
  }
  Review(offset);
}

void ObjectStore::Review(uint64_t offset) {
  auto found = extents_.find(offset);
  LeasedExtent& extent = found->second;
  const bool held = extent.holder != 0 || extent.is_committing || extent.duplicates > 0;
  const bool is_idle = !held && extent.pinned == 0 && !extent.objects.empty();
  if (!is_idle && extent.idle_since != 0) {
    idle_.erase(extent.idle_since);
    extent.idle_since = 0;
  } else if (is_idle && extent.idle_since == 0) {
    extent.idle_since = ++last_idle_;
    idle_[extent.idle_since] = offset;
  }
  if (held || !extent.objects.empty()) return;
  extents_.erase(found);
  allocator_.Free(offset);
}

bool ObjectStore::IsIdle(uint64_t extent) const {
  auto found = extents_.find(extent);
  return found != extents_.end() && found->second.idle_since != 0;
}

std::vector<ObjectStore::StoredObject> ObjectStore::ObjectsIn(uint64_t extent) const {
  std::vector<StoredObject> objects;
  for (const ObjectId& id : extents_.at(extent).objects) objects.push_back({id, objects_.at(id).place});
  return objects;
}

void ObjectStore::Evict(uint64_t extent) {
  IOC_CHECK(IsIdle(extent)) << "the extent at " << extent << " is in use";
  for (const StoredObject& object : ObjectsIn(extent)) Free(object.id);
}

std::vector<ObjectStore::Holding> ObjectStore::LargestHoldings(size_t count) const {
  std::vector<Holding> holdings;
  for (const auto& [id, holder] : holders_) {
    Holding holding{.holder = id, .pinned = holder.pinned.size()};
    for (const auto& [object, held] : holder.pinned) holding.pinned_bytes += objects_.at(object).place.length;
    for (const uint64_t offset : holder.leases) holding.leased_bytes += extents_.at(offset).length;
    if (holding.pinned > 0 || holding.leased_bytes > 0) holdings.push_back(holding);
  }
  std::sort(holdings.begin(), holdings.end(), [](const Holding& a, const Holding& b) {
    const uint64_t bytes_a = a.pinned_bytes + a.leased_bytes;
    const uint64_t bytes_b = b.pinned_bytes + b.leased_bytes;
    return bytes_a != bytes_b ? bytes_a > bytes_b : a.holder < b.holder;
  });
  if (holdings.size() > count) holdings.resize(count);
  return holdings;
}

void ObjectStore::DropHolder(HolderId holder) {
  auto found = holders_.find(holder);
  if (found == holders_.end()) return;
  const Holder gone = std::move(found->second);
  holders_.erase(found);
  for (const auto& [id, held] : gone.pinned) {
    for (uint64_t extent : held.duplicates) LeaveExtent(extent, std::nullopt);
    DropPins(id, held.pins);
  }
  for (uint64_t offset : gone.leases) {
    extents_.at(offset).holder = 0;
    --leases_;
    Review(offset);
  }
}

ObjectStore::Stats ObjectStore::stats() const {
  return {.used = allocator_.used(), .objects = objects_.size(), .pins = pins_, .leases = leases_};
}

}  // namespace ioc

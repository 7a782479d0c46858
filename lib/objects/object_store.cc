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
  IOC_CHECK(holder != 0) << "0 stands for no holder";
  Holder& leaser = holders_[holder];
  if (leaser.leases.size() >= kMaxLeasesOfHolder) {
    return MakeError(Cause::kStoreFull, absl::StrCat("a process can lease at most ", kMaxLeasesOfHolder,
                                                     " extents of the object store at a time; seal or drop some"));
  }
  IOC_ASSIGN_OR_RETURN(Extent extent, allocator_.Allocate(length));
  leaser.leases.insert(extent.offset);
  extents_[extent.offset] = {.length = extent.length, .holder = holder};
  ++leases_;
  return extent;
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
  FreeExtentIfUnused(offset);
  return absl::OkStatus();
}

absl::Status ObjectStore::Seal(HolderId holder, ObjectId id, uint64_t offset, uint64_t size) {
  auto next = extents_.upper_bound(offset);
  auto found = next == extents_.begin() ? extents_.end() : std::prev(next);
  const bool inside = found != extents_.end() && found->second.holder == holder && holder != 0 &&
                      offset - found->first <= found->second.length &&
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
  object.freed = false;
  IOC_RETURN_IF_ERROR(AddPin(holder, id, object));
  ++found->second.objects;
  if (!is_new) holders_[holder].pinned[id].duplicates.push_back(found->first);
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
  ++object.pins;
  ++pins_;
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
    for (uint64_t extent : duplicates) LeaveExtent(extent);
  }
  DropPins(id, 1);
}

void ObjectStore::DropPins(ObjectId id, uint64_t count) {
  auto found = objects_.find(id);
  IOC_CHECK(found != objects_.end() && found->second.pins >= count) << "pinned object " << id.ToString() << " is gone";
  pins_ -= count;
  found->second.pins -= count;
  if (!found->second.freed || found->second.pins > 0) return;
  const uint64_t extent = found->second.extent;
  objects_.erase(found);
  LeaveExtent(extent);
}

void ObjectStore::Free(ObjectId id) {
  auto found = objects_.find(id);
  if (found == objects_.end() || found->second.freed) return;
  found->second.freed = true;
  DropPins(id, 0);
}

std::vector<ObjectId> ObjectStore::MadeBy(ProcessId maker) const {
  std::vector<ObjectId> ids;
  for (const auto& [id, object] : objects_) {
    if (id.maker == maker) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool ObjectStore::FreeIfUnpinned(ObjectId id) {
  auto found = objects_.find(id);
  if (found == objects_.end() || found->second.pins > 0) return false;
  Free(id);
  return true;
}

void ObjectStore::LeaveExtent(uint64_t offset) {
  LeasedExtent& extent = extents_.at(offset);
  IOC_CHECK(extent.objects > 0) << "nothing lies in the extent at " << offset;
  --extent.objects;
  FreeExtentIfUnused(offset);
}

void ObjectStore::FreeExtentIfUnused(uint64_t offset) {
  auto found = extents_.find(offset);
  if (found->second.holder != 0 || found->second.objects > 0) return;
  extents_.erase(found);
  allocator_.Free(offset);
}

void ObjectStore::DropHolder(HolderId holder) {
  auto found = holders_.find(holder);
  if (found == holders_.end()) return;
  const Holder gone = std::move(found->second);
  holders_.erase(found);
  for (const auto& [id, held] : gone.pinned) {
    for (uint64_t extent : held.duplicates) LeaveExtent(extent);
    DropPins(id, held.pins);
  }
  for (uint64_t offset : gone.leases) {
    extents_.at(offset).holder = 0;
    --leases_;
    FreeExtentIfUnused(offset);
  }
}

ObjectStore::Stats ObjectStore::stats() const {
  return {.used = allocator_.used(), .objects = objects_.size(), .pins = pins_, .leases = leases_};
}

}  // namespace ioc

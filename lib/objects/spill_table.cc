#include "lib/objects/spill_table.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/checksum.h"
#include "lib/objects/extent_allocator.h"

namespace ioc {
namespace {

// What file systems can address.
constexpr uint64_t kFileBytes = uint64_t{1} << 43;

}  // namespace

std::vector<uint64_t> BlockChecksums(std::span<const std::byte> object) {
  std::vector<uint64_t> checksums;
  for (uint64_t at = 0; at < object.size(); at += kSpillBlockBytes) {
    checksums.push_back(Checksum(object.subspan(at, std::min<uint64_t>(kSpillBlockBytes, object.size() - at))));
  }
  return checksums;
}

bool BlocksAreRight(std::span<const std::byte> bytes, std::span<const uint64_t> checksums, size_t first) {
  const std::vector<uint64_t> found = BlockChecksums(bytes);
  return first <= checksums.size() && found.size() <= checksums.size() - first &&
         std::equal(found.begin(), found.end(), checksums.begin() + static_cast<std::ptrdiff_t>(first));
}

SpillTable::SpillTable() { free_.Add({0, kFileBytes}); }

uint64_t SpillTable::RoomFor(uint64_t size) {
  return (std::max<uint64_t>(size, 1) + kStorePageBytes - 1) / kStorePageBytes * kStorePageBytes;
}

std::optional<Extent> SpillTable::Reserve(uint64_t size, uint64_t beyond_limit) {
  if (size > limit_) return std::nullopt;
  const uint64_t rounded = RoomFor(size);
  if (used_ + rounded > limit_ + beyond_limit) return std::nullopt;
  const std::optional<Extent> range = free_.BestFit(rounded);
  if (!range) return std::nullopt;
  const Extent place{range->offset, rounded};
  free_.Take(place);
  used_ += rounded;
  return place;
}

void SpillTable::Release(Extent place) {
  used_ -= place.length;
  free_.Add(place);
}

void SpillTable::Add(ObjectId id, SpilledObject&& object) {
  const bool is_new = objects_.try_emplace(id, std::move(object)).second;
  IOC_CHECK(is_new) << "object " << id.ToString() << " is spilled twice";
}

const SpilledObject* SpillTable::Find(ObjectId id) const {
  const auto found = objects_.find(id);
  return found == objects_.end() ? nullptr : &found->second;
}

std::optional<Extent> SpillTable::Remove(ObjectId id) {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return std::nullopt;
  const Extent place = found->second.place;
  objects_.erase(found);
  return place;
}

std::vector<ObjectId> SpillTable::MadeBy(ProcessId maker) const {
  std::vector<ObjectId> ids;
  for (auto it = objects_.lower_bound({maker, 0}); it != objects_.end() && it->first.maker == maker; ++it) {
    ids.push_back(it->first);
  }
  return ids;
}

}  // namespace ioc

#include "lib/objects/slab_allocator.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/base/check.h"
#include "lib/objects/object_store.h"

namespace ioc {

std::optional<uint64_t> SlabAllocator::Allocate(uint64_t bytes) {
  IOC_CHECK(bytes <= kMaxPieceBytes) << bytes << " bytes want an extent of their own";
  if (!current_) return std::nullopt;
  Slab& slab = slabs_.at(*current_);
  // Two pieces never share an offset, so that an offset names one.
  const uint64_t rounded = (std::max<uint64_t>(bytes, 1) + kObjectAlignment - 1) / kObjectAlignment * kObjectAlignment;
  if (rounded > slab.range.length - slab.used) return std::nullopt;
  slab.last_piece = slab.range.offset + slab.used;
  slab.used += rounded;
  ++slab.open_pieces;
  ++pieces_;
  return slab.last_piece;
}

std::optional<uint64_t> SlabAllocator::AddSlab(Extent slab) {
  const std::optional<uint64_t> former = current_;
  slabs_[slab.offset] = {.range = slab};
  current_ = slab.offset;
  if (!former || slabs_.at(*former).open_pieces > 0) return std::nullopt;
  slabs_.erase(*former);
  return former;
}

std::optional<uint64_t> SlabAllocator::Sealed(uint64_t offset) { return Finish(FindSlab(offset)); }

std::optional<uint64_t> SlabAllocator::Abandoned(uint64_t offset) {
  auto slab = FindSlab(offset);
  if (slab->second.last_piece == offset) slab->second.used = offset - slab->second.range.offset;
  return Finish(slab);
}

std::optional<uint64_t> SlabAllocator::TakeIdle() {
  if (!current_ || slabs_.at(*current_).open_pieces > 0) return std::nullopt;
  slabs_.erase(*current_);
  return std::exchange(current_, std::nullopt);
}

std::map<uint64_t, SlabAllocator::Slab>::iterator SlabAllocator::FindSlab(uint64_t offset) {
  auto next = slabs_.upper_bound(offset);
  IOC_CHECK(next != slabs_.begin()) << "no slab holds offset " << offset;
  auto slab = std::prev(next);
  IOC_CHECK(offset < slab->second.range.end() && slab->second.open_pieces > 0) << "no open piece at " << offset;
  return slab;
}

std::optional<uint64_t> SlabAllocator::Finish(std::map<uint64_t, Slab>::iterator slab) {
  if (--slab->second.open_pieces > 0 || slab->first == current_) return std::nullopt;
  const uint64_t offset = slab->first;
  slabs_.erase(slab);
  return offset;
}

}  // namespace ioc

// The client's side of small stored objects: cuts pieces out of slabs that it leases from its node, so that a small
// allocation asks nobody (DESIGN section 4).
//
// Pure bookkeeping of offsets; the caller leases slabs and releases those that this says are done. Not thread-safe:
// lives on the client's executor. A slab is done when it is not the current one any more and each piece cut out of it
// was finished, that is sealed or given up.
#ifndef IOCLUSTER_LIB_OBJECTS_SLAB_ALLOCATOR_H_
#define IOCLUSTER_LIB_OBJECTS_SLAB_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "lib/objects/interval_set.h"

namespace ioc {

inline constexpr uint64_t kSlabBytes = uint64_t{4} << 20;
// Larger objects get an extent of their own.
inline constexpr uint64_t kMaxPieceBytes = uint64_t{1} << 20;

class SlabAllocator {
 public:
  // The offset of `bytes` bytes, 64-byte aligned, or nothing: then lease kSlabBytes and call AddSlab. `bytes` is at
  // most kMaxPieceBytes.
  std::optional<uint64_t> Allocate(uint64_t bytes);

  // `slab` is the current one from now on. Returns the former one's offset if that is to be released.
  std::optional<uint64_t> AddSlab(Extent slab);

  // The piece at `offset` was sealed. Returns its slab's offset if that is to be released (after the seal was sent).
  std::optional<uint64_t> Sealed(uint64_t offset);
  // The piece at `offset` is not wanted after all; the last one cut is cut again. Otherwise like Sealed.
  std::optional<uint64_t> Abandoned(uint64_t offset);

  // The current slab's offset if no piece of it is open: then it is to be released, and there is no current one.
  std::optional<uint64_t> TakeIdle();
  // Pieces cut so far, ever.
  uint64_t pieces() const { return pieces_; }
  bool has_current() const { return current_.has_value(); }
  // That are not done.
  size_t size() const { return slabs_.size(); }

 private:
  struct Slab {
    Extent range;
    uint64_t used = 0;         // bytes cut off so far
    uint64_t last_piece = 0;   // offset of the one cut last
    uint64_t open_pieces = 0;  // cut and not finished
  };

  std::map<uint64_t, Slab>::iterator FindSlab(uint64_t offset);
  std::optional<uint64_t> Finish(std::map<uint64_t, Slab>::iterator slab);

  std::map<uint64_t, Slab> slabs_;  // by offset
  std::optional<uint64_t> current_;
  uint64_t pieces_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_SLAB_ALLOCATOR_H_

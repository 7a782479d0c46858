#include "iocluster/array.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace ioc::internal {
namespace {

class HeapValue final : public WritableValue {
 public:
  explicit HeapValue(size_t bytes)
      : data_(static_cast<std::byte*>(::operator new(bytes, std::align_val_t(kArrayAlignment)))), size_(bytes) {
    std::memset(data_, 0, size_);
  }
  ~HeapValue() override { ::operator delete(data_, std::align_val_t(kArrayAlignment)); }

  std::span<std::byte> bytes() override { return {data_, size_}; }

 private:
  std::byte* data_;
  size_t size_;
};

// False on overflow.
bool Multiply(size_t a, size_t b, size_t& product) { return !__builtin_mul_overflow(a, b, &product); }

// The number of elements; false if they can't fit an address space.
bool CountInShape(std::span<const size_t> shape, size_t element_bytes, size_t& count) {
  size_t limit = std::numeric_limits<size_t>::max() / 2 / element_bytes;
  count = 1;
  for (size_t dimension : shape) {
    if (!Multiply(count, dimension, count) || count > limit) return false;
  }
  return true;
}

}  // namespace

size_t ArrayPrefixBytes(size_t dimensions) {
  const size_t used = sizeof(uint32_t) + sizeof(uint32_t) + dimensions * sizeof(uint64_t);
  return (used + kArrayAlignment - 1) / kArrayAlignment * kArrayAlignment;
}

absl::StatusOr<size_t> CountElements(std::span<const size_t> shape, size_t element_bytes) {
  size_t count = 0;
  if (shape.size() > kMaxArrayDimensions) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("an array of ", shape.size(), " dimensions; at most ",
                                                           kMaxArrayDimensions, " are possible"));
  }
  if (!CountInShape(shape, element_bytes, count)) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("an array of the shape ", absl::StrJoin(shape, " x "), " is larger than any memory"));
  }
  return count;
}

std::unique_ptr<WritableValue> AllocateOnHeap(size_t bytes) { return std::make_unique<HeapValue>(bytes); }

void WriteShape(Encoder& out, std::span<const size_t> shape) {
  out.Write(static_cast<uint32_t>(shape.size()));
  for (size_t dimension : shape) out.Write(uint64_t{dimension});
}

bool ReadShape(Decoder& in, size_t element_bytes, std::vector<size_t>& shape, size_t& count) {
  uint32_t dimensions = 0;
  if (!in.Read(dimensions)) return false;
  if (dimensions > kMaxArrayDimensions) return in.Fail("an array has too many dimensions");
  for (uint32_t i = 0; i < dimensions; ++i) {
    uint64_t dimension = 0;
    if (!in.Read(dimension)) return false;
    shape.push_back(dimension);
  }
  if (!CountInShape(shape, element_bytes, count)) return in.Fail("an array is larger than any memory");
  return count * element_bytes <= in.remaining() || in.Fail("an array is larger than what follows");
}

}  // namespace ioc::internal

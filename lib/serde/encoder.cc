#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "iocluster/serde.h"
#include "lib/base/check.h"

namespace ioc {
namespace {

constexpr uint32_t kNoRef = 0xffffffff;
constexpr size_t kFirstRoom = 15;  // what a std::string holds without an allocation

size_t PaddingTo(size_t alignment, size_t position) { return (alignment - position % alignment) % alignment; }

}  // namespace

void Encoder::AppendSlowly(const void* data, size_t size) {
  const size_t end = position_ + size;
  if (growing_ != nullptr && fits() && end <= limit_) {
    room_ = std::min(limit_, std::max({end, 2 * room_, kFirstRoom}));
    growing_->resize(room_);
    out_ = growing_->data();
    if (size != 0) std::memcpy(out_ + position_, data, size);
  } else if (growing_ != nullptr) {
    room_ = 0;  // from here on it only counts
  }
  position_ = end;
}

void Encoder::Align(size_t alignment) {
  static constexpr char kZeros[64] = {};
  IOC_CHECK(alignment <= sizeof(kZeros)) << "an alignment of " << alignment;
  Append(kZeros, PaddingTo(alignment, position_));
}

void Encoder::WriteRef(const internal::Ref& ref) {
  const uint32_t index = ref ? static_cast<uint32_t>(refs_.size()) : kNoRef;
  if (ref) refs_.push_back(ref);
  Append(&index, sizeof(index));
}

void Encoder::Finish() {
  IOC_CHECK(fits() && growing_ != nullptr) << "Finish of an Encoder that has run over";
  growing_->resize(position_);
}

void Encoder::TooDeep() {
  status_ = MakeError(Cause::kInvalidArgument, absl::StrCat("it is nested more than ", kMaxValueDepth, " levels deep"));
}

bool Decoder::ReadLength(size_t& length, size_t element_bytes) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const char* byte = Take(1);
    if (byte == nullptr) return false;
    const auto bits = static_cast<uint64_t>(static_cast<unsigned char>(*byte));
    if (shift == 63 && bits > 1) return Fail("a length is not a number");
    value |= (bits & 0x7f) << shift;
    if (bits < 0x80) break;
  }
  if (value > remaining() / element_bytes) return Fail("a length is larger than what follows");
  length = value;
  return true;
}

bool Decoder::Align(size_t alignment) { return Take(PaddingTo(alignment, position_)) != nullptr; }

bool Decoder::ReadRef(internal::Ref& ref) {
  uint32_t index = 0;
  if (!TakeInto(&index, sizeof(index))) return false;
  if (index == kNoRef) {
    ref = internal::Ref();
    return true;
  }
  if (index >= refs_.size()) return Fail("it holds a reference that did not come with it");
  ref = refs_[index];
  return true;
}

bool Decoder::Fail(std::string_view what) {
  if (!failed_) failure_ = what;
  failed_ = true;
  return false;
}

}  // namespace ioc

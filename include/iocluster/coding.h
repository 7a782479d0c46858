// Where a Serde (iocluster/serde.h) writes values to, and where it reads them from.
#ifndef IOCLUSTER_CODING_H_
#define IOCLUSTER_CODING_H_

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "iocluster/internal/serde_base.h"

namespace ioc {

// Values may be nested this deep.
inline constexpr int kMaxValueDepth = 256;

// Where a Serde writes to. Writes into a fixed buffer, or into a string up to a limit; beyond, it only counts, so that
// the same code measures and writes.
class Encoder {
 public:
  // Only counts.
  Encoder() = default;
  // Writes into `out`.
  explicit Encoder(std::span<std::byte> out) : out_(reinterpret_cast<char*>(out.data())), room_(out.size()) {}
  // Writes into `out`, which grows up to `limit` bytes. Finish() cuts it to size.
  Encoder(std::string& out, size_t limit) : growing_(&out), limit_(limit) {}
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // Writes a value by its Serde.
  template <typename T>
  void Write(const T& value) {
    if constexpr (internal::kIsScalar<T>) {
      Serde<T>::Write(*this, value);
    } else {
      if (depth_ == kMaxValueDepth) return TooDeep();
      ++depth_;
      Serde<T>::Write(*this, value);
      --depth_;
    }
  }

  void Append(const void* data, size_t size) {
    if (size > room_ - position_ || position_ > room_) return AppendSlowly(data, size);
    if (size != 0) std::memcpy(out_ + position_, data, size);
    position_ += size;
  }

  // One byte for small numbers, up to ten for large ones.
  void WriteLength(uint64_t length) {
    char bytes[10];
    size_t size = 0;
    for (; length >= 0x80; length >>= 7) bytes[size++] = static_cast<char>(length | 0x80);
    bytes[size++] = static_cast<char>(length);
    Append(bytes, size);
  }

  // Zero bytes up to a multiple of `alignment` (a power of two) from the start of the buffer.
  void Align(size_t alignment);

  // A reference travels beside the bytes; in them is only its number.
  void WriteRef(const internal::Ref& ref);

  // Bytes written so far, and counted.
  size_t size() const { return position_; }
  // Whether everything so far found room.
  bool fits() const { return position_ <= room_; }
  // Not OK once a value is nested too deep.
  const absl::Status& status() const { return status_; }
  // The references written, in order.
  std::vector<internal::Ref> TakeRefs() { return std::move(refs_); }
  // Cuts the string to what was written. Only if it fits.
  void Finish();

 private:
  void AppendSlowly(const void* data, size_t size);
  void TooDeep();

  char* out_ = nullptr;
  size_t room_ = 0;
  size_t position_ = 0;
  int depth_ = 0;
  std::string* growing_ = nullptr;
  size_t limit_ = 0;
  std::vector<internal::Ref> refs_;
  absl::Status status_;
};

// Where a Serde reads from. Every read is checked against the bytes that are left; after the first failure all fail.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes, std::span<const internal::Ref> refs = {},
                   std::shared_ptr<const void> keepalive = nullptr)
      : bytes_(bytes), refs_(refs), keepalive_(std::move(keepalive)) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Reads a value by its Serde. False if the bytes are not one; `value` is then valid, but unspecified.
  template <typename T>
  bool Read(T& value) {
    if constexpr (internal::kIsScalar<T>) {
      return internal::CallRead<T>(*this, value);
    } else {
      if (depth_ == kMaxValueDepth) return Fail("it is nested too deep");
      ++depth_;
      const bool good = internal::CallRead<T>(*this, value);
      --depth_;
      return good;
    }
  }

  // The next `size` bytes, or null if fewer are left.
  const char* Take(size_t size) {
    if (size > remaining()) {
      Fail("it ends too early");
      return nullptr;
    }
    const char* data = bytes_.data() + position_;
    position_ += size;
    return data;
  }

  bool TakeInto(void* out, size_t size) {
    const char* data = Take(size);
    if (data != nullptr && size != 0) std::memcpy(out, data, size);
    return data != nullptr;
  }

  // A length of something whose elements take at least `element_bytes` each (> 0); false if so many can't follow.
  bool ReadLength(size_t& length, size_t element_bytes = 1);

  // Steps over what Encoder::Align wrote.
  bool Align(size_t alignment);

  // A reference that WriteRef wrote; an empty one is valid.
  bool ReadRef(internal::Ref& ref);

  // Notes what is wrong, if it is the first thing; returns false.
  bool Fail(std::string_view what);
  bool Fail(const absl::Status& what) { return Fail(std::string_view(what.message().data(), what.message().size())); }

  size_t remaining() const { return failed_ ? 0 : bytes_.size() - position_; }
  // Keeps the bytes alive; null if they don't outlive the Decoder.
  const std::shared_ptr<const void>& keepalive() const { return keepalive_; }
  // What was wrong; empty if nothing was.
  const std::string& failure() const { return failure_; }

 private:
  std::string_view bytes_;
  std::span<const internal::Ref> refs_;
  std::shared_ptr<const void> keepalive_;
  size_t position_ = 0;
  int depth_ = 0;
  bool failed_ = false;
  std::string failure_;
};

}  // namespace ioc

#endif  // IOCLUSTER_CODING_H_

// Whole values to bytes and back, for the tests of Serde.
#ifndef IOCLUSTER_TESTS_UNIT_SERDE_CODING_H_
#define IOCLUSTER_TESTS_UNIT_SERDE_CODING_H_

#include <string>

#include "iocluster/array.h"
#include "iocluster/internal/value.h"

namespace ioc {

inline absl::StatusOr<std::unique_ptr<internal::WritableValue>> OnHeap(size_t size) {
  return internal::AllocateOnHeap(size);
}

// A whole value in memory of its own, as the runtime hands it over; large ones as if they were in shared memory.
template <typename T>
internal::EncodedValue EncodeWhole(const T& value) {
  absl::StatusOr<internal::OutgoingValue> outgoing = internal::EncodeValue(value, OnHeap);
  internal::EncodedValue encoded;
  if (outgoing->memory == nullptr) {
    auto bytes = std::make_shared<std::string>(std::move(outgoing->bytes));
    encoded = {.bytes = *bytes, .keepalive = bytes, .refs = std::move(outgoing->refs)};
  } else {
    const std::span<std::byte> bytes = outgoing->memory->bytes();
    encoded = {.bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
               .keepalive = std::shared_ptr<internal::WritableValue>(std::move(outgoing->memory)),
               .refs = std::move(outgoing->refs),
               .stored = true};
  }
  return encoded;
}

template <typename T>
T RoundTrip(const T& value) {
  return internal::DecodeValue<T>(EncodeWhole(value)).value();
}

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_SERDE_CODING_H_

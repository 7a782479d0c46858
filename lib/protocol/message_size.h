// What the parts of a message take in it: about, and not less, so that none is made that is too large to be sent.
#ifndef IOCLUSTER_LIB_PROTOCOL_MESSAGE_SIZE_H_
#define IOCLUSTER_LIB_PROTOCOL_MESSAGE_SIZE_H_

#include <cstddef>

#include "lib/protocol/peer_messages.h"

namespace ioc {

inline constexpr size_t kBytesOfResult = 128;  // beside what is in it
inline constexpr size_t kBytesOfValue = 96;    // likewise
inline constexpr size_t kBytesOfRef = 24;
inline constexpr size_t kBytesOfCopy = 8;

inline size_t WireBytesOf(const WireValue& value) {
  return kBytesOfValue + value.bytes.size() + kBytesOfRef * value.refs.size() + kBytesOfCopy * value.copies.size();
}

inline size_t WireBytesOf(const TaskResult& result) {
  size_t bytes = kBytesOfResult + result.error.message().size();
  for (const WireValue& value : result.returns) bytes += WireBytesOf(value);
  for (const WireValue& value : result.given) bytes += WireBytesOf(value);
  return bytes;
}

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_MESSAGE_SIZE_H_

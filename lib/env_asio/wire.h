// How preambles and frames lie on the wire: little-endian, fixed headers, everything a multiple of 8 bytes long.
//
//   preamble, 32 bytes: "IOCLUSTR", major u16, minor u16, target u8, 3 zero, id u64, 8 zero
//   frame: header of 32 bytes, body, trailer filled up with zeros to a multiple of 8
#ifndef IOCLUSTER_LIB_ENV_ASIO_WIRE_H_
#define IOCLUSTER_LIB_ENV_ASIO_WIRE_H_

#include <absl/status/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "lib/env/network.h"

namespace ioc {

inline constexpr size_t kFrameHeaderBytes = 32;
inline constexpr uint32_t kFrameMagic = 0x31464f49;  // "IOF1"

enum class AttachmentKind : uint8_t { kNone = 0, kSharedMemory = 1, kConnection = 2 };

// A frame's header and what follows it.
struct FrameLayout {
  FrameHeader header;
  size_t body_bytes = 0;  // a multiple of 8
  size_t trailer_bytes = 0;
  size_t attachment_count = 0;
  std::array<AttachmentKind, kMaxAttachments> attachments = {};

  size_t padded_trailer_bytes() const { return (trailer_bytes + 7) & ~size_t{7}; }
  size_t total_bytes() const { return kFrameHeaderBytes + body_bytes + padded_trailer_bytes(); }
};

std::array<std::byte, kFrameHeaderBytes> EncodeFrameLayout(const FrameLayout& layout);
// From the first kFrameHeaderBytes of `bytes`. The error says what is wrong and the value seen.
absl::Status DecodeFrameLayout(std::span<const std::byte> bytes, FrameLayout& layout);

std::array<std::byte, kPreambleBytes> EncodePreamble(const Preamble& preamble);
// Nothing if these aren't the first bytes of a connection of ours.
std::optional<Preamble> DecodePreamble(std::span<const std::byte, kPreambleBytes> bytes);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_WIRE_H_

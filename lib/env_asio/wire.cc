#include "lib/env_asio/wire.h"

#include <absl/strings/str_cat.h>

#include <bit>
#include <cstring>

#include "lib/base/status.h"

namespace ioc {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian");

struct RawFrameHeader {
  uint32_t magic;
  uint8_t kind;
  uint8_t attachment_count;
  uint16_t method;
  uint32_t body_words;
  uint32_t trailer_bytes;
  uint32_t timeout_ms;
  uint8_t attachments[kMaxAttachments];
  uint64_t call;
};
static_assert(sizeof(RawFrameHeader) == kFrameHeaderBytes);

struct RawPreamble {
  char magic[8];
  uint16_t major;
  uint16_t minor;
  uint8_t target;
  uint8_t zero[3];
  uint64_t id;
  uint64_t zero_too;
};
static_assert(sizeof(RawPreamble) == kPreambleBytes);

constexpr char kPreambleMagic[] = "IOCLUSTR";

absl::Status BadFrame(std::string_view what, uint64_t seen, uint64_t limit) {
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("a frame with ", std::string(what), " ", seen, ", beyond the limit of ", limit));
}

}  // namespace

std::array<std::byte, kFrameHeaderBytes> EncodeFrameLayout(const FrameLayout& layout) {
  RawFrameHeader raw = {};
  raw.magic = kFrameMagic;
  raw.kind = static_cast<uint8_t>(layout.header.kind);
  raw.attachment_count = static_cast<uint8_t>(layout.attachment_count);
  raw.method = layout.header.method;
  raw.body_words = static_cast<uint32_t>(layout.body_bytes / 8);
  raw.trailer_bytes = static_cast<uint32_t>(layout.trailer_bytes);
  raw.timeout_ms = layout.header.timeout_ms;
  for (size_t i = 0; i < kMaxAttachments; ++i) raw.attachments[i] = static_cast<uint8_t>(layout.attachments[i]);
  raw.call = layout.header.call;
  return std::bit_cast<std::array<std::byte, kFrameHeaderBytes>>(raw);
}

absl::Status DecodeFrameLayout(std::span<const std::byte> bytes, FrameLayout& layout) {
  RawFrameHeader raw;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != kFrameMagic) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("bytes that begin no frame (0x", absl::Hex(raw.magic, absl::kZeroPad8), ")"));
  }
  if (raw.kind < static_cast<uint8_t>(FrameKind::kRequest) || raw.kind > static_cast<uint8_t>(FrameKind::kGoodbye)) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("a frame of the unknown kind ", raw.kind));
  }
  const size_t body_bytes = size_t{raw.body_words} * 8;
  if (body_bytes > kMaxBodyBytes) return BadFrame("a body of bytes", body_bytes, kMaxBodyBytes);
  if (raw.trailer_bytes > kMaxTrailerBytes) return BadFrame("a trailer of bytes", raw.trailer_bytes, kMaxTrailerBytes);
  if (raw.attachment_count > kMaxAttachments) {
    return BadFrame("a number of attachments", raw.attachment_count, kMaxAttachments);
  }
  for (size_t i = 0; i < kMaxAttachments; ++i) {
    const bool used = i < raw.attachment_count;
    const uint8_t kind = raw.attachments[i];
    if (used ? kind != static_cast<uint8_t>(AttachmentKind::kSharedMemory) &&
                   kind != static_cast<uint8_t>(AttachmentKind::kConnection)
             : kind != 0) {
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat("a frame whose attachment ", i, " is of the unknown kind ", kind));
    }
    layout.attachments[i] = static_cast<AttachmentKind>(kind);
  }
  layout.header = {
      .kind = static_cast<FrameKind>(raw.kind), .method = raw.method, .timeout_ms = raw.timeout_ms, .call = raw.call};
  layout.body_bytes = body_bytes;
  layout.trailer_bytes = raw.trailer_bytes;
  layout.attachment_count = raw.attachment_count;
  return absl::OkStatus();
}

std::array<std::byte, kPreambleBytes> EncodePreamble(const Preamble& preamble) {
  RawPreamble raw = {};
  std::memcpy(raw.magic, kPreambleMagic, sizeof raw.magic);
  raw.major = preamble.major;
  raw.minor = preamble.minor;
  raw.target = static_cast<uint8_t>(preamble.target);
  raw.id = preamble.id;
  return std::bit_cast<std::array<std::byte, kPreambleBytes>>(raw);
}

std::optional<Preamble> DecodePreamble(std::span<const std::byte, kPreambleBytes> bytes) {
  RawPreamble raw;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (std::memcmp(raw.magic, kPreambleMagic, sizeof raw.magic) != 0) return std::nullopt;
  if (raw.target < static_cast<uint8_t>(Target::kNode) || raw.target > static_cast<uint8_t>(Target::kProcess)) {
    return std::nullopt;
  }
  return Preamble{.target = static_cast<Target>(raw.target), .id = raw.id, .major = raw.major, .minor = raw.minor};
}

}  // namespace ioc

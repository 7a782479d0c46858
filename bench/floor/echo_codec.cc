#include "bench/floor/echo_codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstring>

#include "bench/floor/echo.capnp.h"
#include "lib/base/check.h"

namespace ioc::bench {
namespace {

constexpr size_t kWordBytes = sizeof(uint64_t);
constexpr size_t kScratchWords = 8 + kMaxEchoPayloadBytes / kWordBytes;  // any message fits in one segment of this

}  // namespace

std::span<std::byte> EchoInput::Space() {
  std::byte* const bytes = reinterpret_cast<std::byte*>(words_.data());
  std::memmove(bytes, bytes + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  return {bytes + end_, words_.size() * kWordBytes - end_};
}

std::optional<EchoMessage> EchoInput::Next() {
  if (end_ - begin_ < kWordBytes) return std::nullopt;
  const uint64_t* frame = words_.data() + begin_ / kWordBytes;
  const size_t body_words = frame[0];
  if (end_ - begin_ < (1 + body_words) * kWordBytes) return std::nullopt;
  begin_ += (1 + body_words) * kWordBytes;

  const kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(frame + 1), body_words);
  capnp::SegmentArrayMessageReader reader(kj::arrayPtr(&segment, 1));
  const Echo::Reader echo = reader.getRoot<Echo>();
  const capnp::Data::Reader payload = echo.getPayload();
  return EchoMessage{.id = echo.getId(), .payload = {reinterpret_cast<const char*>(payload.begin()), payload.size()}};
}

void AppendEcho(const EchoMessage& message, std::vector<uint64_t>& output) {
  IOC_CHECK(message.payload.size() <= kMaxEchoPayloadBytes) << message.payload.size() << " bytes";
  capnp::word scratch[kScratchWords] = {};
  capnp::MallocMessageBuilder builder(kj::arrayPtr(scratch, kScratchWords));
  auto echo = builder.initRoot<Echo>();
  echo.setId(message.id);
  echo.setPayload({reinterpret_cast<const capnp::byte*>(message.payload.data()), message.payload.size()});
  const auto segment = builder.getSegmentsForOutput()[0];
  output.push_back(segment.size());
  const size_t begin = output.size();
  output.resize(begin + segment.size());
  std::memcpy(output.data() + begin, segment.begin(), segment.size() * kWordBytes);
}

}  // namespace ioc::bench

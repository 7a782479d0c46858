// Frames of the bare echo: four bytes of length, four of zeros, then a Cap'n Proto message of one segment.
#ifndef IOCLUSTER_BENCH_FLOOR_ECHO_CODEC_H_
#define IOCLUSTER_BENCH_FLOOR_ECHO_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ioc::bench {

inline constexpr size_t kMaxEchoPayloadBytes = 256;

struct EchoMessage {
  uint64_t id = 0;
  std::string_view payload;  // kMaxEchoPayloadBytes at most; borrowed from the buffer that it was decoded from
};

// Bytes that arrived, in 8-byte words so that messages can be read where they lie.
class EchoInput {
 public:
  // Room for more bytes; invalidates what Next returned.
  std::span<std::byte> Space();
  void Arrived(size_t bytes) { end_ += bytes; }
  // The next whole message, if it has arrived. Throws kj::Exception if it is malformed.
  std::optional<EchoMessage> Next();

 private:
  std::vector<uint64_t> words_ = std::vector<uint64_t>(size_t{16} << 10);
  size_t begin_ = 0;  // bytes; a multiple of eight
  size_t end_ = 0;    // bytes
};

// Appends `message` to `output` as a frame.
void AppendEcho(const EchoMessage& message, std::vector<uint64_t>& output);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_FLOOR_ECHO_CODEC_H_

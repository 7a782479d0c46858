#include "bench/floor/socket_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace ioc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kServeFlag = "--serve-bare-stream";
// Measured on a loaded machine of 2 CPUs, GB/s: these 2.3 to 3.3; the default buffer 1.6 to 2.9; chunks of 64 KiB 1.8;
// TCP over loopback 1.4 to 1.6, whatever its chunks and buffers.
constexpr size_t kChunkBytes = size_t{256} << 10;
constexpr int kSendBufferBytes = 1 << 20;

bool WriteAll(int fd, const char* data, size_t size) {
  while (size != 0) {
    const ssize_t written = write(fd, data, std::min(size, kChunkBytes));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

bool ReadAll(int fd, char* data, size_t size) {
  while (size != 0) {
    const ssize_t count = read(fd, data, std::min(size, kChunkBytes));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    data += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

}  // namespace

std::optional<int> ServeStreamIfAsked(int argc, char** argv) {
  if (argc != 2 || argv[1] != kServeFlag) return std::nullopt;
  uint64_t bytes = 0;
  if (!ReadAll(kSelfFd, reinterpret_cast<char*>(&bytes), sizeof bytes)) return 1;
  setsockopt(kSelfFd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  const std::vector<char> memory(bytes, 1);
  for (char asked = 0; ReadAll(kSelfFd, &asked, 1);) {
    if (!WriteAll(kSelfFd, memory.data(), memory.size())) return 1;
  }
  return 0;
}

absl::StatusOr<std::unique_ptr<SocketFloor>> SocketFloor::Start(size_t bytes) {
  absl::StatusOr<std::unique_ptr<FarEnd>> far = FarEnd::Start(kServeFlag);
  if (!far.ok()) return far.status();
  const uint64_t size = bytes;
  if (!WriteAll((*far)->fd(), reinterpret_cast<const char*>(&size), sizeof size)) {
    return absl::UnavailableError("the far end of the bare stream is gone");
  }
  return std::unique_ptr<SocketFloor>(new SocketFloor(*std::move(far), bytes));
}

absl::Status SocketFloor::ReadOne() {
  const char ask = 1;
  if (WriteAll(far_->fd(), &ask, 1) && ReadAll(far_->fd(), memory_.data(), memory_.size())) return absl::OkStatus();
  return absl::UnavailableError("the bare stream broke off");
}

absl::StatusOr<double> SocketFloor::GbPerS(absl::Duration duration) {
  const double limit = absl::ToDoubleSeconds(duration);
  const Clock::time_point begin = Clock::now();
  double copied = 0;
  double seconds = 0;
  do {
    if (absl::Status status = ReadOne(); !status.ok()) return status;
    copied += static_cast<double>(memory_.size());
    seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  } while (seconds < limit);
  return copied / 1e9 / seconds;
}

}  // namespace ioc::bench

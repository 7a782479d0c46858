// The floor under objects that go from one process to another: bytes that one writes into a Unix socket, which is the
// fastest there is, and the other reads into memory that it has touched before, with nothing in between.
#ifndef IOCLUSTER_BENCH_FLOOR_SOCKET_STREAM_H_
#define IOCLUSTER_BENCH_FLOOR_SOCKET_STREAM_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "bench/floor/self.h"

namespace ioc::bench {

// The first thing in main: if SocketFloor started this process as the far end of a stream, serves it until the near end
// closes and returns the exit code.
std::optional<int> ServeStreamIfAsked(int argc, char** argv);

// Owns the other process, which writes. One thread at a time.
class SocketFloor {
 public:
  // Streams are of `bytes`, from and into as much memory, so that no cache holds them.
  static absl::StatusOr<std::unique_ptr<SocketFloor>> Start(size_t bytes);
  // GB/s (1e9 bytes) of whole streams for about `duration`, at least one.
  absl::StatusOr<double> GbPerS(absl::Duration duration);

 private:
  SocketFloor(std::unique_ptr<FarEnd> far, size_t bytes) : far_(std::move(far)), memory_(bytes, 1) {}

  absl::Status ReadOne();

  std::unique_ptr<FarEnd> far_;  // a byte asks it for a stream
  std::vector<char> memory_;
};

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_FLOOR_SOCKET_STREAM_H_

// The floor: what this machine does with no cluster in between. Everything else is measured as a share of it.
//
// The echo is a second process (this program, started anew) at the other end of a Unix socket pair. Both ends are one
// thread with an Asio coroutine, and each message is decoded from and encoded to a Cap'n Proto message of its own.
#ifndef IOCLUSTER_BENCH_FLOOR_FLOOR_H_
#define IOCLUSTER_BENCH_FLOOR_FLOOR_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace ioc::bench {

inline constexpr int kSelfFd = 3;

// Starts this program anew with `flag` as its only argument and `fd` as its descriptor kSelfFd. The caller waits for
// it.
absl::StatusOr<pid_t> SpawnSelf(std::string_view flag, int fd);

// The first thing in main: if EchoFloor started this process as the far end of an echo, serves it until the near end
// closes and returns the exit code.
std::optional<int> ServeEchoIfAsked(int argc, char** argv);

// Owns the other process; ends it and waits for it when destroyed. One thread at a time.
class EchoFloor {
 public:
  static absl::StatusOr<std::unique_ptr<EchoFloor>> Start();
  EchoFloor(const EchoFloor&) = delete;
  EchoFloor& operator=(const EchoFloor&) = delete;
  ~EchoFloor();

  // Round trips a second, one at a time, measured for about `duration`.
  absl::StatusOr<double> OneAtATime(absl::Duration duration);
  // Round trips a second with many in flight and many in one write.
  absl::StatusOr<double> Batched(absl::Duration duration);

 private:
  class Connection;

  EchoFloor(pid_t pid, int fd);

  pid_t pid_;
  std::unique_ptr<Connection> connection_;
};

// GB/s (1e9 bytes) of copying `bytes` between two blocks of memory that were touched before, for about `duration`.
double WarmCopyGbPerS(size_t bytes, absl::Duration duration);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_FLOOR_FLOOR_H_

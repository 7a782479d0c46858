// The floor under calls: a bare Cap'n Proto echo, with no cluster in between.
//
// The echo is a second process (this program, started anew) at the other end of a Unix socket pair. Both ends are one
// thread with an Asio coroutine, and each message is decoded from and encoded to a Cap'n Proto message of its own.
#ifndef IOCLUSTER_BENCH_FLOOR_ECHO_H_
#define IOCLUSTER_BENCH_FLOOR_ECHO_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <optional>

#include "bench/floor/self.h"

namespace ioc::bench {

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

  // Round trips a second, one at a time, measured for about `duration`, at least a few.
  absl::StatusOr<double> OneAtATime(absl::Duration duration);
  // Round trips a second with many in flight and many in one write.
  absl::StatusOr<double> Batched(absl::Duration duration);

 private:
  class Connection;

  explicit EchoFloor(std::unique_ptr<FarEnd> far);

  std::unique_ptr<FarEnd> far_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_FLOOR_ECHO_H_

// This program started anew, as the far end of a measurement that needs two processes.
#ifndef IOCLUSTER_BENCH_FLOOR_SELF_H_
#define IOCLUSTER_BENCH_FLOOR_SELF_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <memory>
#include <string_view>

namespace ioc::bench {

inline constexpr int kSelfFd = 3;

// Starts this program with `flag` as its only argument and `fd` as its descriptor kSelfFd. The caller waits for it.
absl::StatusOr<pid_t> SpawnSelf(std::string_view flag, int fd);

// The same at the other end of a Unix socket pair. Ends when it sees the near end close; waited for when destroyed.
class FarEnd {
 public:
  static absl::StatusOr<std::unique_ptr<FarEnd>> Start(std::string_view flag);
  ~FarEnd();
  FarEnd(const FarEnd&) = delete;
  FarEnd& operator=(const FarEnd&) = delete;

  int fd() const { return fd_; }

 private:
  FarEnd(pid_t pid, int fd) : pid_(pid), fd_(fd) {}

  const pid_t pid_;
  const int fd_;
};

// How many processes that do nothing (/bin/true) this machine starts a second, one after the other; 0 if it can't.
double SpawnsPerS(int count);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_FLOOR_SELF_H_

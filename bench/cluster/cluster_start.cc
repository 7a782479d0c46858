#include "bench/cluster/cluster_start.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <iocluster/iocluster.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include "bench/floor/self.h"

namespace ioc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kStartFlag = "--start-a-cluster";
constexpr absl::Duration kPatience = absl::Seconds(20);

int First(int x) { return x; }

// What the other process wrote before it closed its end: its report, or nothing if it failed or was silent for too
// long.
std::string ReadReport(int fd) {
  std::string report;
  char bytes[128];
  pollfd readable = {.fd = fd, .events = POLLIN, .revents = 0};
  while (poll(&readable, 1, static_cast<int>(absl::ToInt64Milliseconds(kPatience))) == 1) {
    const ssize_t count = read(fd, bytes, sizeof bytes);
    if (count <= 0) break;
    report.append(bytes, static_cast<size_t>(count));
    if (report.back() == '\n') break;
  }
  return report;
}

}  // namespace

std::optional<int> StartClusterIfAsked(int argc, char** argv) {
  if (argc != 2 || argv[1] != kStartFlag) return std::nullopt;
  fcntl(kSelfFd, F_SETFD, FD_CLOEXEC);  // not for the workers
  const Clock::time_point begin = Clock::now();
  absl::StatusOr<Cluster> cluster = Cluster::Connect(argc, argv);
  const absl::Status status = cluster.ok() ? cluster->Submit<First>(1).Get(kPatience).status() : cluster.status();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (!status.ok()) {
    std::fprintf(stderr, "can't start a cluster: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return dprintf(kSelfFd, "%.9f\n", seconds) > 0 ? 0 : 1;
}

absl::StatusOr<double> MeasureClusterStart() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "can't make a pipe");
  absl::StatusOr<pid_t> pid = SpawnSelf(kStartFlag, ends[1]);
  close(ends[1]);
  std::string report;
  if (pid.ok()) report = ReadReport(ends[0]);
  close(ends[0]);
  if (!pid.ok()) return pid.status();
  if (report.empty()) kill(*pid, SIGKILL);
  int exit_status = 0;
  while (waitpid(*pid, &exit_status, 0) < 0 && errno == EINTR) {
  }
  double seconds = 0;
  if (exit_status != 0 || !absl::SimpleAtod(report, &seconds)) {
    return absl::UnavailableError("a cluster that was started to measure its start did not run its first task");
  }
  return seconds;
}

}  // namespace ioc::bench

#include "bench/floor/self.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

extern char** environ;

namespace ioc::bench {
namespace {

void WaitFor(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

absl::StatusOr<pid_t> SpawnSelf(std::string_view flag, int fd) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, kSelfFd);
  std::string program = "/proc/self/exe";
  std::string argument(flag);
  char* arguments[] = {program.data(), argument.data(), nullptr};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::ErrnoToStatus(error, "can't start this program a second time");
  return pid;
}

absl::StatusOr<std::unique_ptr<FarEnd>> FarEnd::Start(std::string_view flag) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::ErrnoToStatus(errno, "can't make a socket pair");
  }
  const absl::StatusOr<pid_t> pid = SpawnSelf(flag, ends[1]);
  close(ends[1]);
  if (!pid.ok()) {
    close(ends[0]);
    return pid.status();
  }
  return std::unique_ptr<FarEnd>(new FarEnd(*pid, ends[0]));
}

FarEnd::~FarEnd() {
  close(fd_);
  WaitFor(pid_);
}

double SpawnsPerS(int count) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  std::string program = "/bin/true";
  char* arguments[] = {program.data(), nullptr};
  int started = 0;
  for (; started < count; ++started) {
    pid_t pid = 0;
    if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environ) != 0) break;
    WaitFor(pid);
  }
  return started / std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace ioc::bench

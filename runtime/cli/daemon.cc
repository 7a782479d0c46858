#include "runtime/cli/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "lib/base/check.h"

namespace ioc {
namespace {

// A signal handler gets no argument of ours, so what it needs has to be global.
std::atomic<int> wake_fd{-1};
std::atomic<int> signals_seen{0};

void WriteByte(int fd) {
  const char byte = 0;
  // A full pipe has woken the reader already.
  [[maybe_unused]] const ssize_t written = ::write(fd, &byte, 1);
}

void HandleSignal(int signal) {
  if (signals_seen.fetch_add(1) > 0) ::_exit(128 + signal);
  const int saved_errno = errno;
  WriteByte(wake_fd.load());
  errno = saved_errno;
}

void SetHandler(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

// What children inherit as well: some programs close all that they may have one by one.
constexpr rlim_t kMaxOpenFiles = 1 << 17;

}  // namespace

void RaiseOpenFilesLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kMaxOpenFiles);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Interrupts::Interrupts() {
  IOC_CHECK(::pipe2(pipe_.data(), O_CLOEXEC) == 0) << "no pipe for signals: errno " << errno;
  ::fcntl(pipe_[1], F_SETFL, O_NONBLOCK);  // a signal handler must not block
  IOC_CHECK(wake_fd.exchange(pipe_[1]) == -1) << "one at a time";
  signals_seen = 0;
  SetHandler(HandleSignal);
}

Interrupts::~Interrupts() {
  SetHandler(SIG_DFL);
  wake_fd = -1;
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

void Interrupts::Wait() {
  // Not in read: ThreadSanitizer runs no handler of a thread that waits there.
  pollfd readable{.fd = pipe_[0], .events = POLLIN, .revents = 0};
  while (::poll(&readable, 1, -1) < 0 && errno == EINTR) {
  }
  char byte = 0;
  [[maybe_unused]] const ssize_t taken = ::read(pipe_[0], &byte, 1);
}

void Interrupts::Wake() { WriteByte(pipe_[1]); }

bool Interrupts::interrupted() const { return signals_seen > 0; }

}  // namespace ioc

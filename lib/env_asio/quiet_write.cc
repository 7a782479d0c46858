#include "lib/env_asio/quiet_write.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace ioc {

void WriteQuietly(int fd, const char* bytes, size_t size) {
  sigset_t pipe_signal;
  sigset_t pending;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  // The signal of a failed write goes to the thread that wrote, and waits while it is blocked.
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  bool is_broken = false;
  while (size > 0) {
    const ssize_t written = write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    is_broken = written < 0 && errno == EPIPE;
    if (written <= 0) break;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  if (is_broken && sigismember(&pending, SIGPIPE) == 0) {
    const timespec at_once = {};
    while (sigtimedwait(&pipe_signal, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace ioc

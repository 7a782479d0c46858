#include "lib/env_asio/asio_processes.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "lib/env_asio/asio_connection.h"
#include "lib/env_asio/socket.h"
#include "lib/env_asio/spawn.h"

namespace ioc {
namespace {

// Grandchildren may keep the pipe open: after the child's end we read what is there for this long at most.
constexpr absl::Duration kDrainTimeout = absl::Milliseconds(200);
// A killed process ends at once, unless the kernel is stuck in a driver for it.
constexpr int kReapTimeoutMs = 1000;
constexpr int kMaxReadsATurn = 16;

void WriteToStderr(const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(STDERR_FILENO, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
}

// Copies a child's standard error to ours and keeps the tail.
class ErrorReader final : private FdHandler {
 public:
  ErrorReader(AsioExecutor& executor, UniqueFd pipe, Callback on_end)
      : on_end_(std::move(on_end)), watch_(executor.loop(), std::move(pipe), static_cast<FdHandler&>(*this)) {
    watch_.WaitReadable();
  }

  bool ended() const { return ended_; }
  const std::string& tail() const { return tail_; }

  // Takes what is there; false at the end.
  bool Read() {
    char buffer[4096];
    for (int i = 0; i < kMaxReadsATurn && !ended_; ++i) {
      const ssize_t got = read(watch_.fd(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return true;
      if (got <= 0) {
        ended_ = true;
        break;
      }
      WriteToStderr(buffer, static_cast<size_t>(got));
      tail_.append(buffer, static_cast<size_t>(got));
      if (tail_.size() > kStderrTailBytes) tail_.erase(0, tail_.size() - kStderrTailBytes);
    }
    return !ended_;
  }

 private:
  void OnReadable() override {
    if (Read()) return watch_.WaitReadable();
    Callback on_end = std::move(on_end_);  // It may destroy us.
    on_end();
  }

  Callback on_end_;
  std::string tail_;
  bool ended_ = false;
  FdWatch watch_;
};

}  // namespace

class AsioChild final : public Child, private FdHandler {
 public:
  AsioChild(AsioExecutor& executor, Spawned spawned, ExitHandler on_exit)
      : executor_(executor),
        pid_(spawned.pid),
        on_exit_(std::move(on_exit)),
        pidfd_(fcntl(spawned.pidfd.get(), F_DUPFD_CLOEXEC, 0)),
        errors_(executor, std::move(spawned.errors), [this] { FinishIfDone(); }) {
    connection_ = std::make_unique<AsioConnection>(
        executor, std::move(spawned.socket), PeerInfo{.description = absl::StrCat("pid ", pid_), .same_machine = true});
    watch_.emplace(executor.loop(), std::move(spawned.pidfd), static_cast<FdHandler&>(*this));
    watch_->WaitReadable();
  }

  ~AsioChild() override {
    executor_.CancelTimer(drain_timer_);
    if (exited_) return;
    Kill();
    pollfd end = {.fd = pidfd_.get(), .events = POLLIN};
    while (poll(&end, 1, kReapTimeoutMs) < 0 && errno == EINTR) {
    }
    Reap(pidfd_, status_);
  }

  int64_t pid() const override { return pid_; }
  std::unique_ptr<Connection> TakeConnection() override { return std::move(connection_); }
  void Kill() override {
    if (!exited_) syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  }

 private:
  void OnReadable() override {
    if (!Reap(pidfd_, status_)) return watch_->WaitReadable();
    exited_ = true;
    watch_.reset();
    drain_timer_ = executor_.Schedule(kDrainTimeout, [this] { Finish(); });
    FinishIfDone();
  }

  void FinishIfDone() {
    if (exited_ && errors_.ended()) Finish();
  }

  // The handler may destroy the child.
  void Finish() {
    executor_.CancelTimer(drain_timer_);
    if (on_exit_ == nullptr) return;
    status_.stderr_tail = errors_.tail();
    ExitHandler handler = std::move(on_exit_);
    on_exit_ = nullptr;
    const ExitStatus status = std::move(status_);
    handler(status);
  }

  AsioExecutor& executor_;
  const int64_t pid_;
  ExitHandler on_exit_;
  std::unique_ptr<Connection> connection_;
  UniqueFd pidfd_;
  std::optional<FdWatch> watch_;  // of a copy of pidfd_, until the process has ended
  bool exited_ = false;
  ExitStatus status_;
  TimerId drain_timer_ = 0;
  ErrorReader errors_;
};

absl::StatusOr<std::unique_ptr<Child>> AsioProcesses::Spawn(const SpawnOptions& options, ExitHandler on_exit) {
  absl::StatusOr<Spawned> spawned = SpawnProcess(options);
  if (!spawned.ok()) return spawned.status();
  return std::make_unique<AsioChild>(executor_, *std::move(spawned), std::move(on_exit));
}

std::unique_ptr<Connection> TakeParentConnection(AsioExecutor& executor) {
  const char* text = std::getenv(kWorkerFdVariable);
  int fd = -1;
  if (text == nullptr || !absl::SimpleAtoi(text, &fd)) return nullptr;
  // Programs that this one starts are not workers.
  unsetenv(kWorkerFdVariable);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode)) return nullptr;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  PeerInfo peer = DescribePeer(fd);
  return std::make_unique<AsioConnection>(executor, UniqueFd(fd), std::move(peer));
}

}  // namespace ioc

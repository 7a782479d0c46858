#include "lib/env_asio/asio_processes.h"

#include <absl/strings/numbers.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "lib/env_asio/asio_child.h"
#include "lib/env_asio/asio_connection.h"
#include "lib/env_asio/asio_template.h"
#include "lib/env_asio/socket.h"
#include "lib/env_asio/spawn.h"

namespace ioc {
namespace {

class AsioWatch final : public ProcessWatch, private FdHandler {
 public:
  // Without a `pidfd`, of a process that has ended.
  AsioWatch(AsioExecutor& executor, UniqueFd pidfd, Callback on_end) : executor_(executor), on_end_(std::move(on_end)) {
    if (pidfd) {
      watch_.emplace(executor_.loop(), std::move(pidfd), static_cast<FdHandler&>(*this));
      watch_->WaitReadable();
    } else {
      timer_ = executor_.Schedule(absl::ZeroDuration(), [this] { OnReadable(); });
    }
  }
  ~AsioWatch() override { executor_.CancelTimer(timer_); }

 private:
  // The callback may destroy the watch.
  void OnReadable() override {
    Callback on_end = std::move(on_end_);
    on_end();
  }

  AsioExecutor& executor_;
  Callback on_end_;
  std::optional<FdWatch> watch_;
  TimerId timer_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> AsioProcesses::Spawn(const SpawnOptions& options, ExitHandler on_exit) {
  absl::StatusOr<ChildPlumbing> plumbing = MakeChildPlumbing(options.program);
  if (!plumbing.ok()) return plumbing.status();
  absl::StatusOr<Spawned> spawned = SpawnProcess(options, std::move(plumbing->theirs));
  if (!spawned.ok()) return spawned.status();
  auto child =
      std::make_unique<AsioChild>(executor_, errors_, options.program, std::move(plumbing->ours), std::move(on_exit));
  child->Started(*std::move(spawned));
  return child;
}

std::unique_ptr<ProcessTemplate> AsioProcesses::MakeTemplate(SpawnOptions options) {
  return std::make_unique<AsioTemplate>(executor_, errors_, reaper_, std::move(options));
}

std::unique_ptr<ProcessWatch> AsioProcesses::Watch(int64_t pid, Callback on_end) {
  if (pid <= 0) return nullptr;
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!pidfd && errno != ESRCH) return nullptr;
  return std::make_unique<AsioWatch>(executor_, std::move(pidfd), std::move(on_end));
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

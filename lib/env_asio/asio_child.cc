#include "lib/env_asio/asio_child.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lib/env_asio/asio_connection.h"

namespace ioc {
namespace {

// Grandchildren may keep the pipe open: after the child's end we read what is there for this long at most.
constexpr absl::Duration kDrainTimeout = absl::Milliseconds(200);
// A killed process ends at once, unless the machine is very busy, or the kernel stuck in a driver for it.
constexpr int kReapTimeoutMs = 10'000;
constexpr int kMaxReadsATurn = 16;
// As a shell says that it could not run a program.
constexpr int kNotStartedCode = 127;

}  // namespace

// Copies a child's standard error to ours and keeps the tail.
class AsioChild::ErrorReader final : private FdHandler {
 public:
  ErrorReader(AsioExecutor& executor, ErrorOutput& output, UniqueFd pipe, Callback on_end)
      : output_(output),
        on_end_(std::move(on_end)),
        watch_(executor.loop(), std::move(pipe), static_cast<FdHandler&>(*this)) {
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
      output_.Write({buffer, static_cast<size_t>(got)});
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

  ErrorOutput& output_;
  Callback on_end_;
  std::string tail_;
  bool ended_ = false;
  FdWatch watch_;
};

AsioChild::AsioChild(AsioExecutor& executor, ErrorOutput& errors, const std::string& name, ChildEnds ends,
                     ExitHandler on_exit)
    : executor_(executor),
      on_exit_(std::move(on_exit)),
      connection_(std::make_unique<AsioConnection>(
          executor, std::move(ends.socket),
          PeerInfo{.description = absl::StrCat("a worker of ", name), .same_machine = true})),
      errors_(std::make_unique<ErrorReader>(executor, errors, std::move(ends.errors), [this] { FinishIfDone(); })) {}

AsioChild::~AsioChild() {
  executor_.CancelTimer(drain_timer_);
  if (forker_ != nullptr) forker_->Forget(*this);
  if (exited_ || !process_.pidfd) return;
  Kill();
  AwaitEnd(process_.pidfd, kReapTimeoutMs);
  if (is_ours_) Reap(process_.pidfd, status_);
}

void AsioChild::Started(Spawned process) {
  is_ours_ = true;
  process_ = std::move(process);
  Watch();
}

void AsioChild::StartedBy(Spawned process) {
  process_ = std::move(process);
  if (killed_) Kill();
}

Spawned AsioChild::TakeProcess() {
  watch_.reset();
  is_ours_ = false;
  return std::move(process_);
}

void AsioChild::WatchAlone() {
  if (!exited_) Watch();
}

void AsioChild::Watch() {
  UniqueFd copy(fcntl(process_.pidfd.get(), F_DUPFD_CLOEXEC, 0));
  watch_.emplace(executor_.loop(), std::move(copy), static_cast<FdHandler&>(*this));
  watch_->WaitReadable();
}

void AsioChild::Kill() {
  if (exited_) return;
  killed_ = true;
  if (process_.pidfd) return KillProcess(process_.pidfd);
  // It is not forked yet, and shall not be.
  if (forker_ != nullptr) forker_->Forget(*this);
  HasEnded({.signal = SIGKILL});
}

void AsioChild::OnReadable() {
  ExitStatus status = {.code = -1};  // of a process that others have reaped
  if (is_ours_ && !Reap(process_.pidfd, status)) return watch_->WaitReadable();
  HasEnded(std::move(status));
}

void AsioChild::HasEnded(ExitStatus status) {
  if (exited_) return;
  exited_ = true;
  status_ = std::move(status);
  watch_.reset();
  drain_timer_ = executor_.Schedule(kDrainTimeout, [this] { Finish(); });
  FinishIfDone();
}

void AsioChild::NotStarted(const absl::Status& why) {
  if (exited_) return;
  exited_ = true;
  status_ = {.code = kNotStartedCode, .not_started = why};
  drain_timer_ = executor_.Schedule(absl::ZeroDuration(), [this] { Finish(); });
}

void AsioChild::FinishIfDone() {
  if (exited_ && errors_->ended()) Finish();
}

// The handler may destroy the child.
void AsioChild::Finish() {
  executor_.CancelTimer(drain_timer_);
  if (on_exit_ == nullptr) return;
  if (status_.stderr_tail.empty()) status_.stderr_tail = errors_->tail();
  ExitHandler handler = std::move(on_exit_);
  on_exit_ = nullptr;
  const ExitStatus status = std::move(status_);
  handler(status);
}

}  // namespace ioc

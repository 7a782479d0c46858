#include "lib/env_asio/reaper.h"

#include <fcntl.h>

#include <utility>

namespace ioc {
namespace {

// A template ends when it has seen its children's ends.
constexpr int kEndMs = 1000;
// A killed process ends at once, unless the machine is very busy, or the kernel stuck in a driver for it.
constexpr int kReapTimeoutMs = 10'000;

}  // namespace

class Reaper::Ending final : private FdHandler {
 public:
  Ending(Reaper& reaper, Spawned process)
      : reaper_(reaper),
        process_(std::move(process)),
        watch_(reaper.executor_.loop(), UniqueFd(fcntl(process_.pidfd.get(), F_DUPFD_CLOEXEC, 0)),
               static_cast<FdHandler&>(*this)) {
    watch_.WaitReadable();
    kill_timer_ = reaper_.executor_.Schedule(absl::Milliseconds(kEndMs), [this] {
      kill_timer_ = 0;
      KillProcess(process_.pidfd);
    });
  }
  ~Ending() {
    reaper_.executor_.CancelTimer(kill_timer_);
    ExitStatus status;
    if (!reaped_) Reap(process_.pidfd, status);
  }

  // Blocks.
  void Await() {
    if (AwaitEnd(process_.pidfd, kEndMs)) return;
    KillProcess(process_.pidfd);
    AwaitEnd(process_.pidfd, kReapTimeoutMs);
  }

 private:
  void OnReadable() override {
    ExitStatus status;
    reaped_ = Reap(process_.pidfd, status);
    if (!reaped_) return watch_.WaitReadable();
    std::erase_if(reaper_.endings_, [this](const auto& ending) { return ending.get() == this; });
  }

  Reaper& reaper_;
  const Spawned process_;
  FdWatch watch_;  // of a copy of the pidfd
  TimerId kill_timer_ = 0;
  bool reaped_ = false;
};

Reaper::Reaper(AsioExecutor& executor) : executor_(executor) {}

Reaper::~Reaper() {
  MutexLock lock(executor_.mutex());  // its thread may still run
  for (const auto& ending : endings_) ending->Await();
  endings_.clear();
}

void Reaper::Take(Spawned process) { endings_.push_back(std::make_unique<Ending>(*this, std::move(process))); }

}  // namespace ioc

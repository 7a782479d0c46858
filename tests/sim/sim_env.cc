#include "tests/sim/sim_env.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/check.h"
#include "tests/sim/sim_memory.h"

namespace ioc::sim {
namespace {

HostInfo HostOf(const SimMachine& machine, int64_t pid) {
  return {.hostname = machine.name(),
          .machine = Mix(machine.index),
          .pid = pid,
          .cpus = machine.options.cpus,
          .memory_bytes = machine.options.memory_bytes,
          .os = machine.options.os,
          .arch = machine.options.arch};
}

}  // namespace

SimEnv::SimEnv(World& world, SimMachine& machine, std::string name, int64_t pid)
    : world_(world),
      machine_(machine),
      name_(std::move(name)),
      host_(HostOf(machine, pid)),
      random_(world.random().Next()),
      executor_(world, *this),
      network_(world, *this),
      processes_(world, *this),
      files_(world, machine),
      background_(world, *this) {}

SimEnv::~SimEnv() = default;

absl::StatusOr<std::shared_ptr<SharedMemory>> SimEnv::CreateSharedMemory(std::string_view name, size_t size) {
  return CreateSimMemory(machine_, name, size);
}

void SimEnv::Log(LogLevel level, std::string_view message) {
  if (!alive()) return;
  absl::StrAppend(&stderr_tail_, std::string(message), "\n");
  if (stderr_tail_.size() > kStderrTailBytes) stderr_tail_.erase(0, stderr_tail_.size() - kStderrTailBytes);
  world_.AddLog(level, *this, message);
}

std::string SimEnv::environment(const std::string& name) const {
  const auto found = environment_.find(name);
  return found == environment_.end() ? "" : found->second;
}

void SimEnv::Exit(int code) {
  Fiber* const fiber = Fiber::Current();
  IOC_CHECK(fiber != nullptr) << name_ << " exits, but not on one of its fibres";
  world_.Finish(*this, {.code = code});
  fiber->Unwind();
}

void SimEnv::RunMain(absl::Duration delay, ProgramMain main, std::vector<std::string> arguments) {
  const absl::Time start = world_.Now() + delay;
  world_.Schedule(start, this, EventKind::kStart, false,
                  [this, main = std::move(main), arguments = std::move(arguments)]() mutable {
                    main_ =
                        executor_.StartThread("main", [this, main = std::move(main), arguments = std::move(arguments)] {
                          const int code = main(*this, arguments);
                          if (alive()) world_.Finish(*this, {.code = code});
                        });
                  });
}

void SimEnv::Close(ExitStatus status) {
  status.stderr_tail = std::move(stderr_tail_);
  exit_status_ = std::move(status);
  executor_.Close();
  network_.Close();
  for (Callback& callback : std::exchange(when_ended_, {})) callback();
  if (on_exit_ != nullptr) {
    world_.Schedule(world_.Now() + world_.topology().Latency(machine_, machine_), nullptr, EventKind::kExit, false,
                    [handler = std::move(on_exit_), exit_status = *exit_status_]() mutable { handler(exit_status); });
  }
}

void SimEnv::Reap() {
  executor_.UnwindFibers();
  main_.reset();
  parent_.reset();
  background_.Clear();
}

}  // namespace ioc::sim

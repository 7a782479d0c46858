#include "tests/sim/sim_processes.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/status.h"
#include "tests/sim/sim_env.h"
#include "tests/sim/sim_link.h"

namespace ioc::sim {
namespace {

class SimChild final : public Child {
 public:
  SimChild(SimEnv& parent, SimEnv& child, std::unique_ptr<Connection> connection, std::shared_ptr<ExitHandler> on_exit)
      : parent_(parent), child_(child), connection_(std::move(connection)), on_exit_(std::move(on_exit)) {}
  ~SimChild() override {
    *on_exit_ = nullptr;
    Kill();
  }

  int64_t pid() const override { return child_.pid(); }
  std::unique_ptr<Connection> TakeConnection() override { return std::move(connection_); }
  // A dead parent kills nobody: its children notice by their connection.
  void Kill() override {
    if (parent_.alive()) parent_.world().Crash(child_);
  }

 private:
  SimEnv& parent_;
  SimEnv& child_;
  std::unique_ptr<Connection> connection_;
  const std::shared_ptr<ExitHandler> on_exit_;
};

class SimWatch final : public ProcessWatch {
 public:
  explicit SimWatch(std::shared_ptr<Callback> on_end) : on_end_(std::move(on_end)) {}
  ~SimWatch() override { *on_end_ = nullptr; }

 private:
  const std::shared_ptr<Callback> on_end_;
};

}  // namespace

// Its process is not simulated: what can go wrong with it is that children end without a status.
class SimTemplate final : public ProcessTemplate {
 public:
  SimTemplate(SimProcesses& processes, SpawnOptions options) : processes_(processes), options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<Child>> Fork(const std::vector<std::pair<std::string, std::string>>& environment,
                                              ExitHandler on_exit) override {
    SpawnOptions options = options_;
    options.environment.insert(options.environment.end(), environment.begin(), environment.end());
    World& world = processes_.world_;
    const DurationRange& latency = is_ready_ ? world.options().fork_latency : world.options().spawn_latency;
    auto child = processes_.SpawnAfter(world.random().Between(latency), options, std::move(on_exit));
    is_ready_ = is_ready_ || child.ok();
    return child;
  }

 private:
  SimProcesses& processes_;
  const SpawnOptions options_;
  bool is_ready_ = false;
};

std::unique_ptr<ProcessTemplate> SimProcesses::MakeTemplate(SpawnOptions options) {
  return std::make_unique<SimTemplate>(*this, std::move(options));
}

std::unique_ptr<ProcessWatch> SimProcesses::Watch(int64_t pid, Callback on_end) {
  SimEnv* const watched = world_.FindProcess(pid);
  if (watched != nullptr && &watched->machine() != &process_.machine()) return nullptr;
  auto callback = std::make_shared<Callback>(std::move(on_end));
  Callback ended = [this, callback] {
    world_.Schedule(world_.Now(), &process_, EventKind::kExit, true, [callback] {
      if (*callback != nullptr) std::exchange(*callback, nullptr)();
    });
  };
  const bool lives = watched != nullptr && watched->alive();
  lives ? watched->WhenEnded(std::move(ended)) : ended();
  return std::make_unique<SimWatch>(std::move(callback));
}

absl::StatusOr<std::unique_ptr<Child>> SimProcesses::Spawn(const SpawnOptions& options, ExitHandler on_exit) {
  return SpawnAfter(world_.random().Between(world_.options().spawn_latency), options, std::move(on_exit));
}

absl::StatusOr<std::unique_ptr<Child>> SimProcesses::SpawnAfter(absl::Duration latency, const SpawnOptions& options,
                                                                ExitHandler on_exit) {
  SimMachine& machine = process_.machine();
  const auto file = machine.files.find(options.program);
  if (file == machine.files.end()) {
    return MakeError(Cause::kProgramMissing,
                     absl::StrCat("can't start ", options.program, ": there is no such file on ", machine.name()));
  }
  const Program* const program = world_.FindProgram(file->second);
  if (program == nullptr || !file->second.executable) {
    return MakeError(Cause::kProgramMissing, absl::StrCat("can't start ", options.program, ": it is not executable"));
  }
  if (!process_.alive()) return MakeError(Cause::kDisconnected, "the process that starts it is dead");

  SimEnv& child = world_.AddProcess(
      machine, absl::StrCat(options.program.substr(options.program.rfind('/') + 1), "@", machine.name()));
  std::map<std::string, std::string> environment = process_.environment();
  for (const auto& [name, value] : options.defaults) environment.try_emplace(name, value);
  for (const auto& [name, value] : options.environment) environment[name] = value;
  child.set_environment(std::move(environment));

  auto [ours, theirs] = SimLink::Connect(world_, process_, child);
  child.set_parent(std::move(theirs));

  auto handler = std::make_shared<ExitHandler>(std::move(on_exit));
  child.set_on_exit([this, handler](const ExitStatus& status) {
    if (!process_.alive()) return;
    Callback turn = [&handler, &status] {
      // Moved out, since it may destroy the Child and with it itself.
      if (ExitHandler callback = std::exchange(*handler, nullptr); callback != nullptr) callback(status);
    };
    process_.executor().RunTurn(turn);
  });
  child.RunMain(latency, program->main, options.arguments);
  return std::make_unique<SimChild>(process_, child, std::move(ours), std::move(handler));
}

}  // namespace ioc::sim

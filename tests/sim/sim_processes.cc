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

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> SimProcesses::Spawn(const SpawnOptions& options, ExitHandler on_exit) {
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
  child.RunMain(world_.random().Between(world_.options().spawn_latency), program->main, options.arguments);
  return std::make_unique<SimChild>(process_, child, std::move(ours), std::move(handler));
}

}  // namespace ioc::sim

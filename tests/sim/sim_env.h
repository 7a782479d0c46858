// A simulated process: the Env that its roles see, and its state in the World, which owns it for its whole life.
//
// Once it has died (killed, or its program ended) its Env is closed: sends are swallowed, timers and connections
// silent, and none of its code is started again, so destructors that run later do no harm.
#ifndef IOCLUSTER_TESTS_SIM_SIM_ENV_H_
#define IOCLUSTER_TESTS_SIM_SIM_ENV_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_executor.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_processes.h"
#include "tests/sim/world.h"

namespace ioc::sim {

class SimEnv final : public Env {
 public:
  SimEnv(World& world, SimMachine& machine, std::string name, int64_t pid);
  ~SimEnv() override;

  SimExecutor& executor() override { return executor_; }
  SimNetwork& network() override { return network_; }
  SimProcesses& processes() override { return processes_; }
  SimFiles& files() override { return files_; }
  SimBackground& background() override { return background_; }
  absl::StatusOr<std::shared_ptr<SharedMemory>> CreateSharedMemory(std::string_view name, size_t size) override;
  uint64_t Random() override { return random_.Next(); }
  const HostInfo& host() const override { return host_; }
  std::unique_ptr<Connection> TakeParent() override { return std::move(parent_); }
  void Log(LogLevel level, std::string_view message) override;

  World& world() { return world_; }
  SimMachine& machine() const { return machine_; }
  const std::string& name() const { return name_; }
  int64_t pid() const { return host_.pid; }
  bool alive() const { return !exit_status_.has_value(); }
  const std::optional<ExitStatus>& exit_status() const { return exit_status_; }

  // What Spawn was given.
  std::string environment(const std::string& name) const;
  void set_environment(std::map<std::string, std::string> environment) { environment_ = std::move(environment); }
  const std::map<std::string, std::string>& environment() const { return environment_; }
  void set_parent(std::unique_ptr<Connection> parent) { parent_ = std::move(parent); }
  // The exit handler of whoever started it, called outside of this process.
  void set_on_exit(ExitHandler on_exit) { on_exit_ = std::move(on_exit); }
  // Also called when it ends.
  void WhenEnded(Callback callback) { when_ended_.push_back(std::move(callback)); }

  // Like exit() in this process. On one of its fibres.
  [[noreturn]] void Exit(int code);
  // Runs `main` on a fibre from `delay` on; the process ends with it.
  void RunMain(absl::Duration delay, ProgramMain main, std::vector<std::string> arguments);

  // For the World: nothing happens here from now on.
  void Close(ExitStatus status);
  // Then, on the main stack: ends its fibres and lets go of what it holds.
  void Reap();

 private:
  World& world_;
  SimMachine& machine_;
  const std::string name_;
  const HostInfo host_;
  sim::Random random_;
  SimExecutor executor_;
  SimNetwork network_;
  SimProcesses processes_;
  SimFiles files_;
  SimBackground background_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<Connection> parent_;
  std::unique_ptr<Thread> main_;
  ExitHandler on_exit_;
  std::vector<Callback> when_ended_;
  std::string stderr_tail_;
  std::optional<ExitStatus> exit_status_;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_ENV_H_

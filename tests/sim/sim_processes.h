// Child processes of a simulated process: registered programs, each on a fibre of its own Env.
#ifndef IOCLUSTER_TESTS_SIM_SIM_PROCESSES_H_
#define IOCLUSTER_TESTS_SIM_SIM_PROCESSES_H_

#include <memory>

#include "lib/env/processes.h"
#include "tests/sim/world.h"

namespace ioc::sim {

class SimProcesses final : public Processes {
 public:
  SimProcesses(World& world, SimEnv& process) : world_(world), process_(process) {}
  absl::StatusOr<std::unique_ptr<Child>> Spawn(const SpawnOptions& options, ExitHandler on_exit) override;
  // The first is started like any other, the others in the fork latency.
  std::unique_ptr<ProcessTemplate> MakeTemplate(SpawnOptions options) override;
  std::unique_ptr<ProcessWatch> Watch(int64_t pid, Callback on_end) override;

 private:
  friend class SimTemplate;
  absl::StatusOr<std::unique_ptr<Child>> SpawnAfter(absl::Duration latency, const SpawnOptions& options,
                                                    ExitHandler on_exit);

  World& world_;
  SimEnv& process_;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_PROCESSES_H_

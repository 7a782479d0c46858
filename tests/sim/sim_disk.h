// The disk of a simulated machine as scratch files use it: in memory, with a limit and faults, and work beside the
// executor that takes as long as such a disk.
#ifndef IOCLUSTER_TESTS_SIM_SIM_DISK_H_
#define IOCLUSTER_TESTS_SIM_SIM_DISK_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "lib/env/background.h"
#include "lib/env/files.h"
#include "lib/env/work_queue.h"
#include "tests/sim/topology.h"

namespace ioc::sim {

class World;

std::shared_ptr<ScratchFile> CreateSimScratch(SimMachine& machine, std::string_view directory);

// Work runs at the end of the time that it takes, one after the other; none does once the process is dead.
class SimBackground final : public Background {
 public:
  SimBackground(World& world, SimEnv& process) : world_(world), process_(process) {}
  void Run(uint64_t bytes, Work work, Done done) override;
  void RunFirst(uint64_t bytes, Work work, Done done) override;
  // The process is dead.
  void Clear() { jobs_ = {}; }

 private:
  struct Job {
    uint64_t bytes = 0;
    Work work;
    Done done;
  };

  void Begin();

  World& world_;
  SimEnv& process_;
  WorkQueue<Job> jobs_;
  bool is_busy_ = false;
};

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_DISK_H_

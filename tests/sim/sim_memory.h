// Shared memory of a simulated machine: memory of the test program, with a limit a machine.
#ifndef IOCLUSTER_TESTS_SIM_SIM_MEMORY_H_
#define IOCLUSTER_TESTS_SIM_SIM_MEMORY_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string_view>

#include "lib/env/shared_memory.h"
#include "tests/sim/topology.h"

namespace ioc::sim {

// All processes see the region at the same place. It may outlive the world.
absl::StatusOr<std::shared_ptr<SharedMemory>> CreateSimMemory(SimMachine& machine, std::string_view name, size_t size);

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SIM_MEMORY_H_

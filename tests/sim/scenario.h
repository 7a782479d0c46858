// What the scenarios of simulated clusters share. Each runs for several seeds, and twice for each: the second run must
// leave the same trace.
//
//   TEST_CASE("a task is run") {
//     RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
//       cluster.Drive([](Driver& driver) { CHECK(driver.cluster.Submit<Add>(1, 2).Get().value() == 3); });
//     });
//   }
#ifndef IOCLUSTER_TESTS_SIM_SCENARIO_H_
#define IOCLUSTER_TESTS_SIM_SCENARIO_H_

#include <cstddef>
#include <functional>

#include "tests/sim/cluster.h"

namespace ioc::sim {

// User code, the real roles, random latencies, and what harm it does.
using Scenario = std::function<void(SimCluster&)>;

// IOC_SIM_SEEDS says how many; 5 if it is not set. IOC_SIM_SEED names a single one.
void RunSeeds(const SimClusterOptions& options, const Scenario& scenario);

// Checks that nothing is left anywhere, once nobody refers to anything and nothing runs: no object, reference, pin,
// slab, lease, stream or actor. Gives it three virtual minutes: what
// was lent to a process that is cut off is kept for as long as it may come back.
void CheckQuiet(Driver& driver);

// Waits until so many tasks or calls are in Work.
void AwaitWork(Driver& driver, size_t tasks);

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_SCENARIO_H_

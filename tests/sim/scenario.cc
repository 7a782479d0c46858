#include "tests/sim/scenario.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "lib/base/mutex.h"

namespace ioc::sim {
namespace {

uint64_t Seeds() {
  const char* const seeds = std::getenv("IOC_SIM_SEEDS");
  return seeds == nullptr ? 5 : std::strtoull(seeds, nullptr, 10);
}

}  // namespace

void RunSeeds(const SimClusterOptions& options, const Scenario& scenario) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    INFO("seed " << seed);
    uint64_t hashes[2];
    for (uint64_t& hash : hashes) {
      SimCluster cluster(seed, options);
      scenario(cluster);
      hash = cluster.world().trace_hash();
    }
    CHECK(hashes[0] == hashes[1]);
  }
}

void CheckQuiet(Driver& driver) {
  driver.Sleep(absl::Seconds(3));
  {
    MutexLock lock(driver.env.executor().mutex());
    CHECK(driver.client.objects().size() == 0);
    CHECK(driver.client.store().pinned() == 0);
  }
  CHECK(driver.Status().waiting == 0);
  for (const NodeStatus& node : driver.Nodes()) {
    if (!node.alive) continue;
    INFO(node.info.name);
    CHECK(node.report.leases == 0);
    CHECK(node.report.waiting == 0);
    CHECK(node.report.objects == 0);
    CHECK(node.report.free == node.info.total);
  }
}

void AwaitWork(Driver& driver, size_t tasks) {
  for (int i = 0; i < 2000 && ProcessesAtWork().size() < tasks; ++i) driver.Sleep(absl::Milliseconds(5));
  REQUIRE(ProcessesAtWork().size() >= tasks);
}

}  // namespace ioc::sim

#include "tests/sim/scenario.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "lib/protocol/census_json.h"
#include "tests/held.h"

namespace ioc::sim {
namespace {

uint64_t Seeds() {
  const char* const seeds = std::getenv("IOC_SIM_SEEDS");
  return seeds == nullptr ? 5 : std::strtoull(seeds, nullptr, 10);
}

}  // namespace

void RunSeeds(const SimClusterOptions& options, const Scenario& scenario) {
  const char* const only = std::getenv("IOC_SIM_SEED");
  const uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  const uint64_t last = only == nullptr ? Seeds() : first;
  for (uint64_t seed = first; seed <= last; ++seed) {
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
  std::string held;
  for (int second = 0; second < 180; ++second) {
    driver.Sleep(absl::Seconds(1));
    JsonWriter json;
    WriteObjects(json, driver.Objects());
    held.clear();
    for (const std::string& line : HeldIn(json.Take())) held += line + "\n";
    if (held.empty()) break;
  }
  CHECK(held == "");
  driver.Sleep(absl::Seconds(2));  // reports are late
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

// Whole clusters in simulated worlds: user code, real roles, random latencies, harm. Each scenario runs for several
// seeds, and twice for each: the second run must leave the same trace.
#include "tests/sim/cluster.h"

#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <set>

#include "lib/base/status.h"
#include "tests/sim/programs.h"

namespace ioc::sim {
namespace {

using Scenario = std::function<void(SimCluster&)>;

void RunSeeds(const SimClusterOptions& options, const Scenario& scenario, uint64_t seeds = 5) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    uint64_t hashes[2];
    for (uint64_t& hash : hashes) {
      SimCluster cluster(seed, options);
      scenario(cluster);
      hash = cluster.world().trace_hash();
    }
    INFO("seed " << seed);
    CHECK(hashes[0] == hashes[1]);
  }
}

TEST_CASE("a simulated task returns its result") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) { REQUIRE(driver.cluster.Submit<Add>(1, 2).Get().value() == 3); });
  });
}

}  // namespace
}  // namespace ioc::sim

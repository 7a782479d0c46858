// Everything at once, and in the end nothing is held: by seeds, without and with workers that die and connections that
// break.
#include <absl/strings/str_join.h>

#include <catch2/catch.hpp>

#include "tests/mixed_load.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

void CheckReport(const MixedLoadReport& report) { CHECK(absl::StrJoin(report.mistakes, "\n") == ""); }

TEST_CASE("a program that uses everything leaves nothing behind") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive(
        [&](Driver& driver) {
          CheckReport(RunMixedLoad(driver.cluster, {.seed = cluster.world().seed(), .operations = 1200}, [](int) {}));
          CheckQuiet(driver);
        },
        absl::Hours(1));
  });
}

TEST_CASE("a program that uses everything while workers die leaves nothing behind") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive(
        [&](Driver& driver) {
          World& world = cluster.world();
          const auto kill_sometimes = [&](int) {
            if (world.random().Below(12) != 0) return;
            const std::vector<SimEnv*> workers = cluster.Workers(static_cast<int>(world.random().Below(3)));
            if (!workers.empty()) world.Crash(*workers[world.random().Below(workers.size())]);
          };
          const MixedLoadOptions options{.seed = world.seed(), .operations = 1200, .faults = true};
          CheckReport(RunMixedLoad(driver.cluster, options, kill_sometimes));
          CheckQuiet(driver);
        },
        absl::Hours(1));
  });
}

TEST_CASE("a program that uses everything while connections break leaves nothing behind") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive(
        [&](Driver& driver) {
          World& world = cluster.world();
          const auto cut_sometimes = [&](int) {
            if (world.random().Below(12) != 0) return;
            const SimMachine& a = cluster.machine(static_cast<int>(world.random().Below(3)));
            const SimMachine& b = cluster.machine(static_cast<int>(world.random().Below(3)));
            // Within a machine a connection breaks only with a process.
            if (&a == &b || world.Connections(a, b) == 0) return;
            world.DisconnectOne(a, b, world.random().Below(world.Connections(a, b)));
          };
          const MixedLoadOptions options{.seed = world.seed(), .operations = 1200, .faults = true};
          CheckReport(RunMixedLoad(driver.cluster, options, cut_sometimes));
          CheckQuiet(driver);
        },
        absl::Hours(1));
  });
}

}  // namespace
}  // namespace ioc::sim

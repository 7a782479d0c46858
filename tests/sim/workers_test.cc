// Worker processes: nodes that can't start them, and more that are wanted than there may be.
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

TEST_CASE("tasks run elsewhere if one node can't run their program") {
  const auto fails_on_m1 = [](SimEnv& env) {
    return env.machine().name() == "m1" ? std::optional<int>(1) : std::nullopt;
  };
  RunSeeds({.nodes = 3, .before_worker = fails_on_m1}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      const auto spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread, .max_retries = 0});
      std::vector<ObjectRef<std::string>> results;
      for (int i = 0; i < 20; ++i) results.push_back(spread.Submit<WorkOnNode>(100));
      for (const auto& each : results) {
        const absl::StatusOr<std::string> node = each.Get(absl::Minutes(1));
        CHECK(node.status().ToString() == "OK");
        CHECK(node.value_or("") != "n1");
      }
      const auto there = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
      CHECK(CauseOf(there.Submit<Add>(1, 2).Get(absl::Minutes(1)).status()) == Cause::kProgramMissing);
    });
  });
}

TEST_CASE("tasks run on the workers that there are while others don't come up") {
  int started = 0;
  const auto only_first = [&started](SimEnv& env) -> std::optional<int> {
    if (++started == 1) return std::nullopt;
    Waiter never;
    MutexLock lock(env.executor().mutex());
    env.executor().Await(never, absl::InfiniteFuture());
    return 1;
  };
  RunSeeds({.nodes = 1, .before_worker = only_first}, [&started](SimCluster& cluster) {
    started = 0;
    cluster.Drive([](Driver& driver) {
      std::vector<ObjectRef<int>> results;
      for (int i = 0; i < 40; ++i) results.push_back(driver.cluster.Submit<WorkFor>(1000, i));
      for (int i = 0; i < 40; ++i) CHECK(results[i].Get(absl::Minutes(5)).value_or(-1) == i);
    });
  });
}

TEST_CASE("actors that find no worker on one node are made on another") {
  RunSeeds({.nodes = 2, .max_workers = 4}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      std::vector<ActorHandle<RingMember>> actors;
      for (int i = 0; i < 6; ++i) actors.push_back(driver.cluster.Create<RingMember>(i));
      std::map<std::string, int> on;
      for (const auto& actor : actors)
        ++on[actor.Call<&RingMember::node_name>().Get(absl::Minutes(1)).value_or("none")];
      CHECK(on == std::map<std::string, int>{{SimCluster::NodeName(0), 4}, {SimCluster::NodeName(1), 2}});
      actors.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("tasks that wait for others may hold more workers than may run") {
  RunSeeds({.nodes = 1, .cpus = 8, .max_workers = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      CHECK(driver.cluster.Submit<WaitInDepth>(6).Get(absl::Minutes(1)).value_or(-1) == 6);
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

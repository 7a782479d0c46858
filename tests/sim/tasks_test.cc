// Tasks in simulated clusters: run, retried, cancelled, taken back from slow workers.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "runtime/worker/worker.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

TEST_CASE("a task is run and nothing is left of it") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      REQUIRE(driver.cluster.Submit<Add>(1, 2).Get().value() == 3);
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a tree of a thousand tasks on twenty nodes") {
  RunSeeds({.nodes = 20}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      REQUIRE(driver.cluster.Submit<CountTree>(1000).Get().value() == 1000);
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a task whose worker dies in the middle of it is run again") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const TaskSubmitter spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<int>> results;
      for (int i = 0; i < 6; ++i) results.push_back(spread.Submit<WorkFor>(3000, i));
      AwaitWork(driver, 3);
      cluster.world().Crash(*ProcessesAtWork().front());
      for (int i = 0; i < 6; ++i) CHECK(results[i].Get(absl::Minutes(1)).value() == i);
      results.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a task that may not be retried says how its worker died") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto result = driver.cluster.With(TaskOptions{.max_retries = 0}).Submit<WorkFor>(3000, 1);
      AwaitWork(driver, 1);
      cluster.world().Crash(*ProcessesAtWork().front());
      const absl::Status error = result.Get(absl::Minutes(1)).status();
      CHECK(CauseOf(error) == Cause::kWorkerDied);
      CHECK_THAT(std::string(error.message()),
                 Catch::Contains("WorkFor") && Catch::Contains("signal 9") && Catch::Contains("on node n0"));
    });
  });
}

TEST_CASE("a tree of tasks survives workers that die again and again") {
  RunSeeds({.nodes = 5}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto tree = driver.cluster.With(TaskOptions{.max_retries = -1}).Submit<CountSlowTree>(200);
      World& world = cluster.world();
      for (int i = 0; i < 6; ++i) {
        AwaitWork(driver, 1);
        world.Crash(*ProcessesAtWork()[world.random().Below(ProcessesAtWork().size())]);
        driver.Sleep(absl::Milliseconds(100));
      }
      const absl::StatusOr<int> count = tree.Get(absl::Minutes(5));
      INFO(count.status().ToString());
      REQUIRE(count.ok());
      CHECK(*count == 200);
    });
  });
}

TEST_CASE("a cancelled task ends or is never started") {
  RunSeeds({.nodes = 2, .cpus = 1}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const ObjectRef<int> running = driver.cluster.Submit<WorkFor>(60'000, 1);
        std::vector<ObjectRef<int>> queued;
        for (int i = 0; i < 5; ++i) queued.push_back(driver.cluster.Submit<WorkFor>(60'000, i));
        AwaitWork(driver, 1);
        for (const auto& each : queued) CHECK(driver.cluster.Cancel(each, {.force = true}).ok());
        CHECK(driver.cluster.Cancel(running, {.force = true}).ok());
        for (const auto& each : queued) CHECK(CauseOf(each.Get().status()) == Cause::kCancelled);
        CHECK(CauseOf(running.Get().status()) == Cause::kCancelled);
        CHECK(driver.cluster.Submit<Add>(1, 2).Get(absl::Minutes(1)).value() == 3);
      }
      CheckQuiet(driver);
      CHECK(ProcessesAtWork().empty());
    });
  });
}

}  // namespace
}  // namespace ioc::sim

// What happens to a cluster as a whole: machines without power, partitions, drivers that leave, heads that restart.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "runtime/worker/worker.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

TEST_CASE("tasks on a machine that loses its power run elsewhere or name it in their errors") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto never = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread, .max_retries = 0});
      const auto again = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<std::string>> once;
      std::vector<ObjectRef<std::string>> retried;
      for (int i = 0; i < 8; ++i) {
        once.push_back(never.Submit<WorkOnNode>(5000));
        retried.push_back(again.Submit<WorkOnNode>(5000));
      }
      AwaitWork(driver, 16);
      cluster.world().CrashMachine(cluster.machine(2));
      int lost = 0;
      for (const auto& each : once) {
        const absl::StatusOr<std::string> node = each.Get(absl::Minutes(2));
        if (node.ok()) {
          CHECK(*node != "n2");
          continue;
        }
        ++lost;
        CHECK(CauseOf(node.status()) == Cause::kNodeDied);
        CHECK_THAT(std::string(node.status().message()), Catch::Contains("n2"));
      }
      CHECK(lost > 0);
      for (const auto& each : retried) CHECK(each.Get(absl::Minutes(2)).value() != "n2");
      once.clear();
      retried.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a partition that lasts costs the tasks behind it an attempt") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<std::string>> results;
      for (int i = 0; i < 16; ++i) results.push_back(spread.Submit<WorkOnNode>(5000));
      AwaitWork(driver, 16);
      for (int i : {0, 2, 3}) cluster.world().Partition(cluster.machine(1), cluster.machine(i));
      cluster.world().Partition(cluster.machine(1), cluster.head_machine());
      for (const auto& each : results) CHECK(each.Get(absl::Minutes(2)).value() != "n1");
      cluster.world().HealAll();
      results.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a short partition costs nothing but time") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread, .max_retries = 0});
      std::vector<ObjectRef<std::string>> results;
      for (int i = 0; i < 12; ++i) results.push_back(spread.Submit<WorkOnNode>(5000));
      AwaitWork(driver, 12);
      cluster.world().Partition(cluster.machine(0), cluster.machine(1));
      cluster.world().At(absl::Seconds(5), [&] { cluster.world().HealAll(); });
      for (const auto& each : results) CHECK(each.Get(absl::Minutes(1)).status().ToString() == "OK");
      results.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a driver that leaves takes its tasks and actors with it") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      const auto spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<int>> results;
      for (int i = 0; i < 20; ++i) results.push_back(spread.Submit<WorkFor>(60'000, i));
      const auto actor = driver.cluster.With(ActorOptions{.strategy = Strategy::kSpread}).Create<Goal>();
      AwaitWork(driver, 12);
    });
    cluster.Drive([&](Driver& driver) {
      driver.Sleep(kLeaseConnectTimeout);  // leases that were placed while the driver left
      CheckQuiet(driver);
      CHECK(ProcessesAtWork().empty());
      CHECK(driver.cluster.Submit<Add>(1, 2).Get().value() == 3);
    });
    cluster.world().RunFor(absl::Seconds(30));
    for (int i = 0; i < 3; ++i) CHECK(cluster.workers(i) == 0);
  });
}

TEST_CASE("nodes come back to a head that was started again") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<std::string>> before;
      for (int i = 0; i < 16; ++i) before.push_back(spread.Submit<WorkOnNode>(5000));
      AwaitWork(driver, 16);
      cluster.RestartHead();
      std::vector<ObjectRef<std::string>> after;
      for (int i = 0; i < 16; ++i) after.push_back(spread.Submit<WorkOnNode>(10));
      for (const auto& each : before) CHECK(each.Get(absl::Minutes(1)).status().ToString() == "OK");
      for (const auto& each : after) CHECK(each.Get(absl::Minutes(1)).status().ToString() == "OK");
      before.clear();
      after.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a cluster that is told to stop leaves no process behind") {
  RunSeeds({.nodes = 5}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      const auto spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<int>> results;
      for (int i = 0; i < 20; ++i) results.push_back(spread.Submit<WorkFor>(60'000, i));
      AwaitWork(driver, 20);
      driver.StopCluster();
      for (const auto& each : results) {
        const absl::Status told = each.Get(absl::Minutes(1)).status();
        CHECK(CauseOf(told) == Cause::kDisconnected);
        CHECK_THAT(std::string(told.message()), Catch::Contains("the cluster was stopped"));
      }
    });
    cluster.world().RunFor(absl::Seconds(20));
    CHECK_FALSE(cluster.head_process().alive());
    for (int i = 0; i < 5; ++i) {
      CHECK_FALSE(cluster.node_process(i).alive());
      CHECK(cluster.workers(i) == 0);
    }
  });
}

}  // namespace
}  // namespace ioc::sim

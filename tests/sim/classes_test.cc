// Programs whose tasks each ask for something else.
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/protocol/node_messages.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

// What the head, the nodes and the processes know of scheduling classes, all together.
uint64_t ClassesKnown(Driver& driver) {
  const ListObjects::Reply list = driver.Objects();
  uint64_t known = list.demands;
  for (const NodeCensus& node : list.nodes) {
    known += node.demands;
    for (const ProcessCensus& process : node.processes) known += process.classes;
  }
  return known;
}

void AwaitNoClasses(Driver& driver) {
  for (int i = 0; i < 100 && ClassesKnown(driver) > 0; ++i) driver.Sleep(absl::Milliseconds(100));
  CHECK(ClassesKnown(driver) == 0);
}

// More than may be demanded at a time.
constexpr int kMany = 2 * kMaxDemandedClasses;

TEST_CASE("thousands of tasks that each ask for something else are run, and then nobody knows of their classes") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive(
        [](Driver& driver) {
          std::vector<ObjectRef<int>> results;
          for (int i = 0; i < kMany; ++i) {
            const double cpus = 0.001 + 0.0001 * i;
            results.push_back(driver.cluster.With(TaskOptions{.cpus = cpus}).Submit<Add>(i, 1));
          }
          for (int i = 0; i < kMany; ++i) REQUIRE(results[i].Get(absl::Minutes(5)).value_or(-1) == i + 1);
          AwaitNoClasses(driver);
          results.clear();
          CheckQuiet(driver);
        },
        absl::Hours(1));
  });
}

TEST_CASE("a task of a class that was forgotten is run like the first one") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      const TaskSubmitter half = driver.cluster.With(TaskOptions{.cpus = 0.5});
      for (int i = 0; i < 3; ++i) {
        REQUIRE(half.Submit<Add>(i, 1).Get(absl::Minutes(1)).value_or(-1) == i + 1);
        AwaitNoClasses(driver);
      }
    });
  });
}

TEST_CASE("a class goes whatever becomes of its tasks: cancelled, failed with their arguments, impossible") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const ObjectRef<int> endless = driver.cluster.Submit<WorkFor>(3'600'000, 1);
        AwaitWork(driver, 1);
        std::vector<ObjectRef<int>> lost;
        for (int i = 0; i < 50; ++i) {
          lost.push_back(driver.cluster.With(TaskOptions{.cpus = 0.1 + 0.001 * i}).Submit<Add>(endless, i));
          const TaskOptions impossible{.cpus = 1000.0 + i, .placement_timeout = absl::Seconds(2)};
          lost.push_back(driver.cluster.With(impossible).Submit<Add>(i, i));
        }
        for (size_t i = 0; i < lost.size(); i += 3) CHECK(driver.cluster.Cancel(lost[i]).ok());
        CHECK(driver.cluster.Cancel(endless, {.force = true}).ok());
        for (const auto& each : lost) CHECK_FALSE(each.Get(absl::Minutes(2)).ok());
      }
      AwaitNoClasses(driver);
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("leases that were on their way when their tasks were cancelled are given back at once") {
  RunSeeds({.nodes = 3, .cpus = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      for (int i = 0; i < 100; ++i) {
        const TaskOptions far{.where = {.nodes = {i % 2 == 0 ? "n1" : "n2"}}, .strategy = Strategy::kSpread};
        const ObjectRef<int> cancelled = driver.cluster.With(far).Submit<Add>(i, 1);
        driver.Sleep(absl::Milliseconds(cluster.world().random().Below(400)));
        CHECK(driver.cluster.Cancel(cancelled).ok());
        driver.Sleep(absl::Milliseconds(cluster.world().random().Below(50)));
      }
      AwaitNoClasses(driver);
      // Well before a worker gives up a client that does not come.
      driver.Sleep(absl::Seconds(1));
      for (const NodeStatus& node : driver.Nodes()) CHECK(node.report.leases == 0);
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("classes of actors, alone and with others in a process, go with the last of them") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        std::vector<ActorHandle<Goal>> actors;
        for (int i = 0; i < 20; ++i) {
          const absl::Duration timeout = absl::Seconds(30 + i);
          actors.push_back(driver.cluster.With(ActorOptions{.placement_timeout = timeout}).Create<Goal>());
          const ActorOptions shared{.shared_process = true, .placement_timeout = timeout};
          actors.push_back(driver.cluster.With(shared).Create<Goal>());
        }
        for (const auto& actor : actors) REQUIRE(actor.Call<&Goal::token>().Get(absl::Minutes(1)).value_or(-1) == 0);
        CHECK(ClassesKnown(driver) == 20);  // hosts are kept for more actors
      }
      AwaitNoClasses(driver);
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

// Whole clusters in simulated worlds: user code, the real roles, random latencies, harm. Each scenario runs for several
// seeds, and twice for each: the second run must leave the same trace.
#include "tests/sim/cluster.h"

#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"

namespace ioc::sim {
namespace {

constexpr uint64_t kSeeds = 5;

using Scenario = std::function<void(SimCluster&)>;

void RunSeeds(const SimClusterOptions& options, const Scenario& scenario) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
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

// Once nobody refers to anything and nothing runs, nothing of it is left anywhere.
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
  while (ProcessesAtWork().size() < tasks) driver.Sleep(absl::Milliseconds(5));
}

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

TEST_CASE("a token goes five times around a ring of actors on twenty nodes") {
  static constexpr int kMembers = 20;
  static constexpr int kRounds = 5;
  RunSeeds({.nodes = 20}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const ActorCreator spread = driver.cluster.With(ActorOptions{.strategy = Strategy::kSpread});
        std::vector<ActorHandle<RingMember>> ring;
        for (int i = 0; i < kMembers; ++i) ring.push_back(spread.Create<RingMember>(i));
        std::set<std::string> nodes;
        for (const auto& member : ring) nodes.insert(member.Call<&RingMember::node_name>().Get().value());
        CHECK(nodes.size() == kMembers);

        const auto goal = driver.cluster.Create<Goal>();
        ring[0].Call<&RingMember::Pass>(ring, goal, kMembers * kRounds, 1);
        while (goal.Call<&Goal::token>().Get().value() == 0) driver.Sleep(absl::Milliseconds(100));
        CHECK(goal.Call<&Goal::token>().Get().value() == 1 + kMembers * kRounds);
        for (int i = 0; i < kMembers; ++i) {
          CHECK(ring[i].Call<&RingMember::passed>().Get().value() == kRounds + (i == 0 ? 1 : 0));
        }
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("large objects are pulled by the nodes that read them") {
  static constexpr uint32_t kCount = 1 << 19;
  static constexpr uint64_t kSum = uint64_t{kCount} * (kCount - 1) / 2;
  RunSeeds({.nodes = 5}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const TaskSubmitter spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
        Array<uint32_t> numbers = driver.cluster.NewArray<uint32_t>({kCount}).value();
        std::iota(numbers.begin(), numbers.end(), 0u);
        const ObjectRef<Array<uint32_t>> here = driver.cluster.Put(std::move(numbers));
        const ObjectRef<Array<uint32_t>> there = spread.Submit<MakeNumbers>(kCount);
        std::vector<ObjectRef<uint64_t>> sums;
        for (int i = 0; i < 20; ++i) sums.push_back(spread.Submit<SumOf>(i % 2 == 0 ? here : there));
        const std::vector<uint64_t> all = driver.cluster.Get(sums).value();
        CHECK(all == std::vector<uint64_t>(20, kSum));
        CHECK(SumOf(there.Get().value()) == kSum);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("references go from process to process") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const TaskSubmitter spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
        std::vector<ObjectRef<int>> made;
        for (int i = 0; i < 8; ++i) {
          made.push_back(spread.Submit<AddOne>(spread.Submit<MakeElsewhere>(i * 10, i).Get().value()));
        }
        for (int i = 0; i < 8; ++i) CHECK(made[i].Get().value() == i + 1);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a task whose worker dies in the middle of it is run again") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const TaskSubmitter spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<int>> results;
      for (int i = 0; i < 6; ++i) results.push_back(spread.Submit<WorkFor>(300, i));
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
      const auto result = driver.cluster.With(TaskOptions{.max_retries = 0}).Submit<WorkFor>(300, 1);
      AwaitWork(driver, 1);
      cluster.world().Crash(*ProcessesAtWork().front());
      const absl::Status error = result.Get(absl::Minutes(1)).status();
      CHECK(CauseOf(error) == Cause::kWorkerDied);
      CHECK_THAT(std::string(error.message()),
                 Catch::Contains("WorkFor") && Catch::Contains("signal 9") && Catch::Contains("on node n0"));
    });
  });
}

TEST_CASE("tasks on a machine that loses its power run elsewhere or name it in their errors") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto never = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread, .max_retries = 0});
      const auto again = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      std::vector<ObjectRef<std::string>> once;
      std::vector<ObjectRef<std::string>> retried;
      for (int i = 0; i < 8; ++i) {
        once.push_back(never.Submit<WorkOnNode>(2000));
        retried.push_back(again.Submit<WorkOnNode>(2000));
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
      for (int i = 0; i < 16; ++i) results.push_back(spread.Submit<WorkOnNode>(2000));
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
      for (int i = 0; i < 12; ++i) results.push_back(spread.Submit<WorkOnNode>(2000));
      AwaitWork(driver, 12);
      cluster.world().Partition(cluster.machine(0), cluster.machine(1));
      cluster.world().At(absl::Seconds(5), [&] { cluster.world().HealAll(); });
      for (const auto& each : results) CHECK(each.Get(absl::Minutes(1)).ok());
      results.clear();
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

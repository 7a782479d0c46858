// Whole clusters in simulated worlds: user code, the real roles, random latencies, harm. Each scenario runs for several
// seeds, and twice for each: the second run must leave the same trace.
#include "tests/sim/cluster.h"

#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "runtime/worker/worker.h"
#include "tests/sim/programs.h"

namespace ioc::sim {
namespace {

// IOC_SIM_SEEDS=1000 looks further.
uint64_t Seeds() {
  const char* const seeds = std::getenv("IOC_SIM_SEEDS");
  return seeds == nullptr ? 5 : std::strtoull(seeds, nullptr, 10);
}

using Scenario = std::function<void(SimCluster&)>;

void RunSeeds(const SimClusterOptions& options, const Scenario& scenario) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
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
  for (int i = 0; i < 2000 && ProcessesAtWork().size() < tasks; ++i) driver.Sleep(absl::Milliseconds(5));
  REQUIRE(ProcessesAtWork().size() >= tasks);
}

// A call of the actor is being worked on.
void AwaitCall(Driver& driver, const ActorHandle<SlowAdder>& actor) {
  actor.Call<&SlowAdder::Add>(0, 1000);
  AwaitWork(driver, 1);
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

TEST_CASE("an actor that may restart is made again and its calls go on") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto slow =
            driver.cluster.With(ActorOptions{.strategy = Strategy::kSpread, .max_restarts = 1, .max_task_retries = 1})
                .Create<SlowAdder>(10);
        std::vector<ObjectRef<int>> results;
        for (int i = 0; i < 5; ++i) results.push_back(slow.Call<&SlowAdder::Add>(1, 100));
        AwaitWork(driver, 1);
        cluster.world().Crash(*ProcessesAtWork().front());
        for (const auto& result : results) CHECK(result.Get(absl::Minutes(1)).ok());
        AwaitCall(driver, slow);
        cluster.world().Crash(*ProcessesAtWork().front());
        driver.Sleep(absl::Seconds(5));
        const absl::Status error = slow.Call<&SlowAdder::Add>(1, 0).Get(absl::Minutes(1)).status();
        CHECK(CauseOf(error) == Cause::kActorDied);
        CHECK_THAT(std::string(error.message()), Catch::Contains("SlowAdder") && Catch::Contains("signal 9"));
      }
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

TEST_CASE("objects on a lost machine are errors that say so") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto on_n1 = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
      const auto on_n2 = driver.cluster.With(TaskOptions{.where = {.nodes = {"n2"}}});
      const ObjectRef<Array<uint32_t>> numbers = on_n1.Submit<MakeNumbers>(100'000u);
      CHECK(driver.cluster.Wait(std::vector{numbers}, 1, absl::Minutes(1)).ready.size() == 1);
      const auto actor = driver.cluster.With(ActorOptions{.where = {.nodes = {"n1"}}}).Create<Goal>();
      CHECK(actor.Call<&Goal::token>().Get().value() == 0);
      cluster.world().CrashMachine(cluster.machine(1));

      const absl::Status here = numbers.Get(absl::Minutes(2)).status();
      CHECK(CauseOf(here) == Cause::kObjectLost);
      const absl::Status there = on_n2.Submit<SumOf>(numbers).Get(absl::Minutes(2)).status();
      CHECK(CauseOf(there) == Cause::kObjectLost);
      const absl::Status call = actor.Call<&Goal::token>().Get(absl::Minutes(2)).status();
      CHECK(CauseOf(call) == Cause::kActorDied);
      CHECK_THAT(std::string(call.message()), Catch::Contains("n1"));
    });
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

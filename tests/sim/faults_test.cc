// What happens to a cluster as a whole: machines without power, partitions, drivers that leave, heads that restart.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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

TEST_CASE("a machine without power is given up, though no connection to it ever breaks") {
  RunSeeds({.nodes = 3, .connection_timeout = absl::InfiniteDuration()}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const TaskOptions on_n1{.where = {.nodes = {"n1"}}, .max_retries = 0};
        const ObjectRef<int> task = driver.cluster.With(on_n1).Submit<WorkFor>(3'600'000, 1);
        // What it has others do ends with it.
        const auto steward = driver.cluster.With(ActorOptions{.where = {.nodes = {"n1"}}}).Create<Steward>(0);
        const ObjectRef<int> call = steward.Call<&Steward::Delegate>(std::string("n2"), 3'600'000, 2);
        AwaitWork(driver, 2);
        cluster.world().CrashMachine(cluster.machine(1));
        CHECK(CauseOf(task.Get(absl::Minutes(3)).status()) == Cause::kNodeDied);
        CHECK(CauseOf(call.Get(absl::Minutes(3)).status()) == Cause::kActorDied);
      }
      CheckQuiet(driver);
      CHECK(ProcessesAtWork().empty());
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
    for (int i = 0; i < 3; ++i) CHECK(cluster.Workers(i).empty());
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
      CHECK(cluster.Workers(i).empty());
    }
  });
}

// Waits on threads of their own, and when each ended.
class Waits {
 public:
  explicit Waits(Executor& executor) : executor_(executor) {}

  void Start(std::string what, std::function<absl::Status()> wait) {
    Wait& started = *waits_.emplace_back(std::make_unique<Wait>());
    started.what = std::move(what);
    started.thread = executor_.StartThread(started.what, [this, &started, wait = std::move(wait)] {
      started.result = wait();
      started.ended = executor_.Now();
    });
  }

  void CheckAllWait() const {
    for (const auto& wait : waits_) {
      INFO(wait->what << ": " << (wait->result ? wait->result->ToString() : ""));
      CHECK_FALSE(wait->result.has_value());
    }
  }

  void CheckAllDisconnected(absl::Time by) {
    for (const auto& wait : waits_) {
      wait->thread = nullptr;  // joins
      INFO(wait->what << ": " << wait->result->ToString());
      CHECK(CauseOf(*wait->result) == Cause::kDisconnected);
      CHECK(wait->ended <= by);
    }
  }

 private:
  struct Wait {
    std::string what;
    std::optional<absl::Status> result;
    absl::Time ended;
    std::unique_ptr<Thread> thread;
  };

  Executor& executor_;
  std::vector<std::unique_ptr<Wait>> waits_;
};

TEST_CASE("whoever waits when a driver shuts down is told at once") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      Cluster& user = driver.cluster;
      World& world = cluster.world();
      const TaskOptions on_n1{.where = {.nodes = {"n1"}}};
      const ObjectRef<int> running = user.Submit<WorkFor>(60'000, 1);
      const ObjectRef<int> behind = user.Submit<Add>(running, 1);
      const auto actor = user.Create<SlowAdder>(0);
      const ObjectRef<int> call = actor.Call<&SlowAdder::Add>(1, 60'000);
      const auto unmade = user.With(ActorOptions{.where = {.nodes = {"nowhere"}}}).Create<SlowAdder>(0);
      const ObjectRef<int> early = unmade.Call<&SlowAdder::Add>(1, 0);
      const ObjectRef<int> borrowed = user.Submit<MakeElsewhere>(60'000, 1).Get().value();
      const ObjectRef<Array<uint32_t>> far = user.With(on_n1).Submit<MakeNumbers>(100'000u);
      REQUIRE(user.Wait({far}, 1, absl::Minutes(1)).ready.size() == 1);
      const absl::StatusOr<Array<uint8_t>> most = user.NewArray<uint8_t>({size_t{60} << 20});
      REQUIRE(most.ok());
      AwaitWork(driver, 3);
      // What comes from elsewhere will be long in coming.
      world.Partition(cluster.machine(0), cluster.head_machine());
      world.Partition(cluster.machine(0), cluster.machine(1));

      Waits waits(driver.env.executor());
      waits.Start("a task", [&] { return running.Get().status(); });
      waits.Start("a task that waits for another", [&] { return behind.Get(absl::Minutes(1)).status(); });
      waits.Start("a call", [&] { return call.Get().status(); });
      waits.Start("a call of an actor that is not made", [&] { return early.Get().status(); });
      waits.Start("a borrowed object", [&] { return borrowed.Get().status(); });
      waits.Start("an object on its way", [&] { return far.Get().status(); });
      waits.Start("several", [&] { return user.Get({running, call}).status(); });
      waits.Start("Wait", [&] {
        const WaitResult<int> result = user.Wait({running, call, behind}, 3);
        return result.pending.empty() ? result.ready.back().Get().status() : absl::OkStatus();
      });
      waits.Start("FindActor", [&] { return user.FindActor<Goal>("goal").status(); });
      waits.Start("NodesJson", [&] { return user.NodesJson().status(); });
      waits.Start("NewArray", [&] { return user.NewArray<uint8_t>({size_t{32} << 20}).status(); });
      driver.Sleep(absl::Milliseconds(500));
      waits.CheckAllWait();

      const absl::Time now = driver.env.executor().Now();
      user.Shutdown();
      waits.CheckAllDisconnected(now + absl::Milliseconds(10));

      CHECK(CauseOf(user.Submit<Add>(1, 2).Get().status()) == Cause::kDisconnected);
      CHECK(CauseOf(user.Put(1).Get().status()) == Cause::kDisconnected);
      CHECK(CauseOf(user.NewArray<uint8_t>({500'000}).status()) == Cause::kDisconnected);
      CHECK(CauseOf(user.Create<Goal>().Call<&Goal::token>().Get().status()) == Cause::kDisconnected);
      CHECK(CauseOf(user.FindActor<Goal>("goal").status()) == Cause::kDisconnected);
      CHECK(CauseOf(user.NodesJson().status()) == Cause::kDisconnected);
    });
    cluster.world().HealAll();
    cluster.Drive([](Driver& driver) {
      driver.Sleep(kLeaseConnectTimeout);
      CheckQuiet(driver);
      CHECK(ProcessesAtWork().empty());
    });
  });
}

TEST_CASE("what a process owned goes from the other nodes' stores, though it died with its node") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const TaskOptions on_n1{.where = {.nodes = {SimCluster::NodeName(1)}}, .max_retries = 0};
        const ObjectRef<int> owner = driver.cluster.With(on_n1).Submit<OwnNumbersOn>(std::string("n2"), 1u << 20);
        AwaitWork(driver, 1);
        const auto objects_on_n2 = [&driver] {
          for (const NodeStatus& node : driver.Nodes()) {
            if (node.info.name == "n2") return node.report.objects;
          }
          return 0u;
        };
        driver.Sleep(absl::Seconds(2));  // until it is reported
        CHECK(objects_on_n2() == 1);
        cluster.world().CrashMachine(cluster.machine(1));
        driver.Sleep(absl::Minutes(2));
        CHECK(objects_on_n2() == 0);
        CHECK(CauseOf(owner.Get(absl::Minutes(1)).status()) == Cause::kNodeDied);
      }
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

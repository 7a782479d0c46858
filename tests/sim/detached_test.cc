// Detached actors in simulated clusters: they outlive their drivers, workers, nodes and connections.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

ActorOptions Detached(std::vector<std::string> nodes = {}) {
  return {.name = "steward", .lifetime = Lifetime::kDetached, .where = {.nodes = std::move(nodes)}};
}

// A driver makes the steward, with 10, adds 1 and ends.
void MakeSteward(SimCluster& cluster, const ActorOptions& options) {
  cluster.Drive([&](Driver& driver) {
    const auto steward = driver.cluster.With(options).Create<Steward>(10);
    REQUIRE(steward.Call<&Steward::Add>(1).Get(absl::Minutes(1)).value() == 11);
  });
  cluster.world().RunFor(absl::Seconds(3));
}

ActorHandle<Steward> Find(Driver& driver) { return driver.cluster.FindActor<Steward>("steward").value(); }

int Add(const ActorHandle<Steward>& steward, int number) {
  const absl::StatusOr<int> sum = steward.Call<&Steward::Add>(number).Get(absl::Minutes(2));
  INFO(sum.status());
  REQUIRE(sum.ok());
  return *sum;
}

// Another driver kills it, and nothing is left.
void EndSteward(SimCluster& cluster) {
  cluster.Drive([&](Driver& driver) {
    {
      const auto steward = Find(driver);
      REQUIRE(driver.cluster.Kill(steward).ok());
      const absl::Status error = steward.Call<&Steward::Add>(1).Get(absl::Minutes(1)).status();
      CHECK(CauseOf(error) == Cause::kActorDied);
      CHECK(CauseOf(driver.cluster.FindActor<Steward>("steward").status()) == Cause::kActorDied);
    }
    CheckQuiet(driver);
  });
}

TEST_CASE("a detached actor lives on when its driver has left, and another driver finds it") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    MakeSteward(cluster, Detached());
    cluster.Drive([](Driver& driver) {
      CHECK(Add(Find(driver), 5) == 16);
      const absl::Status other = driver.cluster.FindActor<Goal>("steward").status();
      CHECK(CauseOf(other) == Cause::kTypeMismatch);
      const auto rival = driver.cluster.With(Detached()).Create<Steward>(0);
      const absl::Status taken = rival.Call<&Steward::Add>(1).Get(absl::Minutes(1)).status();
      CHECK(CauseOf(taken) == Cause::kInvalidArgument);
      CHECK_THAT(std::string(taken.message()), Catch::Contains("steward") && Catch::Contains("detached"));
    });
    EndSteward(cluster);
    MakeSteward(cluster, Detached());  // the name is free again
    EndSteward(cluster);
  });
}

TEST_CASE("a driver that crashes leaves its detached actor") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto steward = driver.cluster.With(Detached({"n1"})).Create<Steward>(10);
      REQUIRE(Add(steward, 1) == 11);
      cluster.world().At(absl::ZeroDuration(), [&] { cluster.world().Crash(driver.env); });
      driver.Sleep(absl::Minutes(1));
    });
    cluster.world().RunFor(absl::Seconds(5));
    cluster.Drive([](Driver& driver) { CHECK(Add(Find(driver), 1) == 12); });
    EndSteward(cluster);
  });
}

TEST_CASE("a detached actor whose worker dies is made again as often as it may be") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    ActorOptions options = Detached({"n1"});
    options.max_restarts = 1;
    MakeSteward(cluster, options);
    cluster.Drive([&](Driver& driver) {
      {
        const auto steward = Find(driver);
        CHECK(Add(steward, 5) == 16);
        REQUIRE(cluster.Workers(1).size() == 1);
        cluster.world().Crash(*cluster.Workers(1).front());
        CHECK(Add(steward, 5) == 15);
        cluster.world().Crash(*cluster.Workers(1).front());
        driver.Sleep(absl::Seconds(1));
        const absl::Status error = steward.Call<&Steward::Add>(1).Get(absl::Minutes(1)).status();
        CHECK(CauseOf(error) == Cause::kActorDied);
        CHECK_THAT(std::string(error.message()), Catch::Contains("signal 9") && Catch::Contains("made again 1 times"));
        CHECK_FALSE(driver.cluster.FindActor<Steward>("steward").ok());
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a detached actor whose node dies is made again elsewhere, though its driver has left") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    ActorOptions options = Detached({"n1", "n2"});
    options.max_restarts = -1;
    MakeSteward(cluster, options);
    cluster.Drive([&](Driver& driver) {
      const auto steward = Find(driver);
      const std::string before = steward.Call<&Steward::node_name>().Get(absl::Minutes(1)).value();
      cluster.world().CrashMachine(cluster.machine(before == "n1" ? 1 : 2));
      driver.Sleep(absl::Seconds(30));
      CHECK(Add(steward, 1) == 11);
      CHECK(steward.Call<&Steward::node_name>().Get(absl::Minutes(1)).value() == (before == "n1" ? "n2" : "n1"));
    });
    EndSteward(cluster);
  });
}

TEST_CASE("connections that break do a detached actor no harm") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    ActorOptions options = Detached({"n1"});
    options.max_restarts = 5;
    MakeSteward(cluster, options);
    cluster.Drive([&](Driver& driver) {
      const auto steward = Find(driver);
      CHECK(Add(steward, 1) == 12);
      for (int i = 0; i < 3; ++i) {
        cluster.world().Disconnect(cluster.head_machine(), cluster.machine(1));
        cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        CHECK(Add(steward, 1) == 13 + 2 * i);  // the same incarnation: it remembers
        cluster.world().Disconnect(cluster.head_machine(), cluster.machine(0));
        driver.Sleep(absl::Seconds(1));
        CHECK(Add(Find(driver), 1) == 14 + 2 * i);
      }
    });
    EndSteward(cluster);
  });
}

TEST_CASE("a detached actor that is made while connections break is made once") {
  for (int milliseconds = 0; milliseconds < 600; milliseconds += 40) {
    RunSeeds({.nodes = 2}, [milliseconds](SimCluster& cluster) {
      cluster.world().At(absl::Milliseconds(milliseconds), [&cluster] {
        cluster.world().Disconnect(cluster.head_machine(), cluster.machine(1));
        cluster.world().Disconnect(cluster.head_machine(), cluster.machine(0));
      });
      MakeSteward(cluster, Detached({"n1"}));
      cluster.world().RunFor(absl::Seconds(30));
      INFO("broken after " << milliseconds << " ms");
      CHECK(cluster.Workers(1).size() == 1);
      cluster.Drive([](Driver& driver) { CHECK(Add(Find(driver), 1) == 12); });
      EndSteward(cluster);
    });
  }
}

TEST_CASE("of a detached actor that was cut off with its node, only the one that took its place is left") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    ActorOptions options = Detached({"n1", "n2"});
    options.max_restarts = 1;
    MakeSteward(cluster, options);
    std::string before;
    cluster.Drive([&](Driver& driver) {
      before = Find(driver).Call<&Steward::node_name>().Get(absl::Minutes(1)).value();
      SimMachine& lost = cluster.machine(before == "n1" ? 1 : 2);
      for (SimMachine* other : {&cluster.head_machine(), &cluster.machine(0)}) cluster.world().Partition(lost, *other);
      driver.Sleep(absl::Seconds(20));
      cluster.world().HealAll();
      driver.Sleep(absl::Seconds(10));
      CHECK(Find(driver).Call<&Steward::node_name>().Get(absl::Minutes(1)).value() != before);
    });
    CHECK(cluster.Workers(before == "n1" ? 1 : 2).size() == 0);
    EndSteward(cluster);
  });
}

TEST_CASE("a detached actor lives on when the head ends, and is known to the next one by its callers") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto steward = driver.cluster.With(Detached({"n1"})).Create<Steward>(10);
      CHECK(Add(steward, 1) == 11);
      cluster.RestartHead();
      driver.Sleep(absl::Seconds(10));
      CHECK(Add(steward, 1) == 12);
    });
  });
}

TEST_CASE("what a detached actor has submitted goes on when the driver leaves") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    TimesWorked().clear();
    cluster.Drive([&](Driver& driver) {
      const auto steward = driver.cluster.With(Detached({"n1"})).Create<Steward>(10);
      CHECK(steward.Call<&Steward::AddElsewhere>(7).Get(absl::Minutes(1)).value() == 7);
      steward.Call<&Steward::Delegate>(std::string("n2"), 5000, 42);
      while (TimesWorked()[42] == 0) driver.Sleep(absl::Milliseconds(10));
    });
    cluster.world().RunFor(absl::Seconds(10));
    cluster.Drive([&](Driver& driver) {
      const auto steward = Find(driver);
      // The call under way was not disturbed: its task was run once, and the steward lives.
      CHECK(TimesWorked()[42] == 1);
      CHECK(steward.Call<&Steward::AddElsewhere>(7).Get(absl::Minutes(1)).value() == 14);
      CHECK(steward.Call<&Steward::Delegate>(std::string("n0"), 10, 43).Get(absl::Minutes(1)).value() == 43);
    });
    EndSteward(cluster);
  });
}

TEST_CASE("a detached actor's tasks find their program when the driver's node is gone") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    TimesWorked().clear();
    cluster.Drive([](Driver& driver) {
      const auto steward = driver.cluster.With(Detached({"n1"})).Create<Steward>(10);
      REQUIRE(Add(steward, 1) == 11);
      steward.Call<&Steward::DelegateLater>(40'000, std::string("n2"), 44);
      driver.Sleep(absl::Seconds(1));
    });
    cluster.world().CrashMachine(cluster.machine(0));
    cluster.world().RunFor(absl::Minutes(2));
    CHECK(TimesWorked()[44] == 1);
  });
}

TEST_CASE("a detached actor lives through crashes and broken connections, one at a time, and only once") {
  for (uint64_t luck = 1; luck <= 10; ++luck) {
    RunSeeds({.nodes = 4}, [luck](SimCluster& cluster) {
      ActorOptions options = Detached({"n1", "n2", "n3"});
      options.max_restarts = -1;
      options.max_task_retries = -1;
      MakeSteward(cluster, options);
      Random random(luck);
      cluster.Drive(
          [&](Driver& driver) {
            const auto steward = Find(driver);
            for (int i = 0; i < 20; ++i) {
              const int node = static_cast<int>(random.Below(3)) + 1;
              switch (random.Below(4)) {
                case 0:
                  for (SimEnv* worker : cluster.Workers(node)) cluster.world().Crash(*worker);
                  break;
                case 1:
                  cluster.world().Disconnect(cluster.head_machine(), cluster.machine(node));
                  break;
                case 2:
                  cluster.world().Disconnect(cluster.machine(0), cluster.machine(node));
                  break;
                default:
                  cluster.world().Disconnect(cluster.head_machine(), cluster.machine(0));
                  break;
              }
              driver.Sleep(absl::Milliseconds(random.Below(400)));
              if (random.Below(3) == 0) Add(steward, 1);
            }
            Add(steward, 1);
          },
          absl::Hours(1));
      cluster.world().RunFor(absl::Minutes(1));
      size_t workers = 0;
      for (const int node : {1, 2, 3}) workers += cluster.Workers(node).size();
      INFO("luck " << luck);
      CHECK(workers == 1);
      EndSteward(cluster);
    });
  }
}

}  // namespace
}  // namespace ioc::sim

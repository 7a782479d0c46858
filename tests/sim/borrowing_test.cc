// References whose owner lives, while the connections between the processes break: nothing is lost, nobody waits for
// ever, and in the end nothing is held.
#include <catch2/catch.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

using Numbers = std::vector<ObjectRef<int>>;

struct Parcel {
  ObjectRef<int> small;
  ObjectRef<Array<uint32_t>> large;
};

constexpr uint32_t kCount = 50'000;
constexpr uint64_t kSum = uint64_t{kCount} * (kCount - 1) / 2;

// Keeps what it is given, and has not opened it.
class Keeper {
 public:
  void Keep(const Parcel& parcel) { parcel_ = parcel; }
  void KeepNumber(const Numbers& number) { number_ = number.at(0); }
  void LetGo() { parcel_.reset(); }
  Parcel Lend() { return parcel_.value(); }
  // The sum of all that is in it.
  uint64_t Open() {
    return static_cast<uint64_t>(parcel_.value().small.Get(absl::Minutes(5)).value()) +
           SumOf(parcel_.value().large.Get(absl::Minutes(5)).value());
  }
  int OpenNumber() { return number_.Get(absl::Minutes(5)).value(); }

 private:
  std::optional<Parcel> parcel_;
  ObjectRef<int> number_;
};

// Others wait until its constructor has run.
class Slow {
 public:
  explicit Slow(int milliseconds) { Work(absl::Milliseconds(milliseconds)); }
  int Answer() { return 42; }
};

class Asker {
 public:
  void Begin() {}
  int Ask(const ActorHandle<Slow>& slow) { return slow.Call<&Slow::Answer>().Get(absl::Minutes(5)).value(); }
};

template <typename Actor>
ActorHandle<Actor> MakeOn(Driver& driver, int node) {
  return driver.cluster.With(ActorOptions{.where = {.nodes = {SimCluster::NodeName(node)}}}).template Create<Actor>();
}

Parcel PutParcel(const Driver& driver) {
  Array<uint32_t> numbers = driver.cluster.NewArray<uint32_t>({kCount}).value();
  std::iota(numbers.begin(), numbers.end(), 0u);
  return {driver.cluster.Put(7), driver.cluster.Put(std::move(numbers))};
}

void DisconnectAll(SimCluster& cluster) {
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < a; ++b) cluster.world().Disconnect(cluster.machine(a), cluster.machine(b));
  }
}

// As many as there may not be calls on one connection.
Numbers PutMany(int count) {
  Numbers numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(Cluster::Current().Put(1));
  return numbers;
}

class Source {
 public:
  const Numbers& Make(int count) { return numbers_ = PutMany(count); }

 private:
  Numbers numbers_;  // so that it stays their owner
};

TEST_CASE("what is borrowed stays when a connection breaks and the owner lets go of it") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto keeper = MakeOn<Keeper>(driver, 1);
        REQUIRE(keeper.Call<&Keeper::Keep>(PutParcel(driver)).Get(absl::Minutes(1)).ok());
        DisconnectAll(cluster);
        driver.Sleep(absl::Minutes(5));
        CHECK(keeper.Call<&Keeper::Open>().Get(absl::Minutes(6)).value() == 7 + kSum);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("who comes back after a while still has what it borrowed") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto keeper = MakeOn<Keeper>(driver, 1);
        REQUIRE(keeper.Call<&Keeper::Keep>(PutParcel(driver)).Get(absl::Minutes(1)).ok());
        // The nodes can reach the head, and so none is given up.
        cluster.world().SetLink(cluster.machine(0), cluster.machine(1), {.latency = absl::Milliseconds(20)});
        for (int i = 0; i < 10; ++i) {
          cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
          driver.Sleep(absl::Milliseconds(cluster.world().random().Below(200)));
        }
        driver.Sleep(absl::Minutes(5));
        CHECK(keeper.Call<&Keeper::Open>().Get(absl::Minutes(6)).value() == 7 + kSum);
        CHECK(keeper.Call<&Keeper::LetGo>().Get(absl::Minutes(1)).ok());
        // It is freed at once, not only when a grace is over.
        driver.Sleep(absl::Seconds(2));
        for (const NodeStatus& node : driver.Nodes()) CHECK(node.report.objects == 0);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a value that is waited for comes though the connection with its owner breaks meanwhile") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto keeper = MakeOn<Keeper>(driver, 1);
        const auto there = driver.cluster.With(TaskOptions{.where = {.nodes = {"n2"}}, .max_retries = -1});
        REQUIRE(there.Submit<Add>(1, 2).Get(absl::Minutes(1)).ok());  // from now on it has the program
        const Numbers later = {there.Submit<WorkFor>(3000, 5)};
        REQUIRE(keeper.Call<&Keeper::KeepNumber>(later).Get(absl::Minutes(1)).ok());
        const ObjectRef<int> opened = keeper.Call<&Keeper::OpenNumber>();
        driver.Sleep(absl::Milliseconds(500));
        for (int i = 0; i < 3; ++i) {
          DisconnectAll(cluster);
          driver.Sleep(absl::Milliseconds(300));
        }
        CHECK(opened.Get(absl::Minutes(6)).value() == 5);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an actor that is looked for is found though the connection with its owner breaks meanwhile") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto asker = MakeOn<Asker>(driver, 1);
        REQUIRE(asker.Call<&Asker::Begin>().Get(absl::Minutes(1)).ok());
        const auto slow =
            driver.cluster.With(ActorOptions{.where = {.nodes = {"n2"}}, .max_restarts = -1}).Create<Slow>(3000);
        const ObjectRef<int> answer = asker.Call<&Asker::Ask>(slow);
        driver.Sleep(absl::Milliseconds(500));
        for (int i = 0; i < 3; ++i) {
          cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
          driver.Sleep(absl::Milliseconds(300));
        }
        CHECK(answer.Get(absl::Minutes(6)).value() == 42);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an owner that is gone is told from one that is out of reach") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto keeper = MakeOn<Keeper>(driver, 1);
      const auto source = MakeOn<Source>(driver, 2);
      const Numbers numbers = source.Call<&Source::Make>(1).Get(absl::Minutes(1)).value();
      REQUIRE(keeper.Call<&Keeper::KeepNumber>(numbers).Get(absl::Minutes(1)).ok());
      for (SimEnv* worker : cluster.Workers(2)) cluster.world().Crash(*worker);
      const absl::Time before = cluster.world().Now();
      const absl::Status lost = keeper.Call<&Keeper::OpenNumber>().Get(absl::Minutes(6)).status();
      CHECK_THAT(std::string(lost.message()), Catch::Contains("killed by signal 9"));
      CHECK(CauseOf(numbers.at(0).Get(absl::Minutes(1)).status()) == Cause::kOwnerDied);
      CHECK(cluster.world().Now() - before < absl::Seconds(5));
    });
  });
}

TEST_CASE("an actor that can't be made for want of a head is dead for all who have its handle") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      World& world = cluster.world();
      const auto asker = MakeOn<Asker>(driver, 1);
      REQUIRE(asker.Call<&Asker::Begin>().Get(absl::Minutes(1)).ok());
      world.Disconnect(cluster.head_machine(), cluster.machine(0));
      world.Partition(cluster.head_machine(), cluster.machine(0));
      driver.Sleep(absl::Seconds(1));
      const auto slow = driver.cluster.With(ActorOptions{.name = "slow"}).Create<Slow>(1);
      const absl::Status answer = asker.Call<&Asker::Ask>(slow).Get(absl::Minutes(2)).status();
      CHECK_THAT(std::string(answer.message()), Catch::Contains("can't be made"));
      world.Heal(cluster.head_machine(), cluster.machine(0));
      driver.Sleep(absl::Seconds(5));
    });
  });
}

TEST_CASE("a driver leaves while it looks for its actor") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    World& world = cluster.world();
    cluster.Drive([&](Driver& driver) {
      const auto slow = driver.cluster.With(ActorOptions{.where = {.nodes = {"n1"}}}).Create<Slow>(1);
      REQUIRE(slow.Call<&Slow::Answer>().Get(absl::Minutes(1)).ok());
      world.Partition(cluster.machine(0), cluster.machine(1));
      world.Disconnect(cluster.machine(0), cluster.machine(1));
      std::vector<ObjectRef<int>> answers;
      for (int i = 0; i < 10; ++i) answers.push_back(slow.Call<&Slow::Answer>());
      driver.Sleep(absl::Milliseconds(world.random().Below(8000)));
    });
    world.RunFor(absl::Seconds(30));
  });
}

TEST_CASE("more references to one owner are registered and asked for than there may be calls") {
  static constexpr int kMany = 70'000;
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto source = MakeOn<Source>(driver, 1);
        const Numbers numbers = source.Call<&Source::Make>(kMany).Get(absl::Minutes(1)).value();
        const std::vector<int> values = driver.cluster.Get(numbers, absl::Minutes(1)).value();
        CHECK(std::accumulate(values.begin(), values.end(), 0) == kMany);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("nothing is lost while references wander and only connections break") {
  RunSeeds({.nodes = 4, .latency = {absl::Milliseconds(1), absl::Milliseconds(30)}}, [](SimCluster& cluster) {
    cluster.Drive(
        [&](Driver& driver) {
          World& world = cluster.world();
          {
            std::vector<ActorHandle<Keeper>> keepers;
            for (int node = 0; node < 4; ++node) keepers.push_back(MakeOn<Keeper>(driver, node));
            for (int round = 0; round < 20; ++round) {
              REQUIRE(keepers[0].Call<&Keeper::Keep>(PutParcel(driver)).Get(absl::Minutes(6)).ok());
              for (int to = 1; to < 4; ++to) {
                // By the driver, which does not keep it.
                const auto lent = keepers[to - 1].Call<&Keeper::Lend>();
                const auto kept = keepers[to].Call<&Keeper::Keep>(lent);
                const auto a = static_cast<int>(world.random().Below(4));
                const auto b = static_cast<int>(world.random().Below(4));
                if (a != b) world.Disconnect(cluster.machine(a), cluster.machine(b));
                REQUIRE(kept.Get(absl::Minutes(6)).ok());
                REQUIRE(keepers[to - 1].Call<&Keeper::LetGo>().Get(absl::Minutes(6)).ok());
              }
              CHECK(keepers[3].Call<&Keeper::Open>().Get(absl::Minutes(6)).value() == 7 + kSum);
            }
          }
          CheckQuiet(driver);
        },
        absl::Hours(2));
  });
}

}  // namespace
}  // namespace ioc::sim

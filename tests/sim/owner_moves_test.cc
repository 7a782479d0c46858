// Objects that get another owner when only borrowers refer to them any more: they outlive the worker that owned them,
// which may end. Whenever a process dies or a connection breaks meanwhile, nothing is left over and nobody waits for
// ever.
#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

constexpr uint32_t kCount = 50'000;
constexpr uint64_t kSum = uint64_t{kCount} * (kCount - 1) / 2;
constexpr uint64_t kParcelSum = 7 + kSum + 3;
constexpr int kLater = 300;  // milliseconds

using Numbers = std::vector<ObjectRef<int>>;

struct Parcel {
  ObjectRef<int> small;
  ObjectRef<Array<uint32_t>> large;
  ObjectRef<Numbers> list;  // references inside what a reference refers to
};

Numbers MakeList(int milliseconds) {
  Work(absl::Milliseconds(milliseconds));
  Numbers numbers;
  for (int i = 0; i < 3; ++i) numbers.push_back(Cluster::Current().Put(i));
  return numbers;
}

int FailLater(int milliseconds) {
  Work(absl::Milliseconds(milliseconds));
  throw std::runtime_error("as it must");
}

TaskSubmitter OnNode(const Cluster& cluster, int node) {
  return cluster.With(TaskOptions{.where = {.nodes = {SimCluster::NodeName(node)}}, .max_retries = -1});
}

// What is not there yet when it is returned: the task's worker owns it.
Parcel Order(int node, int milliseconds) {
  const TaskSubmitter there = OnNode(Cluster::Current(), node);
  return {there.Submit<WorkFor>(milliseconds, 7), there.Submit<MakeNumbersLater>(milliseconds, kCount),
          there.Submit<MakeList>(milliseconds)};
}

ObjectRef<int> OrderFailure(int node, int milliseconds) {
  return OnNode(Cluster::Current(), node).Submit<FailLater>(milliseconds);
}

// Owned by the worker that makes them, where the stream does not give them away.
void YieldParcels(int count, Yield<Parcel>& yield) {
  const Cluster cluster = Cluster::Current();
  for (int i = 0; i < count; ++i) {
    Numbers numbers;
    for (int n = 0; n < 3; ++n) numbers.push_back(cluster.Put(n));
    if (!yield({cluster.Put(7), cluster.Put(MakeNumbers(kCount)), cluster.Put(numbers)})) return;
  }
}

absl::StatusOr<uint64_t> Unpack(const Parcel& parcel) {
  const absl::StatusOr<int> small = parcel.small.Get(absl::Minutes(2));
  if (!small.ok()) return small.status();
  const absl::StatusOr<Array<uint32_t>> large = parcel.large.Get(absl::Minutes(2));
  if (!large.ok()) return large.status();
  const absl::StatusOr<Numbers> list = parcel.list.Get(absl::Minutes(2));
  if (!list.ok()) return list.status();
  uint64_t sum = static_cast<uint64_t>(*small) + SumOf(*large);
  for (const ObjectRef<int>& number : *list) {
    const absl::StatusOr<int> value = number.Get(absl::Minutes(2));
    if (!value.ok()) return value.status();
    sum += static_cast<uint64_t>(*value);
  }
  return sum;
}

uint64_t UnpackThere(const Parcel& parcel) { return Unpack(parcel).value(); }

// Keeps a parcel, which it has not opened.
class Keeper {
 public:
  void Keep(const Parcel& parcel) { parcel_ = parcel; }
  void LetGo() { parcel_.reset(); }
  void Sleep(int milliseconds) { Work(absl::Milliseconds(milliseconds)); }
  uint64_t Open() { return Unpack(parcel_.value()).value(); }

 private:
  std::optional<Parcel> parcel_;
};

ActorHandle<Keeper> KeeperOn(Driver& driver, int node) {
  const ActorOptions there{.where = {.nodes = {SimCluster::NodeName(node)}}};
  return driver.cluster.With(there).Create<Keeper>();
}

Parcel OrderFrom(Driver& driver, int node, int maker) {
  return OnNode(driver.cluster, node).Submit<Order>(maker, kLater).Get(absl::Minutes(1)).value();
}

void CrashWorkers(SimCluster& cluster, int node) {
  for (SimEnv* worker : cluster.Workers(node)) cluster.world().Crash(*worker);
}

// What may become of a parcel when processes die and connections break.
void CheckOpened(const absl::StatusOr<uint64_t>& opened) {
  if (opened.ok()) {
    CHECK(*opened == kParcelSum);
    return;
  }
  INFO(opened.status().ToString());
  const Cause cause = CauseOf(opened.status());
  CHECK((cause == Cause::kOwnerDied || cause == Cause::kObjectLost || cause == Cause::kTaskThrew ||
         cause == Cause::kActorDied || cause == Cause::kDisconnected));
}

TEST_CASE("what a child task makes later outlives the worker that returned a reference to it") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const Parcel parcel = OrderFrom(driver, 1, 2);
        const auto failure = OnNode(driver.cluster, 1).Submit<OrderFailure>(2, kLater).Get(absl::Minutes(1)).value();
        driver.Sleep(absl::Seconds(5));
        CrashWorkers(cluster, 1);
        driver.Sleep(absl::Seconds(20));  // far longer than the store waits for a new owner
        CHECK(Unpack(parcel).value() == kParcelSum);
        CHECK(OnNode(driver.cluster, 2).Submit<UnpackThere>(parcel).Get(absl::Minutes(1)).value() == kParcelSum);
        CHECK(CauseOf(failure.Get(absl::Minutes(1)).status()) == Cause::kTaskThrew);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("references in the items of a stream outlive the worker that made them") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        std::vector<Parcel> parcels;
        ObjectStream<Parcel> stream = OnNode(driver.cluster, 1).Submit<YieldParcels>(4);
        while (std::optional<Parcel> parcel = stream.Next(absl::Minutes(1)).value()) parcels.push_back(*parcel);
        REQUIRE(parcels.size() == 4);
        driver.Sleep(absl::Seconds(5));
        CrashWorkers(cluster, 1);
        driver.Sleep(absl::Seconds(20));
        for (const Parcel& parcel : parcels) CHECK(Unpack(parcel).value() == kParcelSum);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an idle worker ends that owned what only others refer to") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const Parcel parcel = OrderFrom(driver, 1, 2);
        const auto keeper = KeeperOn(driver, 2);
        keeper.Call<&Keeper::Keep>(parcel).Get(absl::Minutes(1)).IgnoreError();
        driver.Sleep(absl::Seconds(40));
        CHECK(cluster.Workers(1).empty());
        CHECK(keeper.Call<&Keeper::Open>().Get(absl::Minutes(1)).value() == kParcelSum);
        CHECK(Unpack(parcel).value() == kParcelSum);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an object moves to the one who still refers to it") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto first = KeeperOn(driver, 2);
        {
          const Parcel parcel = OrderFrom(driver, 1, 0);
          first.Call<&Keeper::Keep>(parcel).Get(absl::Minutes(1)).IgnoreError();
        }
        driver.Sleep(absl::Seconds(5));  // the keeper's now: the driver has let go of it in time
        CrashWorkers(cluster, 1);
        CHECK(first.Call<&Keeper::Open>().Get(absl::Minutes(1)).value() == kParcelSum);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an object moves on and on, to whoever still refers to it") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto first = KeeperOn(driver, 2);
        const auto second = KeeperOn(driver, 3);
        {
          const Parcel parcel = OrderFrom(driver, 1, 0);
          first.Call<&Keeper::Keep>(parcel).Get(absl::Minutes(1)).IgnoreError();
          second.Call<&Keeper::Keep>(parcel).Get(absl::Minutes(1)).IgnoreError();
        }
        driver.Sleep(absl::Seconds(40));
        CHECK(cluster.Workers(1).empty());
        CHECK(first.Call<&Keeper::LetGo>().Get(absl::Minutes(1)).ok());
        driver.Sleep(absl::Seconds(10));
        CrashWorkers(cluster, 2);
        driver.Sleep(absl::Seconds(20));
        CHECK(second.Call<&Keeper::Open>().Get(absl::Minutes(1)).value() == kParcelSum);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a call that waits for long and names the old owner finds the object") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto keeper = KeeperOn(driver, 2);
        keeper.Call<&Keeper::Open>().Get(absl::Minutes(1)).IgnoreError();  // so that calls are sent at once
        const ObjectRef<void> slept = keeper.Call<&Keeper::Sleep>(30'000);
        const ObjectRef<void> kept = keeper.Call<&Keeper::Keep>(OrderFrom(driver, 1, 2));
        driver.Sleep(absl::Seconds(20));
        CHECK(!cluster.Workers(1).empty());  // it is named in what waits there
        CHECK(kept.Get(absl::Minutes(1)).ok());
        driver.Sleep(absl::Seconds(20));
        CHECK(cluster.Workers(1).empty());
        CHECK(keeper.Call<&Keeper::Open>().Get(absl::Minutes(1)).value() == kParcelSum);
      }
      CheckQuiet(driver);
    });
  });
}

// A parcel of a worker's on n1, with a keeper on n2 and one on n3; `harm` is done somewhere in the course of its moves.
void MoveUnderFire(SimCluster& cluster, bool driver_keeps, const std::function<void()>& harm) {
  cluster.Drive(
      [&](Driver& driver) {
        for (int step = 0; step < 24; ++step) {
          const auto first = KeeperOn(driver, 2);
          const auto second = KeeperOn(driver, 3);
          std::optional<Parcel> parcel = OrderFrom(driver, 1, 0);
          const ObjectRef<void> kept = first.Call<&Keeper::Keep>(*parcel);
          const ObjectRef<void> kept_too = second.Call<&Keeper::Keep>(*parcel);
          const bool safe = kept.Get(absl::Minutes(2)).ok() && kept_too.Get(absl::Minutes(2)).ok();
          if (!driver_keeps) parcel.reset();
          driver.Sleep(absl::Milliseconds(kLater + 23 * step));
          harm();
          driver.Sleep(absl::Seconds(step % 2 == 0 ? 12 : 0));
          if (parcel.has_value()) CheckOpened(Unpack(*parcel));
          if (safe) {
            CheckOpened(first.Call<&Keeper::Open>().Get(absl::Minutes(5)));
            CheckOpened(second.Call<&Keeper::Open>().Get(absl::Minutes(5)));
          }
        }
        CheckQuiet(driver);
      },
      absl::Hours(4));
}

TEST_CASE("nothing is left of what moves when its owner dies at any time") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    MoveUnderFire(cluster, true, [&] { CrashWorkers(cluster, 1); });
    MoveUnderFire(cluster, false, [&] { CrashWorkers(cluster, 1); });
  });
}

TEST_CASE("nothing is left of what moves when its new owner or a borrower dies at any time") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    MoveUnderFire(cluster, true, [&] { CrashWorkers(cluster, 2); });
    MoveUnderFire(cluster, false, [&] { CrashWorkers(cluster, 2); });
  });
}

TEST_CASE("nothing is left of what moves when connections break at any time") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    for (const bool driver_keeps : {true, false}) {
      MoveUnderFire(cluster, driver_keeps, [&] {
        World& world = cluster.world();
        const SimMachine& a = cluster.machine(static_cast<int>(world.random().Below(4)));
        const SimMachine& b = cluster.machine(static_cast<int>(world.random().Below(4)));
        if (&a != &b) world.Disconnect(a, b);
      });
    }
  });
}

}  // namespace
}  // namespace ioc::sim

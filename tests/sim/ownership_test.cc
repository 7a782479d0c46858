// Objects whose ownership moves: what a task returns outlives the worker that made it, whenever that dies.
#include <catch2/catch.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

constexpr uint32_t kCount = 50'000;
constexpr uint64_t kSum = uint64_t{kCount} * (kCount - 1) / 2;

struct Parcel {
  ObjectRef<std::string> small;
  ObjectRef<Array<uint32_t>> large;
  ObjectRef<std::vector<ObjectRef<int>>> list;  // references inside what a reference refers to
};

Parcel Pack() {
  const Cluster cluster = Cluster::Current();
  std::vector<ObjectRef<int>> numbers;
  for (int i = 0; i < 3; ++i) numbers.push_back(cluster.Put(i));
  return {cluster.Put(std::string("small")), cluster.Put(MakeNumbers(kCount)), cluster.Put(numbers)};
}

// Keeps what it hands out.
class Packer {
 public:
  Parcel Hand() {
    parcel_ = Pack();
    return parcel_;
  }
  Parcel HandOver() { return Pack(); }
  uint64_t Sum() { return SumOf(parcel_.large.Get().value()); }

 private:
  Parcel parcel_;
};

// Another process's look at it.
uint64_t Unpack(const Parcel& parcel) {
  uint64_t sum = parcel.small.Get().value() == "small" ? SumOf(parcel.large.Get().value()) : 0;
  const std::vector<ObjectRef<int>> numbers = parcel.list.Get().value();
  for (const ObjectRef<int>& number : numbers) sum += static_cast<uint64_t>(number.Get().value());
  return sum;
}

TaskSubmitter On(Driver& driver, int node) {
  return driver.cluster.With(TaskOptions{.where = {.nodes = {SimCluster::NodeName(node)}}, .max_retries = -1});
}

void CrashWorkers(SimCluster& cluster, int node) {
  for (SimEnv* worker : cluster.Workers(node)) cluster.world().Crash(*worker);
}

TEST_CASE("what a task returns outlives its worker") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const ObjectRef<Parcel> packed = On(driver, 1).Submit<Pack>();
      {
        const Parcel parcel = packed.Get(absl::Minutes(1)).value();
        CrashWorkers(cluster, 1);
        driver.Sleep(absl::Seconds(20));  // far longer than the store waits for a new owner
        CHECK(Unpack(parcel) == kSum + 3);
        CHECK(On(driver, 2).Submit<Unpack>(parcel).Get(absl::Minutes(1)).value() == kSum + 3);
      }
      CHECK(On(driver, 2).Submit<Unpack>(packed).Get(absl::Minutes(1)).value() == kSum + 3);
    });
    cluster.Drive([](Driver& driver) { CheckQuiet(driver); });
  });
}

TEST_CASE("whenever a worker dies, its task is run again or what it returned is there") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive(
        [&](Driver& driver) {
          On(driver, 1).Submit<Unpack>(On(driver, 1).Submit<Pack>()).Get(absl::Minutes(1)).value();
          for (int step = 0; step < 60; ++step) {
            const ObjectRef<Parcel> packed = On(driver, 1).Submit<Pack>();
            cluster.world().At(absl::Milliseconds(3 * step), [&] { CrashWorkers(cluster, 1); });
            const absl::StatusOr<Parcel> parcel = packed.Get(absl::Minutes(5));
            REQUIRE(parcel.status().ToString() == "OK");
            driver.Sleep(absl::Milliseconds(300));
            REQUIRE(Unpack(*parcel) == kSum + 3);
          }
          CheckQuiet(driver);
        },
        absl::Hours(2));
  });
}

TEST_CASE("what an actor hands over outlives it, what it keeps it owns") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const ActorOptions on_n1{.where = {.nodes = {"n1"}}};
        const auto actor = driver.cluster.With(on_n1).Create<Packer>();
        const Parcel kept = actor.Call<&Packer::Hand>().Get(absl::Minutes(1)).value();
        const Parcel given = actor.Call<&Packer::HandOver>().Get(absl::Minutes(1)).value();
        CHECK(Unpack(kept) == kSum + 3);
        CHECK(actor.Call<&Packer::Sum>().Get(absl::Minutes(1)).value() == kSum);
        CrashWorkers(cluster, 1);
        driver.Sleep(absl::Seconds(20));
        CHECK(Unpack(given) == kSum + 3);
        CHECK(CauseOf(kept.list.Get(absl::Minutes(1)).status()) == Cause::kNone);  // it is here already
        CHECK_FALSE(On(driver, 2).Submit<Unpack>(kept).Get(absl::Minutes(1)).ok());
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("nothing is left of what a worker gave to one that died") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      // A call is answered while the connection is cut again and again: the answer is offered anew.
      {
        const ActorOptions on_n1{.where = {.nodes = {"n1"}}};
        const auto actor = driver.cluster.With(on_n1).Create<Packer>();
        for (int step = 0; step < 20; ++step) {
          const ObjectRef<Parcel> call = actor.Call<&Packer::HandOver>();
          cluster.world().At(absl::Milliseconds(7 * step),
                             [&] { cluster.world().Disconnect(cluster.machine(0), cluster.machine(1)); });
          const absl::StatusOr<Parcel> parcel = call.Get(absl::Minutes(5));
          REQUIRE(parcel.status().ToString() == "OK");
          if (step % 2 == 0) CHECK(parcel->small.Get(absl::Minutes(1)).value() == "small");
          driver.Sleep(absl::Milliseconds(300));
        }
      }
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

// Objects and references in simulated clusters: who has them, and that none is left when nobody does.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
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

size_t LengthOf(const std::string& text) { return text.size(); }

// Another cluster's client in the same process, as with a second Cluster::Connect.
auto ClientOf(Driver& driver) {
  const auto end = [](Client* client) {
    client->Shutdown();
    client->Release();
  };
  std::unique_ptr<Client, decltype(end)> client(
      new Client(std::shared_ptr<Env>(std::shared_ptr<Env>(), &driver.env), nullptr), end);
  const std::string& node = driver.client.registration().node.local_address;
  REQUIRE(client->Connect({.role = Role::kDriver, .node_address = node}).ok());
  return client;
}

using Filled = std::vector<std::unique_ptr<internal::WritableValue>>;

// As many values of 4 MiB as the store has room for, full of nines.
Filled FillStore(Client& client) {
  Filled filled;
  while (true) {
    auto value = client.Allocate(4 << 20);
    if (!value.ok()) return filled;
    std::fill((*value)->bytes().begin(), (*value)->bytes().end(), std::byte{9});
    filled.push_back(*std::move(value));
  }
}

bool AreUntouched(const Filled& filled) {
  return std::all_of(filled.begin(), filled.end(), [](const auto& value) {
    return std::count(value->bytes().begin(), value->bytes().end(), std::byte{9}) == 4 << 20;
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
      CHECK_THAT(std::string(here.message()), Catch::Contains("(made by ioc::sim::MakeNumbers)"));
      const absl::Status there = on_n2.Submit<SumOf>(numbers).Get(absl::Minutes(2)).status();
      CHECK(CauseOf(there) == Cause::kObjectLost);
      CHECK_THAT(std::string(there.message()), Catch::Contains("(made by ioc::sim::MakeNumbers)"));
      const absl::Status call = actor.Call<&Goal::token>().Get(absl::Minutes(2)).status();
      CHECK(CauseOf(call) == Cause::kActorDied);
      CHECK_THAT(std::string(call.message()), Catch::Contains("n1"));
    });
  });
}

TEST_CASE("an object that is freed before its node has heard of it leaves nothing behind") {
  // Its seal, its answer and its free go over three connections, each as late as it likes.
  RunSeeds({.nodes = 2, .local_latency = {absl::Microseconds(10), absl::Milliseconds(20)}}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      const TaskSubmitter spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
      for (int i = 0; i < 40; ++i) {
        const std::vector numbers = {spread.Submit<MakeNumbers>(50'000u), spread.Submit<MakeNumbers>(50'000u)};
        CHECK_FALSE(driver.cluster.Wait(numbers, 1, absl::Minutes(1)).ready.empty());
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("what a process owned is freed on every node when it ends, also what is sealed for it later") {
  RunSeeds({.nodes = 3, .latency = {absl::Milliseconds(1), absl::Milliseconds(20)}}, [](SimCluster& cluster) {
    // The workers on n1 hear long after their node that the driver is gone.
    cluster.world().SetLink(cluster.machine(0), cluster.machine(1), {.latency = absl::Seconds(1)});
    cluster.Drive([&](Driver& driver) {
      const TaskOptions on_n1{.where = {.nodes = {"n1"}}};
      const TaskOptions on_n2{.where = {.nodes = {"n2"}}};
      const ObjectRef<Array<uint32_t>> there = driver.cluster.With(on_n1).Submit<MakeNumbers>(100'000u);
      const ObjectRef<std::string> here = driver.cluster.Put(std::string(500'000, 'x'));
      CHECK(driver.cluster.With(on_n2).Submit<SumOf>(there).Get(absl::Minutes(1)).ok());
      CHECK(here.Get().ok());
      const auto later = driver.cluster.With(on_n1).Submit<MakeNumbersLater>(1000, 100'000u);
      AwaitWork(driver, 1);
      cluster.world().At(absl::ZeroDuration(), [&] { cluster.world().Crash(driver.env); });
      driver.Sleep(absl::Minutes(1));
    });
    cluster.world().RunFor(absl::Seconds(5));
    CHECK(ProcessesAtWork().empty());
    cluster.Drive([](Driver& driver) { CheckQuiet(driver); });
  });
}

TEST_CASE("views and values that are being written outlive their cluster, whoever else writes in the store") {
  RunSeeds({.nodes = 1, .store_bytes = uint64_t{32} << 20, .spill_limit = 0}, [](SimCluster& cluster) {
    constexpr uint32_t kCount = (4 << 20) / sizeof(uint64_t);
    cluster.Drive([](Driver& driver) {
      std::optional<Pattern> view = PutPattern(driver.cluster, 1, kCount).Get().value();
      std::optional<Pattern> written = driver.cluster.NewArray<uint64_t>({kCount}).value();
      std::fill(written->begin(), written->begin() + kCount / 2, 7u);
      const ObjectRef<Pattern> pinned = PutPattern(driver.cluster, 2, kCount);  // by nobody
      driver.client.Shutdown();
      driver.Sleep(absl::Seconds(10));  // what the driver owned is freed by then

      const auto other = ClientOf(driver);
      const Filled filled = FillStore(*other);
      CHECK(filled.size() == 5);  // beside two of 4 MiB and their headers
      CHECK(IsPattern(1, *view));
      std::fill(written->begin() + kCount / 2, written->end(), 7u);
      CHECK(AreUntouched(filled));
      view.reset();
      written.reset();
      CHECK(other->Allocate(8 << 20).ok());
    });
    cluster.Drive([](Driver& driver) { CheckQuiet(driver); });
  });
}

TEST_CASE("what a driver has in the store is nobody else's while it lives, also when its node has cut it off") {
  RunSeeds({.nodes = 1, .store_bytes = uint64_t{32} << 20, .spill_limit = 0}, [](SimCluster& cluster) {
    constexpr uint32_t kCount = (4 << 20) / sizeof(uint64_t);
    cluster.Drive([&](Driver& driver) {
      const Pattern view = PutPattern(driver.cluster, 1, kCount).Get().value();
      Pattern written = driver.cluster.NewArray<uint64_t>({kCount}).value();
      cluster.world().At(absl::ZeroDuration(),
                         [&] { cluster.world().Disconnect(cluster.machine(0), cluster.machine(0)); });
      driver.Sleep(absl::Minutes(5));

      const auto other = ClientOf(driver);
      const Filled filled = FillStore(*other);
      CHECK(filled.size() == 5);
      CHECK(IsPattern(1, view));
      std::fill(written.begin(), written.end(), 7u);
      CHECK(AreUntouched(filled));
    });
    cluster.Drive([](Driver& driver) { CheckQuiet(driver); });
  });
}

TEST_CASE("a copy is freed though the connection to its source broke meanwhile") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const TaskSubmitter on_n1 = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
      for (int i = 0; i < 4; ++i) {
        const ObjectRef<std::string> here = driver.cluster.Put(std::string(500'000, 'x'));
        CHECK(on_n1.Submit<LengthOf>(here).Get(absl::Minutes(1)).value() == 500'000);
        cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        if (i % 2 == 0) driver.Sleep(absl::Seconds(5));  // freed after the copy is known again, or before
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("many readers share a slow link, and each gets its object") {
  RunSeeds({.nodes = 2, .cpus = 16, .store_bytes = uint64_t{80} << 20}, [](SimCluster& cluster) {
    cluster.world().SetLink(cluster.machine(0), cluster.machine(1),
                            {.latency = absl::Milliseconds(40), .bytes_per_second = 1e6});
    cluster.Drive([](Driver& driver) {
      const TaskSubmitter on_n1 = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
      std::vector<ObjectRef<bool>> right;
      for (uint64_t id = 0; id < 16; ++id) {
        right.push_back(on_n1.Submit<IsPattern>(id, PutPattern(driver.cluster, id, (4 << 20) / sizeof(uint64_t))));
      }
      for (const ObjectRef<bool>& one : right) {
        const absl::StatusOr<bool> is_right = one.Get(absl::Minutes(5));
        INFO(is_right.status());
        CHECK((is_right.ok() && *is_right));
      }
      right.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a transfer takes as long as it takes while anything comes, and leaves nothing behind") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.world().SetLink(cluster.machine(0), cluster.machine(1),
                            {.latency = absl::Milliseconds(10), .bytes_per_second = 60e3});
    cluster.Drive(
        [](Driver& driver) {
          {
            const TaskSubmitter on_n1 = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
            const ObjectRef<Pattern> object = PutPattern(driver.cluster, 1, (48 << 20) / sizeof(uint64_t));
            const absl::StatusOr<bool> right = on_n1.Submit<IsPattern>(1, object).Get();
            INFO(right.status());
            CHECK((right.ok() && *right));
          }
          CheckQuiet(driver);
        },
        absl::Hours(1));
  });
}

TEST_CASE("a transfer whose connection breaks goes on from where it was") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.world().SetLink(cluster.machine(0), cluster.machine(1),
                            {.latency = absl::Milliseconds(10), .bytes_per_second = 4e6});
    cluster.Drive([&](Driver& driver) {
      {
        const TaskSubmitter on_n1 = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
        CHECK(on_n1.Submit<Add>(1, 2).Get(absl::Minutes(1)).value() == 3);
        const ObjectRef<Pattern> object = PutPattern(driver.cluster, 1, (48 << 20) / sizeof(uint64_t));
        const absl::Time start = cluster.world().Now();
        cluster.world().At(absl::Seconds(10),
                           [&] { cluster.world().Disconnect(cluster.machine(0), cluster.machine(1)); });
        const absl::StatusOr<bool> right = on_n1.Submit<IsPattern>(1, object).Get(absl::Minutes(2));
        INFO(right.status());
        CHECK((right.ok() && *right));
        // 13 s in all; another 13 would make it 24.
        CHECK(cluster.world().Now() - start < absl::Seconds(20));
      }
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

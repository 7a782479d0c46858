// Tasks in simulated clusters: run, retried, cancelled, taken back from slow workers.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "runtime/worker/worker.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

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

TEST_CASE("a task whose worker dies while it waits for another is run again") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const TaskOptions on_n1{.where = {.nodes = {"n1"}}};
      const auto waiting = driver.cluster.With(on_n1).Submit<WorkElsewhere>(1000, 1);
      AwaitWork(driver, 1);
      for (SimEnv* worker : cluster.Workers(1)) cluster.world().Crash(*worker);
      CHECK(waiting.Get(absl::Minutes(1)).value_or(0) == 1);
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

// Counts how often it begins although it is cancelled.
int EnterWith(const Array<uint32_t>& numbers, int key) {
  if (Cancelled()) ++TimesWorked()[key];
  return static_cast<int>(numbers.size());
}

TEST_CASE("a task that is cancelled while its arguments are fetched is not run") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    TimesWorked().clear();
    cluster.Drive([](Driver& driver) {
      {
        const TaskSubmitter elsewhere = driver.cluster.With(TaskOptions{.where = {.nodes = {SimCluster::NodeName(1)}}});
        CHECK(elsewhere.Submit<Add>(1, 2).Get(absl::Minutes(1)).value() == 3);
        for (int i = 1; i <= 20; ++i) {
          auto numbers = driver.cluster.NewArray<uint32_t>({2 << 20}).value();
          const ObjectRef<int> size = elsewhere.Submit<EnterWith>(driver.cluster.Put(std::move(numbers)), 7);
          driver.Sleep(i * absl::Milliseconds(25));
          CHECK(driver.cluster.Cancel(size).ok());
          static_cast<void>(size.Get(absl::Minutes(1)));
        }
        CHECK(TimesWorked()[7] == 0);
      }
      CheckQuiet(driver);
    });
  });
}

struct Reader {
  int Read(const Array<uint32_t>& numbers) { return static_cast<int>(numbers.size()); }
  int One() { return 1; }
};

TEST_CASE("a call that is cancelled while its arguments are fetched keeps no other waiting until they are there") {
  RunSeeds({.nodes = 3, .latency = {absl::Milliseconds(1), absl::Milliseconds(5)}}, [](SimCluster& cluster) {
    cluster.world().SetLink(cluster.machine(1), cluster.machine(2),
                            {.latency = absl::Milliseconds(1), .bytes_per_second = 1e6});
    cluster.Drive([&](Driver& driver) {
      {
        const ActorOptions on_n1{.where = {.nodes = {SimCluster::NodeName(1)}}};
        const TaskSubmitter on_n2 = driver.cluster.With(TaskOptions{.where = {.nodes = {SimCluster::NodeName(2)}}});
        const auto reader = driver.cluster.With(on_n1).Create<Reader>();
        CHECK(reader.Call<&Reader::One>().Get(absl::Minutes(1)).value_or(0) == 1);
        const ObjectRef<Array<uint32_t>> far = on_n2.Submit<MakeNumbers>(5u << 20);  // 20 seconds away
        CHECK_FALSE(driver.cluster.Wait({far}, 1, absl::Minutes(1)).ready.empty());
        const ObjectRef<int> size = reader.Call<&Reader::Read>(far);
        driver.Sleep(absl::Seconds(1));
        CHECK(driver.cluster.Cancel(size).ok());
        CHECK(reader.Call<&Reader::One>().Get(absl::Seconds(5)).value_or(0) == 1);
        CHECK(CauseOf(size.Get(absl::Seconds(5)).status()) == Cause::kCancelled);
      }
      CheckQuiet(driver);
    });
  });
}

// So many tasks of a class that seems quick are in flight to one worker.
constexpr int kCrowd = 200;

TEST_CASE("tasks that wait behind a long one are taken back and run elsewhere") {
  RunSeeds({.nodes = 2, .cpus = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      REQUIRE(driver.cluster.Submit<Add>(1, 2).Get().value() == 3);
      const ObjectRef<int> slow = driver.cluster.Submit<WorkFor>(60'000, 1);
      std::vector<ObjectRef<int>> quick;
      for (int i = 0; i < kCrowd; ++i) quick.push_back(driver.cluster.Submit<Add>(i, 1));
      for (int i = 0; i < kCrowd; ++i) REQUIRE(quick[i].Get(absl::Seconds(10)).value() == i + 1);
      CHECK_FALSE(slow.ready());
      CHECK(slow.Get().value() == 1);
    });
  });
}

TEST_CASE("tasks that a worker was asked for in vain are run once, whatever is pushed to it meanwhile") {
  RunSeeds({.nodes = 4, .cpus = 1}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      TimesWorked().clear();
      const auto once = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread, .max_retries = 0});
      std::vector<ObjectRef<int>> results;
      int next = 0;
      for (int wave = 0; wave < 30; ++wave) {
        // About as long as it takes until what waits behind it is asked back.
        results.push_back(once.Submit<WorkCounted>(static_cast<int>(cluster.world().random().Below(8)), next++));
        for (int i = 0; i < 20; ++i) results.push_back(once.Submit<WorkCounted>(0, next++));
        driver.Sleep(absl::Microseconds(cluster.world().random().Below(20'000)));
      }
      for (int i = 0; i < next; ++i) REQUIRE(results[i].Get(absl::Minutes(1)).value() == i);
      for (int i = 0; i < next; ++i) CHECK(TimesWorked()[i] == 1);
      results.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a worker whose tasks were taken back gets them again once it answers") {
  RunSeeds({.nodes = 2, .cpus = 1, .latency = {absl::Milliseconds(50), absl::Milliseconds(50)}},
           [](SimCluster& cluster) {
             cluster.Drive([](Driver& driver) {
               const auto there = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
               REQUIRE(there.Submit<Add>(1, 2).Get().value() == 3);
               const ObjectRef<int> slow = there.Submit<WorkFor>(60, 0);
               const ObjectRef<int> quick = there.Submit<Add>(3, 4);
               // Two journeys there and back, and the work. One that gave its lease back would need two more for
               // another.
               CHECK(quick.Get(absl::Milliseconds(400)).value_or(0) == 7);
             });
           });
}

TEST_CASE("a lease that is called back before its client is connected is given back soon") {
  // The driver is far from n1: a lease there has long been wanted by others when the driver can use it.
  RunSeeds({.nodes = 2, .cpus = 1, .latency = {absl::Milliseconds(50), absl::Milliseconds(50)}},
           [](SimCluster& cluster) {
             cluster.Drive([](Driver& driver) {
               const TaskOptions on_n1{.where = {.nodes = {"n1"}}};
               TaskOptions aside = on_n1;
               aside.cpus = 0;
               const auto sum = driver.cluster.With(aside).Submit<AddLaterOn>("n1", 250, 1, 2);
               AwaitWork(driver, 1);
               std::vector<ObjectRef<int>> results;
               for (int i = 0; i < 30; ++i) results.push_back(driver.cluster.With(on_n1).Submit<WorkFor>(1000, i));
               CHECK(sum.Get(absl::Seconds(5)).value() == 3);
               CHECK_FALSE(results.back().ready());
               for (int i = 0; i < 30; ++i) CHECK(results[i].Get(absl::Minutes(1)).value() == i);
             });
           });
}

TEST_CASE("a node gets a program though the connection with the driver's node breaks meanwhile") {
  RunSeeds({.nodes = 2, .latency = {absl::Milliseconds(1), absl::Milliseconds(20)}}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const TaskSubmitter there = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}, .max_retries = -1});
      const ObjectRef<int> sum = there.Submit<Add>(1, 2);
      for (int i = 0; i < 20; ++i) {
        driver.Sleep(absl::Milliseconds(cluster.world().random().Below(60)));
        cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
      }
      CHECK(sum.Get(absl::Minutes(2)).value() == 3);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

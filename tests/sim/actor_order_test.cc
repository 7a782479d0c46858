// A caller's calls run in order, whatever becomes of those between them.
#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

class Log {
 public:
  void Append(int number) {
    Work(absl::Milliseconds(4));
    numbers_.push_back(number);
  }
  void AppendSlowly(int number, int milliseconds) {
    Work(absl::Milliseconds(milliseconds));
    numbers_.push_back(number);
  }
  void AppendWith(int number, const Array<uint32_t>&) { numbers_.push_back(number); }
  std::vector<int> numbers() { return numbers_; }

 private:
  std::vector<int> numbers_;
};

int ThrowLater(int milliseconds) {
  Work(absl::Milliseconds(milliseconds));
  throw std::runtime_error("no number");
}

const ActorOptions kThere = {.where = {.nodes = {"n1"}}};

// Of a node that is no more.
ObjectRef<Array<uint32_t>> LostArray(SimCluster& cluster, Driver& driver) {
  ObjectRef<Array<uint32_t>> lost =
      driver.cluster.With(TaskOptions{.where = {.nodes = {"n2"}}, .max_retries = 0}).Submit<MakeNumbers>(100'000u);
  CHECK(driver.cluster.Wait({lost}, 1, absl::Minutes(1)).ready.size() == 1);
  cluster.world().CrashMachine(cluster.machine(2));
  driver.Sleep(absl::Seconds(30));
  return lost;
}

// Calls that run, among others that are cancelled, whose arguments fail late, or are lost.
void CallThrough(SimCluster& cluster, Driver& driver, absl::Duration instant) {
  const ObjectRef<Array<uint32_t>> lost = LostArray(cluster, driver);
  const auto log = driver.cluster.With(kThere).Create<Log>();
  REQUIRE(log.Call<&Log::numbers>().Get(absl::Minutes(1)).ok());
  cluster.world().At(instant, [&cluster] { cluster.world().Disconnect(cluster.machine(0), cluster.machine(1)); });
  std::vector<ObjectRef<void>> appended;
  std::vector<ObjectRef<void>> never;
  std::vector<int> expected;
  for (int i = 0; i < 20; ++i) {
    appended.push_back(log.Call<&Log::Append>(i));
    expected.push_back(i);
    if (i % 4 == 0) never.push_back(log.Call<&Log::Append>(driver.cluster.Submit<ThrowLater>(i * 5)));
    if (i % 4 == 1) never.push_back(log.Call<&Log::AppendWith>(1000, lost));
    if (i % 4 == 2) {
      // It waits for its argument when it is cancelled.
      never.push_back(log.Call<&Log::Append>(driver.cluster.Submit<WorkFor>(60, 1000)));
      CHECK(driver.cluster.Cancel(never.back()).ok());
    }
  }
  for (const auto& call : appended) {
    const absl::Status status = call.Get(absl::Minutes(5));
    INFO(status.ToString());
    CHECK(status.ok());
  }
  for (const auto& call : never) CHECK_FALSE(call.Get(absl::Minutes(5)).ok());
  CHECK(log.Call<&Log::numbers>().Get(absl::Minutes(1)).value() == expected);
}

TEST_CASE("calls go on in order past those that are cancelled, whose arguments fail, or are lost, and reconnects") {
  for (const int milliseconds : {1, 60, 150, 300}) {
    RunSeeds({.nodes = 3}, [milliseconds](SimCluster& cluster) {
      cluster.Drive([&](Driver& driver) { CallThrough(cluster, driver, absl::Milliseconds(milliseconds)); },
                    absl::Minutes(30));
    });
  }
}

TEST_CASE("a call that is cancelled in its actor's queue is skipped, and the others keep their order") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto log = driver.cluster.With(kThere).Create<Log>();
        std::vector<ObjectRef<void>> calls;
        for (int i = 0; i < 60; ++i) calls.push_back(log.Call<&Log::Append>(i));
        AwaitWork(driver, 1);
        std::vector<int> expected;
        for (int i = 0; i < 60; ++i) {
          const bool cancelled = i > 50 && i % 2 == 0;
          if (cancelled) CHECK(driver.cluster.Cancel(calls[i]).ok());
          if (!cancelled) expected.push_back(i);
        }
        for (int i = 0; i < 60; ++i) CHECK(calls[i].Get(absl::Minutes(1)).ok() == (i <= 50 || i % 2 != 0));
        CHECK(log.Call<&Log::numbers>().Get(absl::Minutes(1)).value() == expected);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("calls go on past those that were lost on their way and cancelled then") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto log = driver.cluster.With(kThere).Create<Log>();
        std::vector<ObjectRef<void>> calls = {log.Call<&Log::AppendSlowly>(0, 5000)};
        AwaitWork(driver, 1);
        cluster.world().Partition(cluster.machine(0), cluster.machine(1));
        for (int i = 1; i <= 6; ++i) calls.push_back(log.Call<&Log::Append>(i));
        driver.Sleep(absl::Milliseconds(100));
        for (const int i : {1, 2, 4, 6}) CHECK(driver.cluster.Cancel(calls[i]).ok());
        cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        driver.Sleep(absl::Milliseconds(100));
        cluster.world().Heal(cluster.machine(0), cluster.machine(1));
        for (const int i : {0, 3, 5}) CHECK(calls[i].Get(absl::Minutes(1)).ok());
        CHECK(log.Call<&Log::numbers>().Get(absl::Minutes(1)).value() == std::vector<int>{0, 3, 5});
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a call that is cancelled while its argument is being made holds up nobody") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const auto log = driver.cluster.With(kThere).Create<Log>();
        const ObjectRef<int> late = driver.cluster.Submit<WorkFor>(300'000, 1);
        const ObjectRef<void> never = log.Call<&Log::Append>(late);
        const ObjectRef<void> behind = log.Call<&Log::Append>(2);
        CHECK(driver.cluster.Cancel(never).ok());
        CHECK(behind.Get(absl::Minutes(1)).ok());
        CHECK(CauseOf(never.Get(absl::ZeroDuration())) == Cause::kCancelled);
        CHECK(log.Call<&Log::numbers>().Get(absl::Minutes(1)).value() == std::vector<int>{2});
        CHECK(driver.cluster.Cancel(late, {.force = true}).ok());
      }
      CheckQuiet(driver);
    });
  });
}

// Calls a log that is not its own, and is told what becomes of that.
class Writer {
 public:
  explicit Writer(const ActorHandle<Log>& log) : log_(log) {}
  void Write(int number, int milliseconds) { written_.push_back(log_.Call<&Log::AppendSlowly>(number, milliseconds)); }
  std::string Errors() {
    std::string errors;
    for (const ObjectRef<void>& call : std::exchange(written_, {})) errors += std::string(call.Get().message());
    return errors;
  }

 private:
  const ActorHandle<Log> log_;
  std::vector<ObjectRef<void>> written_;
};

ActorHandle<Log> MakeLog(Driver& driver, Lifetime lifetime) {
  ActorOptions options = kThere;
  options.lifetime = lifetime;
  if (lifetime == Lifetime::kDetached) options.name = "log";
  options.max_task_retries = 3;
  options.max_restarts = 3;
  return driver.cluster.With(options).Create<Log>();
}

TEST_CASE("a call runs once, though its caller and its actor are cut off from each other for long") {
  for (const Lifetime lifetime : {Lifetime::kHandles, Lifetime::kDetached}) {
    RunSeeds({.nodes = 3}, [lifetime](SimCluster& cluster) {
      cluster.Drive([&](Driver& driver) {
        const auto log = MakeLog(driver, lifetime);
        const auto writer = driver.cluster.With(ActorOptions{.where = {.nodes = {"n2"}}}).Create<Writer>(log);
        writer.Call<&Writer::Write>(1, 5000);
        AwaitWork(driver, 1);
        cluster.world().Partition(cluster.machine(1), cluster.machine(2));
        writer.Call<&Writer::Write>(2, 0);
        driver.Sleep(absl::Seconds(50));
        cluster.world().Heal(cluster.machine(1), cluster.machine(2));
        CHECK(writer.Call<&Writer::Errors>().Get(absl::Minutes(5)).value().empty());
        CHECK(log.Call<&Log::numbers>().Get(absl::Minutes(1)).value() == std::vector<int>{1, 2});
        if (lifetime == Lifetime::kDetached) CHECK(driver.cluster.Kill(log).ok());
      });
    });
  }
}

TEST_CASE("calls that were given up while their actor was out of reach leave no gap") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto log = MakeLog(driver, Lifetime::kHandles);
      const auto writer = driver.cluster.With(ActorOptions{.where = {.nodes = {"n2"}}}).Create<Writer>(log);
      writer.Call<&Writer::Write>(1, 5000);
      AwaitWork(driver, 1);
      cluster.world().Partition(cluster.machine(1), cluster.machine(2));
      writer.Call<&Writer::Write>(2, 0);
      const std::string errors = writer.Call<&Writer::Errors>().Get(absl::Minutes(5)).value();
      CHECK_THAT(errors, Catch::Contains("could not be reached") && !Catch::Contains("has died"));
      cluster.world().Heal(cluster.machine(1), cluster.machine(2));
      writer.Call<&Writer::Write>(3, 0);
      CHECK(writer.Call<&Writer::Errors>().Get(absl::Minutes(5)).value().empty());
      CHECK(log.Call<&Log::numbers>().Get(absl::Minutes(1)).value() == std::vector<int>{1, 3});
    });
  });
}

}  // namespace
}  // namespace ioc::sim

// Concurrency groups of actors: what waits for what, order, ends.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

class Grouped {
 public:
  // Says how many calls of `group` ran then, with this one.
  int Use(const std::string& group, int milliseconds) {
    const int running = ++running_[group];
    Work(absl::Milliseconds(milliseconds));
    --running_[group];
    return running;
  }
  int Append(int number) {
    Work(absl::Milliseconds(3));
    numbers_.push_back(number);
    return static_cast<int>(numbers_.size());
  }
  std::vector<int> numbers() { return numbers_; }

 private:
  std::map<std::string, int> running_;
  std::vector<int> numbers_;
};

const ActorOptions kOptions = {.concurrency_groups = {{"compute", 1}, {"io", 2}}};
const CallOptions kIo = {.concurrency_group = "io"};
const CallOptions kCompute = {.concurrency_group = "compute"};

bool IsReady(Driver& driver, const ObjectRef<int>& ref) {
  return driver.cluster.Wait({ref}, 1, absl::ZeroDuration()).ready.size() == 1;
}

TEST_CASE("calls of one group don't wait for those of another, and of each as many run as it says") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const auto actor = driver.cluster.With(kOptions).Create<Grouped>();
        const ObjectRef<int> hour = actor.With(kCompute).Call<&Grouped::Use>(std::string("compute"), 3600 * 1000);
        const ObjectRef<int> behind = actor.With(kCompute).Call<&Grouped::Use>(std::string("compute"), 1);
        std::vector<ObjectRef<int>> io;
        for (int i = 0; i < 6; ++i) io.push_back(actor.With(kIo).Call<&Grouped::Use>(std::string("io"), 100));
        const std::vector<int> at_once = driver.cluster.Get(io, absl::Minutes(1)).value();
        CHECK(*std::max_element(at_once.begin(), at_once.end()) == 2);
        CHECK(actor.Call<&Grouped::Use>(std::string(), 10).Get(absl::Minutes(1)).value() == 1);
        CHECK_FALSE(IsReady(driver, hour));
        CHECK_FALSE(IsReady(driver, behind));
        CHECK(driver.cluster.Kill(actor).ok());
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("calls of one caller in a group of one run in order, beside those of other groups") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto actor =
          driver.cluster
              .With(ActorOptions{.where = {.nodes = {"n1"}}, .concurrency_groups = kOptions.concurrency_groups})
              .Create<Grouped>();
      REQUIRE(actor.Call<&Grouped::numbers>().Get(absl::Minutes(1)).ok());
      std::vector<ObjectRef<int>> appended;
      std::vector<int> expected;
      for (int i = 0; i < 40; ++i) {
        appended.push_back(actor.With(kCompute).Call<&Grouped::Append>(i));
        expected.push_back(i);
        actor.With(kIo).Call<&Grouped::Use>(std::string("io"), 5);
        if (i == 20) cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
      }
      for (int i = 0; i < 40; ++i) CHECK(appended[i].Get(absl::Minutes(1)).value() == i + 1);
      CHECK(actor.Call<&Grouped::numbers>().Get(absl::Minutes(1)).value() == expected);
    });
  });
}

TEST_CASE("a call of a group that the actor has not is refused with those it has, and holds up nothing") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      const auto actor = driver.cluster.With(kOptions).Create<Grouped>();
      const ObjectRef<int> before = actor.Call<&Grouped::Append>(1);
      const absl::Status refused =
          actor.With(CallOptions{.concurrency_group = "oi"}).Call<&Grouped::Append>(2).Get(absl::Minutes(1)).status();
      CHECK(CauseOf(refused) == Cause::kInvalidArgument);
      CHECK_THAT(std::string(refused.message()),
                 Catch::Contains("\"oi\"") && Catch::Contains("the default one, \"compute\", \"io\""));
      CHECK(before.Get(absl::Minutes(1)).value() == 1);
      CHECK(actor.Call<&Grouped::Append>(3).Get(absl::Minutes(1)).value() == 2);
    });
  });
}

// In whatever order the calls of two groups begin, none that may have begun runs in the next incarnation.
std::map<int, int>& TimesBegun() {
  static std::map<int, int> times;
  return times;
}

class Noted {
 public:
  int Run(int number, int milliseconds) {
    ++TimesBegun()[number];
    Work(absl::Milliseconds(milliseconds));
    return number;
  }
};

TEST_CASE("a call runs at most once though its worker dies, also where calls of groups begin out of order") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    TimesBegun().clear();
    cluster.Drive([&](Driver& driver) {
      const ActorOptions options{.max_restarts = 1, .concurrency_groups = {{"slow", 1}}};
      const auto actor = driver.cluster.With(options).Create<Noted>();
      std::vector<ObjectRef<int>> results;
      for (int i = 0; i < 20; ++i) {
        const CallOptions group{.concurrency_group = i % 4 == 0 ? "slow" : ""};
        results.push_back(actor.With(group).Call<&Noted::Run>(i, i % 4 == 0 ? 200 : 30));
      }
      while (!IsReady(driver, results[2])) driver.Sleep(absl::Milliseconds(5));
      REQUIRE_FALSE(ProcessesAtWork().empty());
      cluster.world().Crash(*ProcessesAtWork().front());
      int lost = 0;
      for (const auto& result : results) {
        if (!result.Get(absl::Minutes(1)).ok()) ++lost;
      }
      CHECK(lost > 0);
      CHECK(lost < 20);
      for (const auto& [number, times] : TimesBegun()) {
        INFO("call " << number);
        CHECK(times == 1);
      }
    });
  });
}

}  // namespace
}  // namespace ioc::sim

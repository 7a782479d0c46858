// Who gets which node: actors by the load of all nodes, and jobs in turns, wherever their drivers are.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

std::map<std::string, int> NodesOf(const std::vector<ActorHandle<RingMember>>& actors) {
  std::map<std::string, int> on;
  for (const auto& actor : actors) ++on[actor.Call<&RingMember::node_name>().Get(absl::Minutes(1)).value_or("none")];
  return on;
}

TEST_CASE("actors that ask for nothing are made here while there are CPUs, and then where there is the least to do") {
  RunSeeds({.nodes = 4}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      std::vector<ActorHandle<RingMember>> actors;
      for (int i = 0; i < 4; ++i) actors.push_back(driver.cluster.Create<RingMember>(i));
      CHECK(NodesOf(actors) == std::map<std::string, int>{{"n0", 4}});
      for (int i = 4; i < 40; ++i) actors.push_back(driver.cluster.Create<RingMember>(i));
      const std::map<std::string, int> on = NodesOf(actors);
      CHECK(on.size() == 4);
      for (const auto& [node, count] : on) {
        INFO(node);
        CHECK(count >= 8);
        CHECK(count <= 12);
      }
      actors.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("actors that ask for nothing are made here if there is no other node, or no head") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      std::vector<ActorHandle<RingMember>> actors;
      for (int i = 0; i < 4; ++i) actors.push_back(driver.cluster.Create<RingMember>(i));
      CHECK(NodesOf(actors) == std::map<std::string, int>{{"n0", 4}});
      cluster.world().Crash(cluster.head_process());
      driver.Sleep(absl::Seconds(1));
      for (int i = 4; i < 8; ++i) actors.push_back(driver.cluster.Create<RingMember>(i));
      CHECK(NodesOf(actors) == std::map<std::string, int>{{"n0", 8}});
      cluster.RestartHead();
      driver.Sleep(absl::Seconds(10));
      for (int i = 8; i < 12; ++i) actors.push_back(driver.cluster.Create<RingMember>(i));
      CHECK(NodesOf(actors) == std::map<std::string, int>{{"n0", 8}, {"n1", 4}});
    });
  });
}

// Has up to `width` tasks on `node` at any time, until `stop`; how many were done.
int Flood(Driver& driver, const std::string& node, size_t width, const bool& stop) {
  const TaskSubmitter there = driver.cluster.With(TaskOptions{.where = {.nodes = {node}}});
  std::vector<ObjectRef<int>> waiting;
  int done = 0;
  while (!stop) {
    while (waiting.size() < width) waiting.push_back(there.Submit<WorkFor>(50, 1));
    driver.Sleep(absl::Milliseconds(20));
    done += static_cast<int>(std::erase_if(waiting, [](const auto& ref) { return ref.ready(); }));
  }
  for (const auto& ref : waiting) CHECK(driver.cluster.Cancel(ref).ok());
  return done;
}

TEST_CASE("a job gets its share of a node though another one, of another node, has an endless stream of tasks there") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    bool stop = false;
    int first = 0, second = 0;
    cluster.StartDriver(0, [&](Driver& driver) { first = Flood(driver, "n1", 40, stop); });
    cluster.world().RunFor(absl::Seconds(5));
    cluster.StartDriver(2, [&](Driver& driver) { second = Flood(driver, "n1", 40, stop); });
    cluster.world().RunFor(absl::Seconds(40));
    stop = true;
    cluster.Drive([](Driver& driver) {
      driver.Sleep(absl::Seconds(10));
      CheckQuiet(driver);
    });
    CHECK(second > 100);
    CHECK(second > first / 3);
  });
}

constexpr DurationRange kNear = {absl::Milliseconds(1), absl::Milliseconds(10)};

TEST_CASE("a job gets its share of a node though one of that node has an endless stream of tasks there") {
  RunSeeds({.nodes = 3, .latency = kNear}, [](SimCluster& cluster) {
    bool stop = false;
    int local = 0, far = 0;
    cluster.StartDriver(1, [&](Driver& driver) { local = Flood(driver, "n1", 40, stop); });
    cluster.world().RunFor(absl::Seconds(5));
    cluster.StartDriver(2, [&](Driver& driver) { far = Flood(driver, "n1", 40, stop); });
    cluster.world().RunFor(absl::Seconds(40));
    stop = true;
    cluster.Drive([](Driver& driver) {
      driver.Sleep(absl::Seconds(10));
      CheckQuiet(driver);
    });
    CHECK(local + far > 1800);  // of 3600 that 4 CPUs could do
    CHECK(far > local / 3);
    CHECK(local > far / 3);
  });
}

TEST_CASE("jobs take turns on a node with room for one of them") {
  RunSeeds({.nodes = 3, .cpus = 1, .latency = kNear}, [](SimCluster& cluster) {
    bool stop = false;
    int first = 0, second = 0;
    cluster.StartDriver(0, [&](Driver& driver) { first = Flood(driver, "n1", 10, stop); });
    cluster.world().RunFor(absl::Seconds(5));
    cluster.StartDriver(2, [&](Driver& driver) { second = Flood(driver, "n1", 10, stop); });
    cluster.world().RunFor(absl::Seconds(40));
    stop = true;
    cluster.world().RunFor(absl::Seconds(10));
    CHECK(second > 100);
    CHECK(first > 100);
  });
}

}  // namespace
}  // namespace ioc::sim

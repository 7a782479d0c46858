// What nodes keep of other nodes' programs: within a limit, and never less than what runs.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

using Paths = std::vector<std::string>;

// A build of the program has some 40 bytes (World::RegisterProgram).
constexpr uint64_t kRoomForTwo = 100;
const TaskOptions kOnN1{.where = {.nodes = {"n1"}}};

std::string CacheOf(SimCluster& cluster, int node) {
  return cluster.node_process(node).files().CacheDirectory() + "/programs";
}

Paths Cached(SimCluster& cluster) {
  Paths paths;
  for (const FileEntry& file : cluster.node_process(1).files().List(CacheOf(cluster, 1))) paths.push_back(file.path);
  return paths;
}

bool Has(const Paths& paths, const std::string& path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

// A driver with a new build runs it on n1; returns what is there then.
Paths RunNewBuild(SimCluster& cluster) {
  Paths there;
  cluster.BuildProgram();
  cluster.Drive([&](Driver& driver) {
    CHECK(driver.cluster.With(kOnN1).Submit<Add>(1, 2).Get(absl::Minutes(1)).value_or(0) == 3);
    driver.Sleep(absl::Seconds(1));
    there = Cached(cluster);
  });
  cluster.world().RunFor(absl::Minutes(1));  // its workers have ended
  return there;
}

TEST_CASE("of programs that run no more those stay that were used last, as many as there is room for") {
  RunSeeds({.nodes = 2, .program_cache_limit = kRoomForTwo}, [](SimCluster& cluster) {
    const std::string old = CacheOf(cluster, 1) + "/of-an-earlier-run";
    cluster.machine(1).files[old] = {std::make_shared<const std::string>(kRoomForTwo, 'x')};
    const Paths first = RunNewBuild(cluster);
    REQUIRE(first.size() == 1);
    CHECK_FALSE(Has(first, old));
    CHECK(RunNewBuild(cluster).size() == 2);
    const Paths last = RunNewBuild(cluster);
    CHECK(last.size() == 2);
    CHECK_FALSE(Has(last, first[0]));
  });
}

TEST_CASE("a program that runs stays, and one that was removed is fetched again") {
  RunSeeds({.nodes = 2, .program_cache_limit = 0}, [](SimCluster& cluster) {
    const ActorOptions options{.name = "steward", .lifetime = Lifetime::kDetached, .where = {.nodes = {"n1"}}};
    cluster.Drive([&](Driver& driver) {
      CHECK(driver.cluster.With(options).Create<Steward>(1).Call<&Steward::Add>(1).Get(absl::Minutes(1)).ok());
    });
    const Paths stewards = Cached(cluster);
    REQUIRE(stewards.size() == 1);
    const SimFile program = cluster.machine(0).files.at("/home/user/program");
    CHECK(RunNewBuild(cluster).size() == 2);
    const Paths both = RunNewBuild(cluster);
    CHECK(both.size() == 2);
    CHECK(Has(both, stewards[0]));

    cluster.Drive(
        [&](Driver& driver) { CHECK(driver.cluster.Kill(driver.cluster.FindActor<Steward>("steward").value()).ok()); });
    cluster.world().RunFor(absl::Minutes(1));
    const Paths others = RunNewBuild(cluster);
    CHECK(others.size() == 1);
    CHECK_FALSE(Has(others, stewards[0]));
    cluster.machine(0).files["/home/user/program"] = program;
    cluster.Drive([&](Driver& driver) {
      CHECK(driver.cluster.With(kOnN1).Submit<Add>(1, 2).Get(absl::Minutes(1)).value_or(0) == 3);
      CHECK(Has(Cached(cluster), stewards[0]));
    });
  });
}

}  // namespace
}  // namespace ioc::sim

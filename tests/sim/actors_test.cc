// Actors in simulated clusters: order, ends, restarts, connections among them.
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "runtime/worker/worker.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

// A call of the actor is being worked on.
void AwaitCall(Driver& driver, const ActorHandle<SlowAdder>& actor) {
  actor.Call<&SlowAdder::Add>(0, 1000);
  AwaitWork(driver, 1);
}

TEST_CASE("a token goes five times around a ring of actors on twenty nodes") {
  static constexpr int kMembers = 20;
  static constexpr int kRounds = 5;
  RunSeeds({.nodes = 20}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const ActorCreator spread = driver.cluster.With(ActorOptions{.strategy = Strategy::kSpread});
        std::vector<ActorHandle<RingMember>> ring;
        for (int i = 0; i < kMembers; ++i) ring.push_back(spread.Create<RingMember>(i));
        std::set<std::string> nodes;
        for (const auto& member : ring) nodes.insert(member.Call<&RingMember::node_name>().Get().value());
        CHECK(nodes.size() == kMembers);

        const auto goal = driver.cluster.Create<Goal>();
        ring[0].Call<&RingMember::Pass>(ring, goal, kMembers * kRounds, 1);
        while (goal.Call<&Goal::token>().Get().value() == 0) driver.Sleep(absl::Milliseconds(100));
        CHECK(goal.Call<&Goal::token>().Get().value() == 1 + kMembers * kRounds);
        for (int i = 0; i < kMembers; ++i) {
          CHECK(ring[i].Call<&RingMember::passed>().Get().value() == kRounds + (i == 0 ? 1 : 0));
        }
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an actor that may restart is made again and its calls go on") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto slow =
            driver.cluster.With(ActorOptions{.strategy = Strategy::kSpread, .max_restarts = 1, .max_task_retries = 1})
                .Create<SlowAdder>(10);
        std::vector<ObjectRef<int>> results;
        for (int i = 0; i < 5; ++i) results.push_back(slow.Call<&SlowAdder::Add>(1, 100));
        AwaitWork(driver, 1);
        cluster.world().Crash(*ProcessesAtWork().front());
        for (const auto& result : results) CHECK(result.Get(absl::Minutes(1)).ok());
        AwaitCall(driver, slow);
        cluster.world().Crash(*ProcessesAtWork().front());
        driver.Sleep(absl::Seconds(5));
        const absl::Status error = slow.Call<&SlowAdder::Add>(1, 0).Get(absl::Minutes(1)).status();
        CHECK(CauseOf(error) == Cause::kActorDied);
        CHECK_THAT(std::string(error.message()), Catch::Contains("SlowAdder") && Catch::Contains("signal 9"));
      }
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

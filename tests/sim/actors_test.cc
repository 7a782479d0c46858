// Actors in simulated clusters: order, ends, restarts, connections among them.
#include <catch2/catch.hpp>
#include <optional>
#include <set>
#include <stdexcept>
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

// Never made: its constructor fails.
class Stillborn {
 public:
  explicit Stillborn(int) { throw std::runtime_error("no"); }
  int Answer(int question) { return question + 1; }
};

// A chain of calls, each with the last one's result.
std::vector<ObjectRef<int>> CallInChain(const ActorHandle<Stillborn>& actor, ObjectRef<int> first) {
  std::vector<ObjectRef<int>> chain = {std::move(first)};
  for (int i = 0; i < 5; ++i) chain.push_back(actor.Call<&Stillborn::Answer>(chain.back()));
  return chain;
}

void CheckAllFailed(const std::vector<ObjectRef<int>>& chain) {
  for (const ObjectRef<int>& call : chain) CHECK_FALSE(call.Get(absl::Minutes(2)).ok());
}

TEST_CASE("calls that wait for each other's results all fail when their actor is never made") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        for (const bool shared : {false, true}) {
          const auto throws = driver.cluster.With(ActorOptions{.shared_process = shared}).Create<Stillborn>(1);
          CheckAllFailed(CallInChain(throws, throws.Call<&Stillborn::Answer>(1)));

          const ActorOptions nowhere = {
              .where = {.nodes = {"nowhere"}}, .shared_process = shared, .placement_timeout = absl::Seconds(5)};
          const auto unplaceable = driver.cluster.With(nowhere).Create<Stillborn>(1);
          CheckAllFailed(CallInChain(unplaceable, unplaceable.Call<&Stillborn::Answer>(1)));
          const auto killed = driver.cluster.With(nowhere).Create<Stillborn>(1);
          const std::vector<ObjectRef<int>> chain = CallInChain(killed, killed.Call<&Stillborn::Answer>(1));
          CHECK(driver.cluster.Kill(killed).ok());
          CheckAllFailed(chain);
        }
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an argument that fails ends an actor and the calls that have it too") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        for (const bool shared : {false, true}) {
          const auto source = driver.cluster.Create<Stillborn>(1);
          const ObjectRef<int> failing = source.Call<&Stillborn::Answer>(1);
          const auto actor = driver.cluster.With(ActorOptions{.shared_process = shared}).Create<Stillborn>(failing);
          CheckAllFailed(CallInChain(actor, failing));
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

// One instant of all those that a handful of calls goes through.
void BreakAt(absl::Duration instant) {
  RunSeeds({.nodes = 2}, [instant](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto slow =
            driver.cluster.With(ActorOptions{.where = {.nodes = {SimCluster::NodeName(1)}}}).Create<SlowAdder>(0);
        REQUIRE(slow.Call<&SlowAdder::Add>(0, 0).Get(absl::Minutes(1)).value() == 0);
        cluster.world().At(instant, [&cluster] { cluster.world().Disconnect(cluster.machine(0), cluster.machine(1)); });
        std::vector<ObjectRef<int>> results;
        for (int i = 0; i < 8; ++i) results.push_back(slow.Call<&SlowAdder::Add>(1, 10));
        INFO("broken after " << absl::FormatDuration(instant));
        for (int i = 0; i < 8; ++i) REQUIRE(results[i].Get(absl::Minutes(2)).value() == i + 1);
        REQUIRE(slow.Call<&SlowAdder::Add>(0, 0).Get(absl::Minutes(1)).value() == 8);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a call runs once, whenever the connection breaks on its way, while it runs, or on the way of its answer") {
  for (int milliseconds = 0; milliseconds < 300; milliseconds += 6) BreakAt(absl::Milliseconds(milliseconds));
}

TEST_CASE("a stream of an actor goes on without a gap or a repeat when the connection breaks") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto counter =
            driver.cluster.With(ActorOptions{.where = {.nodes = {SimCluster::NodeName(1)}}}).Create<SlowCounter>();
        ObjectStream<int> numbers = counter.Call<&SlowCounter::Count>(300, 2);
        for (int expected = 0; expected < 300; ++expected) {
          const absl::StatusOr<std::optional<int>> number = numbers.Next(absl::Minutes(2));
          INFO(number.status());
          REQUIRE(number.ok());
          REQUIRE(*number == expected);
          if (expected % 50 == 20) cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        }
        REQUIRE(numbers.Next(absl::Minutes(2)).value() == std::nullopt);
        CHECK(counter.Call<&SlowCounter::next>().Get(absl::Minutes(1)).value() == 300);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an actor ends with its owner's node, though nobody tells it of that") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const TaskSubmitter on_n1 = driver.cluster.With(TaskOptions{.where = {.nodes = {SimCluster::NodeName(1)}}});
      const ObjectRef<int> owner = on_n1.Submit<OwnActorOn>(std::string("n2"));
      AwaitWork(driver, 1);
      REQUIRE(cluster.Workers(2).size() == 1);
      cluster.world().CrashMachine(cluster.machine(1));
      driver.Sleep(absl::Minutes(2));
      CHECK(cluster.Workers(2).size() == 0);
    });
  });
}

// Two actors that begin to write to each other at the same time, far from each other.
class Correspondence {
 public:
  static constexpr int kLetters = 50;

  Correspondence(SimCluster& cluster, Driver& driver) {
    cluster.world().SetLink(cluster.machine(1), cluster.machine(2), {.latency = absl::Milliseconds(200)});
    for (const char* node : {"n1", "n2"}) {
      const ActorOptions there{.where = {.nodes = {node}}};
      writers_.push_back(driver.cluster.With(there).Create<Correspondent>());
    }
    CHECK(Write());
  }

  bool Write() const {
    const ObjectRef<void> one = writers_[0].Call<&Correspondent::Write>(writers_[1], kLetters);
    const ObjectRef<void> other = writers_[1].Call<&Correspondent::Write>(writers_[0], kLetters);
    return one.Get(absl::Minutes(1)).ok() && other.Get(absl::Minutes(1)).ok();
  }

  // Every letter has an answer, or is known to be lost if it may be.
  void CheckAnswers(bool may_be_lost) const {
    for (const auto& writer : writers_) {
      const auto counts = writer.Call<&Correspondent::AnsweredAndLost>().Get(absl::Minutes(2));
      INFO(counts.status().ToString());
      REQUIRE(counts.ok());
      CHECK(counts->first + counts->second == kLetters);
      if (!may_be_lost) CHECK(counts->second == 0);
    }
  }

 private:
  std::vector<ActorHandle<Correspondent>> writers_;
};

TEST_CASE("an actor keeps its name while its node is cut off from the head, and loses it when the node has ended") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto named = driver.cluster.With(ActorOptions{.name = "adder"}).Create<SlowAdder>(1);
      REQUIRE(named.Call<&SlowAdder::Add>(0, 0).Get(absl::Minutes(1)).value() == 1);
      cluster.world().Disconnect(cluster.machine(0), cluster.head_machine());
      driver.Sleep(absl::Seconds(5));
      const auto taken = driver.cluster.With(ActorOptions{.name = "adder"}).Create<SlowAdder>(2);
      const absl::Status error = taken.Call<&SlowAdder::Add>(0, 0).Get(absl::Minutes(1)).status();
      CHECK_THAT(std::string(error.message()), Catch::Contains("\"adder\""));
      const auto found = driver.cluster.FindActor<SlowAdder>("adder");
      REQUIRE(found.ok());
      CHECK(found->Call<&SlowAdder::Add>(1, 0).Get(absl::Minutes(1)).value() == 2);
    });
  });
}

TEST_CASE("two processes that dial each other at once understand each other") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const Correspondence letters(cluster, driver);
        letters.CheckAnswers(/*may_be_lost=*/false);
        CHECK(letters.Write());
        letters.CheckAnswers(/*may_be_lost=*/false);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("what was sent on one of two connections is missed when it breaks") {
  for (const size_t broken : {0, 1}) {
    RunSeeds({.nodes = 3}, [broken](SimCluster& cluster) {
      cluster.Drive([&](Driver& driver) {
        {
          const Correspondence letters(cluster, driver);
          letters.CheckAnswers(/*may_be_lost=*/false);
          REQUIRE(cluster.world().Connections(cluster.machine(1), cluster.machine(2)) == 2);
          CHECK(letters.Write());
          cluster.world().DisconnectOne(cluster.machine(1), cluster.machine(2), broken);
          letters.CheckAnswers(/*may_be_lost=*/true);
          CHECK(letters.Write());
          letters.CheckAnswers(/*may_be_lost=*/false);
        }
        CheckQuiet(driver);
      });
    });
  }
}

// Keeps a handle of an actor that is not its own.
class Friend {
 public:
  explicit Friend(const ActorHandle<SlowAdder>& adder) : adder_(adder) {}
  int Add(int number) { return adder_.Call<&SlowAdder::Add>(number, 0).Get().value_or(-1); }

 private:
  const ActorHandle<SlowAdder> adder_;
};

TEST_CASE("an actor that was out of reach for long is called again") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto adder =
            driver.cluster.With(ActorOptions{.where = {.nodes = {SimCluster::NodeName(1)}}}).Create<SlowAdder>(0);
        const auto other =
            driver.cluster.With(ActorOptions{.where = {.nodes = {SimCluster::NodeName(2)}}}).Create<Friend>(adder);
        REQUIRE(other.Call<&Friend::Add>(1).Get(absl::Minutes(1)).value() == 1);
        const ObjectRef<int> call = adder.Call<&SlowAdder::Add>(0, 1000);
        AwaitWork(driver, 1);
        SimEnv& process = *ProcessesAtWork().front();
        REQUIRE(call.Get(absl::Minutes(1)).ok());
        cluster.world().Stop(process, absl::Minutes(2));
        cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        cluster.world().Disconnect(cluster.machine(2), cluster.machine(1));
        const absl::Status error = adder.Call<&SlowAdder::Add>(1, 0).Get(absl::Minutes(5)).status();
        CHECK_THAT(std::string(error.message()), Catch::Contains("could not be reached"));
        driver.Sleep(absl::Minutes(1));
        CHECK(other.Call<&Friend::Add>(1).Get(absl::Minutes(5)).value() == 2);
        CHECK(adder.Call<&SlowAdder::Add>(1, 0).Get(absl::Minutes(5)).value() == 3);
      }
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

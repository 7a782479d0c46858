// Actors that are saved and made again: what is kept, what is lost, what runs once.
#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

struct TallyState {
  int sum = 0;
  std::vector<int> added;
};

class Tally {
 public:
  int Add(int by, int milliseconds) {
    Work(absl::Milliseconds(milliseconds));
    state_.added.push_back(by);
    return state_.sum += by;
  }
  int AddAndSave(int by) {
    state_.added.push_back(by);
    REQUIRE(SaveCheckpoint().ok());
    return state_.sum += by;
  }
  std::vector<int> added() { return state_.added; }
  int sum() { return state_.sum; }

  TallyState Checkpoint() const { return state_; }
  void Restore(TallyState state) { state_ = std::move(state); }

 private:
  TallyState state_;
};

const ActorOptions kEachCall = {
    .where = {.nodes = {"n1"}}, .max_restarts = -1, .max_task_retries = -1, .checkpoint_every = 1};

void CrashWorkers(SimCluster& cluster) {
  for (SimEnv* worker : cluster.Workers(1)) cluster.world().Crash(*worker);
}

// Twelve calls, while what lives on node 1 crashes, or is cut off, at some of all the instants that they go through.
enum class Harm { kCrash, kCrashTwice, kDisconnect };

void CountThrough(const ActorOptions& options, Harm harm, absl::Duration instant) {
  RunSeeds({.nodes = 2}, [&](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto tally = driver.cluster.With(options).Create<Tally>();
        REQUIRE(tally.Call<&Tally::Add>(0, 0).Get(absl::Minutes(1)).ok());
        const auto hit = [&cluster, harm] {
          if (harm != Harm::kDisconnect) return CrashWorkers(cluster);
          cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
        };
        cluster.world().At(instant, hit);
        if (harm == Harm::kCrashTwice) cluster.world().At(instant + absl::Milliseconds(350), hit);
        std::vector<ObjectRef<int>> sums;
        std::vector<int> expected = {0};
        for (int i = 1; i <= 12; ++i) {
          sums.push_back(tally.Call<&Tally::Add>(i, 10));
          expected.push_back(i);
        }
        INFO("after " << absl::FormatDuration(instant));
        int sum = 0;
        for (int i = 1; i <= 12; ++i) {
          const absl::StatusOr<int> got = sums[i - 1].Get(absl::Minutes(2));
          INFO(got.status().ToString());
          REQUIRE(got.ok());
          CHECK(*got == (sum += i));
        }
        CHECK(tally.Call<&Tally::added>().Get(absl::Minutes(1)).value() == expected);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("with a checkpoint a call each call counts once, whenever the actor's process dies") {
  for (int milliseconds = 0; milliseconds < 320; milliseconds += 20) {
    CountThrough(kEachCall, Harm::kCrash, absl::Milliseconds(milliseconds));
  }
}

TEST_CASE("with a checkpoint a call each call counts once, though the process dies again soon") {
  for (int milliseconds = 10; milliseconds < 320; milliseconds += 60) {
    CountThrough(kEachCall, Harm::kCrashTwice, absl::Milliseconds(milliseconds));
  }
}

TEST_CASE("with a checkpoint a call each call counts once, whenever the connection breaks") {
  for (int milliseconds = 5; milliseconds < 320; milliseconds += 45) {
    CountThrough(kEachCall, Harm::kDisconnect, absl::Milliseconds(milliseconds));
  }
}

TEST_CASE("with a checkpoint a call each call of a shared actor counts once, whenever its process dies") {
  ActorOptions options = kEachCall;
  options.shared_process = true;
  for (int milliseconds = 5; milliseconds < 320; milliseconds += 45) {
    CountThrough(options, Harm::kCrash, absl::Milliseconds(milliseconds));
  }
}

TEST_CASE("what was done a while ago is kept without being asked for, and what was not saved is lost") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto tally =
            driver.cluster.With(ActorOptions{.where = {.nodes = {"n1"}}, .max_restarts = -1}).Create<Tally>();
        for (int i = 0; i < 5; ++i) CHECK(tally.Call<&Tally::Add>(1, 1).Get(absl::Minutes(1)).ok());
        driver.Sleep(absl::Seconds(5));
        CrashWorkers(cluster);
        CHECK(tally.Call<&Tally::sum>().Get(absl::Minutes(1)).value() == 5);
        driver.Sleep(absl::Seconds(5));
        CHECK(tally.Call<&Tally::Add>(1, 1).Get(absl::Minutes(1)).value() == 6);
        CrashWorkers(cluster);
        const int sum = tally.Call<&Tally::sum>().Get(absl::Minutes(1)).value();
        CHECK((sum == 5 || sum == 6));
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("an answer that waits for a checkpoint says that what was done is safe") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const ActorOptions options{
            .where = {.nodes = {"n1"}}, .max_restarts = -1, .checkpoint_period = absl::InfiniteDuration()};
        const auto tally = driver.cluster.With(options).Create<Tally>();
        CHECK(tally.Call<&Tally::AddAndSave>(1).Get(absl::Minutes(1)).value() == 1);
        CHECK(tally.Call<&Tally::Add>(10, 0).Get(absl::Minutes(1)).value() == 11);
        driver.Sleep(absl::Minutes(1));
        CrashWorkers(cluster);
        CHECK(tally.Call<&Tally::sum>().Get(absl::Minutes(1)).value() == 1);
        CHECK(tally.Call<&Tally::AddAndSave>(2).Get(absl::Minutes(1)).value() == 3);
        CrashWorkers(cluster);
        CHECK(tally.Call<&Tally::sum>().Get(absl::Minutes(1)).value() == 3);
      }
      CheckQuiet(driver);
    });
  });
}

class Large {
 public:
  explicit Large(int seed) : numbers_(262'144, static_cast<uint32_t>(seed)) {}  // 1 MiB
  void Set(uint32_t index, uint32_t value) { numbers_[index] = value; }
  uint64_t Sum() { return std::accumulate(numbers_.begin(), numbers_.end(), uint64_t{0}); }
  std::vector<uint32_t> Checkpoint() const { return numbers_; }
  absl::Status Restore(std::vector<uint32_t> numbers) {
    numbers_ = std::move(numbers);
    return absl::OkStatus();
  }

 private:
  std::vector<uint32_t> numbers_;
};

TEST_CASE("a large state outlives its actor's process, and its node") {
  for (const bool node_dies : {false, true}) {
    RunSeeds({.nodes = 3}, [node_dies](SimCluster& cluster) {
      cluster.Drive([&](Driver& driver) {
        {
          ActorOptions options = kEachCall;
          options.where = {.nodes = {"n1", "n2"}};
          const auto large = driver.cluster.With(options).Create<Large>(2);
          for (uint32_t i = 0; i < 10; ++i) CHECK(large.Call<&Large::Set>(i, 1000u).Get(absl::Minutes(1)).ok());
          const int node = cluster.Workers(1).empty() ? 2 : 1;
          if (node_dies) {
            cluster.world().CrashMachine(cluster.machine(node));
          } else {
            for (SimEnv* worker : cluster.Workers(node)) cluster.world().Crash(*worker);
          }
          CHECK(large.Call<&Large::Sum>().Get(absl::Minutes(3)).value() == 2 * 262'134 + 10'000);
        }
        CheckQuiet(driver);
      });
    });
  }
}

TEST_CASE("nothing stays in a store of a large state whose actor dies, is cut off or killed while it is saved") {
  enum class Event { kCrash, kDisconnect, kKill };
  for (const Event event : {Event::kCrash, Event::kDisconnect, Event::kKill}) {
    for (int milliseconds = 0; milliseconds < 320; milliseconds += 20) {
      RunSeeds({.nodes = 2}, [event, milliseconds](SimCluster& cluster) {
        cluster.Drive([&](Driver& driver) {
          {
            const auto large = driver.cluster.With(kEachCall).Create<Large>(2);
            CHECK(large.Call<&Large::Set>(0, 1000u).Get(absl::Minutes(1)).ok());
            const ObjectRef<void> set = large.Call<&Large::Set>(1, 1000u);
            driver.Sleep(absl::Milliseconds(milliseconds));
            if (event == Event::kCrash) CrashWorkers(cluster);
            if (event == Event::kDisconnect) cluster.world().Disconnect(cluster.machine(0), cluster.machine(1));
            if (event == Event::kKill) {
              CHECK(driver.cluster.Kill(large).ok());
            } else {
              CHECK(set.Get(absl::Minutes(1)).ok());
              CHECK(large.Call<&Large::Sum>().Get(absl::Minutes(1)).value() == 2 * 262'142 + 2000);
            }
          }
          INFO("after " << milliseconds << " ms");
          CheckQuiet(driver);
        });
      });
    }
  }
}

class Keeper {
 public:
  void Keep(const ObjectRef<int>& ref) { kept_.push_back(ref); }
  ObjectRef<int> Give(int i) { return kept_.at(static_cast<size_t>(i)); }
  int Sum() {
    int sum = 0;
    for (const ObjectRef<int>& ref : kept_) sum += ref.Get().value();
    return sum;
  }
  std::vector<ObjectRef<int>> Checkpoint() const { return kept_; }
  void Restore(std::vector<ObjectRef<int>> kept) { kept_ = std::move(kept); }

 private:
  std::vector<ObjectRef<int>> kept_;
};

TEST_CASE("references in a saved state, and in saved answers, keep what they refer to") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const auto keeper = driver.cluster.With(kEachCall).Create<Keeper>();
        for (int i = 1; i <= 4; ++i) {
          CHECK(keeper.Call<&Keeper::Keep>(driver.cluster.Put(i)).Get(absl::Minutes(1)).ok());
        }
        const ObjectRef<ObjectRef<int>> given = keeper.Call<&Keeper::Give>(2);
        driver.Sleep(absl::Seconds(3));
        CrashWorkers(cluster);
        CHECK(keeper.Call<&Keeper::Sum>().Get(absl::Minutes(1)).value() == 10);
        CHECK(given.Get(absl::Minutes(1)).value().Get(absl::Minutes(1)).value() == 3);
        CrashWorkers(cluster);
        CHECK(keeper.Call<&Keeper::Sum>().Get(absl::Minutes(1)).value() == 10);
      }
      CheckQuiet(driver);
    });
  });
}

class Plain {
 public:
  absl::Status Save() { return SaveCheckpoint(); }
  int Checkpoint(int x) { return x + 1; }  // a method like any other
};

TEST_CASE("a class without both has no checkpoints, and says so where they are asked for") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const auto plain = driver.cluster.With(ActorOptions{.max_restarts = 1}).Create<Plain>();
      CHECK(plain.Call<&Plain::Checkpoint>(1).Get(absl::Minutes(1)).value() == 2);
      const absl::Status saved = plain.Call<&Plain::Save>().Get(absl::Minutes(1));
      CHECK_THAT(std::string(saved.message()), Catch::Contains("Checkpoint"));
      const auto refused = driver.cluster.With(ActorOptions{.checkpoint_every = 1}).Create<Plain>();
      const absl::Status status = refused.Call<&Plain::Save>().Get(absl::Minutes(1));
      CHECK(CauseOf(status) == Cause::kInvalidArgument);
      CHECK_THAT(std::string(status.message()), Catch::Contains("Plain") && Catch::Contains("Restore"));
    });
  });
}

}  // namespace
}  // namespace ioc::sim

// Streams in simulated clusters: far away, cut off, taken over by another attempt.
#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "lib/base/status.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

void ReadAll(ObjectStream<int>& stream, int from, int to) {
  for (int expected = from; expected < to; ++expected) {
    const absl::StatusOr<std::optional<int>> item = stream.Next(absl::Minutes(2));
    REQUIRE(item.ok());
    REQUIRE(*item == expected);
  }
  REQUIRE(stream.Next(absl::Minutes(2)).value() == std::nullopt);
}

TaskSubmitter Elsewhere(Driver& driver) {
  return driver.cluster.With(TaskOptions{.where = {.nodes = {SimCluster::NodeName(1)}}});
}

TEST_CASE("a stream from another node is read in order, and nothing is left of it") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        ObjectStream<int> numbers = Elsewhere(driver).Submit<CountSlowly>(300, 1);
        ReadAll(numbers, 0, 300);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a reader that looks for large items of another node again and again gets each of them once") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        ObjectStream<Array<uint32_t>> blocks = Elsewhere(driver).Submit<MakeBlocks>(20, 50'000u);
        std::vector<uint32_t> read;
        for (int looks = 0; looks < 10'000 && read.size() < 20; ++looks) {
          const absl::StatusOr<std::optional<Array<uint32_t>>> block = blocks.Next(absl::Milliseconds(looks % 3));
          if (block.ok() && !block->has_value()) break;
          if (block.ok()) read.push_back((**block)[49'999]);
          if (!block.ok()) REQUIRE(CauseOf(block.status()) == Cause::kDeadline);
          driver.Sleep(absl::Milliseconds(1));
        }
        std::vector<uint32_t> expected;
        for (uint32_t i = 0; i < 20; ++i) expected.push_back(i);
        CHECK(read == expected);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("nothing is left of a stream that its reader drops in the middle") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        ObjectStream<Array<uint32_t>> blocks = Elsewhere(driver).Submit<MakeBlocks>(1000, 100'000u);
        for (uint32_t i = 0; i < 5; ++i) REQUIRE(blocks.Next(absl::Minutes(1)).value()->data()[0] == i);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a stream whose worker dies goes on without a gap or a repeat") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        ObjectStream<int> numbers = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread, .max_retries = -1})
                                        .Submit<CountSlowly>(60, 20);
        int expected = 0;
        while (const std::optional<int> item = numbers.Next(absl::Minutes(2)).value()) {
          REQUIRE(*item == expected);
          if (++expected % 25 == 0) cluster.world().Crash(*ProcessesAtWork().front());
        }
        REQUIRE(expected == 60);
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("blocks that lay untaken on a dead node are made again") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        ObjectStream<Array<uint32_t>> blocks =
            driver.cluster.With(TaskOptions{.where = {.nodes = {"n1", "n2"}}}).Submit<MakeBlocks>(200, 30'000u);
        for (uint32_t i = 0; i < 200; ++i) {
          const absl::StatusOr<std::optional<Array<uint32_t>>> block = blocks.Next(absl::Minutes(5));
          REQUIRE(block.ok());
          REQUIRE(block->has_value());
          REQUIRE((**block)[29'999] == i);
          if (i != 10) continue;
          cluster.world().CrashMachine(cluster.machine(!cluster.Workers(1).empty() ? 1 : 2));
          driver.Sleep(absl::Seconds(30));  // until its death is known
        }
        REQUIRE(blocks.Next(absl::Minutes(5)).value() == std::nullopt);
      }
    });
  });
}

TEST_CASE("nothing is left of the items that a dead worker had stored and nobody received") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        ObjectStream<Array<uint32_t>> blocks = Elsewhere(driver).Submit<MakeBlocks>(30, 100'000u);
        for (uint32_t i = 0; i < 30; ++i) {
          const absl::StatusOr<std::optional<Array<uint32_t>>> block = blocks.Next(absl::Minutes(5));
          REQUIRE(block.ok());
          REQUIRE((**block)[99'999] == i);
          const std::vector<SimEnv*> workers = cluster.Workers(1);
          if (i % 7 == 3 && !workers.empty()) cluster.world().Crash(*workers.front());
        }
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("the children of a cancelled task are cancelled") {
  RunSeeds({.nodes = 3}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const ObjectRef<int> tree = driver.cluster.Submit<CountTreeForEver>(7);
        AwaitWork(driver, 3);
        REQUIRE(driver.cluster.Cancel(tree).ok());
        CHECK(CauseOf(tree.Get(absl::Seconds(1)).status()) == Cause::kCancelled);
      }
      CheckQuiet(driver);
      CHECK(ProcessesAtWork().empty());
    });
  });
}

}  // namespace
}  // namespace ioc::sim

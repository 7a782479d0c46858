// More objects than the nodes' memory holds, on disks that are slow, full or broken: every byte comes back right, or an
// error says why it does not.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/objects/extent_allocator.h"
#include "runtime/node/spiller.h"
#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

using Catch::Matchers::Contains;

constexpr uint64_t kStore = 16 * kMiB;
constexpr uint32_t kLarge = 2 * kMiB / sizeof(uint64_t);
constexpr uint32_t kSmall = 200 * kKiB / sizeof(uint64_t);

// 2 MiB and 200 KiB, in turns of four.
uint32_t CountOf(uint64_t id) { return id % 4 == 0 ? kLarge : kSmall; }

std::vector<ObjectRef<Pattern>> PutMany(Driver& driver, uint64_t count) {
  std::vector<ObjectRef<Pattern>> refs;
  for (uint64_t id = 0; id < count; ++id) refs.push_back(PutPattern(driver.cluster, id, CountOf(id)));
  return refs;
}

void CheckRead(uint64_t id, const ObjectRef<Pattern>& ref) {
  INFO("object " << id);
  const absl::StatusOr<Pattern> numbers = ref.Get(absl::Minutes(1));
  INFO(numbers.status());
  REQUIRE(numbers.ok());
  CHECK(IsPattern(id, *numbers));
}

// What a writer that finds no room hears; nothing if there was room.
std::optional<std::string> Refusal(Driver& driver, uint32_t count) {
  const absl::StatusOr<Pattern> array = driver.cluster.NewArray<uint64_t>({count});
  if (array.ok()) return std::nullopt;
  CHECK(CauseOf(array.status()) == Cause::kStoreFull);
  return std::string(array.status().message());
}

bool ArePatterns(uint64_t id, const Pattern& first, const Pattern& second) {
  return IsPattern(id, first) && IsPattern(id + 1, second);
}

// Ten large objects, or as many as there is room for; then what the next one's writer hears.
std::optional<std::string> PutUntilRefused(Driver& driver, std::vector<ObjectRef<Pattern>>& refs) {
  for (uint64_t id = 0; id < 10; ++id) {
    if (std::optional<std::string> full = Refusal(driver, kLarge)) return full;
    refs.push_back(PutPattern(driver.cluster, id, kLarge));
  }
  return std::nullopt;
}

SimDisk& DiskOf(SimCluster& cluster, int node) { return *cluster.machine(node).disk; }

TEST_CASE("several times the store's size is put, read back in any order, here and elsewhere, and leaves nothing") {
  RunSeeds({.nodes = 2, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const std::vector<ObjectRef<Pattern>> refs = PutMany(driver, 80);  // 52 MiB
        CHECK(DiskOf(cluster, 0).written_bytes > 30 * kMiB);
        for (int i = 0; i < 60; ++i) {
          const uint64_t id = cluster.world().random().Next() % refs.size();
          CheckRead(id, refs[id]);
        }
        const TaskSubmitter spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
        std::vector<ObjectRef<bool>> right;
        for (uint64_t id = 0; id < refs.size(); ++id) right.push_back(spread.Submit<IsPattern>(id, refs[id]));
        for (const ObjectRef<bool>& one : right) CHECK(one.Get(absl::Minutes(1)).value());
      }
      CheckQuiet(driver);
    });
    for (int node = 0; node < 2; ++node) CHECK(DiskOf(cluster, node).used_bytes == 0);
  });
}

TEST_CASE("tasks make more than their nodes hold, and read what others made") {
  RunSeeds({.nodes = 3, .cpus = 2, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        const TaskSubmitter spread = driver.cluster.With(TaskOptions{.strategy = Strategy::kSpread});
        std::vector<ObjectRef<Pattern>> made;
        for (uint64_t id = 0; id < 120; ++id) made.push_back(spread.Submit<MakePattern>(id, CountOf(id)));
        std::vector<ObjectRef<bool>> right;
        for (uint64_t id = 0; id < made.size(); ++id) right.push_back(spread.Submit<IsPattern>(id, made[id]));
        for (const ObjectRef<bool>& one : right) CHECK(one.Get(absl::Minutes(5)).value());
      }
      CheckQuiet(driver);
    });
    uint64_t written = 0;
    for (int node = 0; node < 3; ++node) {
      CHECK(DiskOf(cluster, node).used_bytes == 0);
      written += DiskOf(cluster, node).written_bytes;
    }
    CHECK(written > 0);
  });
}

TEST_CASE("objects that fill most of the store take turns in it, read and written in parts") {
  RunSeeds({.nodes = 2, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      {
        constexpr uint32_t kHuge = 5 * kLarge + 1000;  // a little more than 10 MiB
        std::vector<ObjectRef<Pattern>> refs;
        for (uint64_t id = 0; id < 4; ++id) refs.push_back(PutPattern(driver.cluster, id, kHuge));
        for (int i = 0; i < 8; ++i) CheckRead(i % 4, refs[i % 4]);
        const TaskSubmitter there = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
        for (uint64_t id = 0; id < 4; ++id) CHECK(there.Submit<IsPattern>(id, refs[id]).Get(absl::Minutes(1)).value());
      }
      CheckQuiet(driver);
    });
    CHECK(DiskOf(cluster, 0).used_bytes == 0);
  });
}

TEST_CASE("what is read from disk does not wait for what is written there") {
  RunSeeds({.nodes = 2, .latency = {absl::Milliseconds(1), absl::Milliseconds(2)}, .store_bytes = kStore},
           [](SimCluster& cluster) {
             cluster.Drive([&](Driver& driver) {
               const TaskSubmitter here = driver.cluster.With(TaskOptions{.where = {.nodes = {"n0"}}});
               const TaskSubmitter there = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
               for (const TaskSubmitter& on : {here, there}) CHECK(on.Submit<Add>(1, 2).Get(absl::Minutes(1)).ok());
               std::vector<ObjectRef<Pattern>> refs;
               for (uint64_t id = 0; id < 14; ++id) refs.push_back(PutPattern(driver.cluster, id, kLarge));
               driver.Sleep(absl::Seconds(1));
               cluster.machine(0).options.disk_bytes_per_second = 4e6;
               const ObjectRef<Pattern> made = here.Submit<MakePattern>(100, 4 * kLarge);
               driver.Sleep(absl::Milliseconds(100));  // 6 MiB or more are on their way to the disk
               CHECK(there.Submit<IsPattern>(0, refs[0]).Get(absl::Minutes(1)).value());
               CHECK(driver.cluster.Wait({made}, 1, absl::ZeroDuration()).ready.empty());
               CHECK(made.Get(absl::Minutes(1)).ok());
             });
           });
}

TEST_CASE("what a process caches without using it is given back when others need the memory") {
  RunSeeds({.nodes = 1, .store_bytes = kStore, .spill_limit = 0}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      // The worker keeps a slab with room in it, and this process pins what it read.
      const ObjectRef<Pattern> small = driver.cluster.Submit<MakePattern>(1, kSmall);
      CheckRead(1, small);
      CHECK(driver.client.store().pinned() == 1);
      const absl::StatusOr<Pattern> most = driver.cluster.NewArray<uint64_t>({11 * kLarge / 2});
      REQUIRE(most.ok());
      CHECK(Refusal(driver, kLarge).has_value());  // it waits, and asks
      CHECK(driver.client.store().pinned() == 0);
      CheckRead(1, small);
    });
  });
}

TEST_CASE("memory that nobody uses any more goes back to the system") {
  RunSeeds({.nodes = 1, .store_bytes = kStore}, [](SimCluster& cluster) {
    const uint64_t before = cluster.machine(0).memory->committed_bytes;
    cluster.Drive([&](Driver& driver) {
      PutMany(driver, 40);
      CHECK(cluster.machine(0).memory->committed_bytes > 8 * kMiB);
    });
    cluster.world().RunFor(absl::Minutes(1));
    CHECK(cluster.machine(0).memory->committed_bytes == before);
  });
}

TEST_CASE("objects are freed at any moment of their way to disk and back") {
  RunSeeds({.nodes = 2, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      Random& random = cluster.world().random();
      std::vector<std::pair<uint64_t, ObjectRef<Pattern>>> kept;
      std::vector<ObjectRef<bool>> right;
      for (uint64_t id = 0; id < 150; ++id) {
        kept.emplace_back(id, PutPattern(driver.cluster, id, CountOf(id)));
        const size_t any = random.Next() % kept.size();
        // A task asks for it, and its reference goes while it is on the way.
        right.push_back(driver.cluster.Submit<IsPattern>(kept[any].first, kept[any].second));
        if (random.Next() % 4 == 0) driver.Sleep(absl::Milliseconds(random.Next() % 20));
        if (kept.size() > 30) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(random.Next() % kept.size()));
      }
      for (const ObjectRef<bool>& one : right) CHECK(one.Get(absl::Minutes(1)).value());
      for (const auto& [id, ref] : kept) CheckRead(id, ref);
      kept.clear();
      right.clear();
      CheckQuiet(driver);
    });
    CHECK(DiskOf(cluster, 0).written_bytes > 0);
    CHECK(DiskOf(cluster, 0).used_bytes == 0);
  });
}

TEST_CASE("a process that dies in the middle leaves nothing on disk") {
  RunSeeds({.nodes = 1, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const std::vector<ObjectRef<Pattern>> refs = PutMany(driver, 60);
      for (uint64_t id = 0; id < 10; ++id) driver.cluster.Submit<IsPattern>(id, refs[id]);
      cluster.world().At(absl::Milliseconds(3), [&] { cluster.world().Crash(driver.env); });
      driver.Sleep(absl::Minutes(1));
    });
    cluster.world().RunFor(absl::Seconds(5));
    CHECK(DiskOf(cluster, 0).written_bytes > 0);
    CHECK(DiskOf(cluster, 0).used_bytes == 0);
    cluster.Drive([](Driver& driver) { CheckQuiet(driver); });
  });
}

TEST_CASE("past the disk's limit a writer waits, then hears what is used and what to set") {
  RunSeeds({.nodes = 1, .store_bytes = kStore, .spill_limit = 8 * kMiB}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      std::vector<ObjectRef<Pattern>> refs;
      std::optional<std::string> full;
      absl::Time asked;
      for (uint64_t id = 0; id < 30 && !full; ++id) {
        asked = cluster.world().Now();
        full = Refusal(driver, kLarge);
        if (!full) refs.push_back(PutPattern(driver.cluster, id, kLarge));
      }
      REQUIRE(full);
      CHECK(refs.size() >= 10);  // 20 MiB: the memory and the disk, less what the last ones overlap
      CHECK(cluster.world().Now() - asked >= absl::Seconds(10));
      CHECK_THAT(*full, Contains("an object of 2 MiB") && Contains("of its 16 MiB are in use") &&
                            Contains("of the 8 MiB that may be spilled to /var/tmp") &&
                            Contains("IOCLUSTER_SPILL_LIMIT") && Contains("IOCLUSTER_OBJECT_STORE_MEMORY"));
      CHECK(DiskOf(cluster, 0).used_bytes <= 8 * kMiB);
      refs.erase(refs.begin(), refs.begin() + 3);
      const ObjectRef<Pattern> fits = PutPattern(driver.cluster, 1000, kLarge);
      CheckRead(1000, fits);
      for (size_t i = 0; i < refs.size(); ++i) CheckRead(i + 3, refs[i]);
    });
  });
}

TEST_CASE("an object that the disk has no room for does not keep others from going there") {
  RunSeeds({.nodes = 1, .store_bytes = kStore, .spill_limit = 4 * kMiB}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      std::vector<ObjectRef<Pattern>> refs = {PutPattern(driver.cluster, 0, 3 * kLarge)};  // 6 MiB
      while (!Refusal(driver, kLarge)) refs.push_back(PutPattern(driver.cluster, refs.size(), kLarge));
      CHECK(refs.size() >= 6);  // one more than the memory has room for
      CheckRead(0, refs[0]);
      refs.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("tasks that each hold half of what they read, and so keep each other from the rest, let go and end") {
  RunSeeds({.nodes = 2, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const TaskSubmitter on_n1 = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}});
        std::vector<ObjectRef<Pattern>> refs;
        for (uint64_t id = 0; id < 6; ++id) refs.push_back(PutPattern(driver.cluster, id, 3 * kLarge));
        std::vector<ObjectRef<bool>> right;
        for (uint64_t id = 0; id < 6; id += 2) right.push_back(on_n1.Submit<ArePatterns>(id, refs[id], refs[id + 1]));
        for (const ObjectRef<bool>& one : right) {
          const absl::StatusOr<bool> are_right = one.Get(absl::Minutes(5));
          INFO(are_right.status());
          CHECK((are_right.ok() && *are_right));
        }
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a store whose every object is in use says by whom, after a while") {
  RunSeeds({.nodes = 1, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      std::vector<Pattern> views;
      for (uint64_t id = 0; id < 7; ++id) views.push_back(PutPattern(driver.cluster, id, kLarge).Get().value());
      const std::optional<std::string> full = Refusal(driver, 2 * kLarge);
      REQUIRE(full);
      CHECK_THAT(*full, Contains("in use by driver pid") && Contains("7 objects of 14 MiB"));
      for (uint64_t id = 0; id < 7; ++id) CHECK(IsPattern(id, views[id]));
      views.clear();
      CHECK_FALSE(Refusal(driver, 2 * kLarge));
      const std::optional<std::string> never = Refusal(driver, 16 * kLarge);
      REQUIRE(never);
      CHECK_THAT(*never, Contains("can never be in an object store of 16 MiB"));
    });
  });
}

TEST_CASE("a full or failing disk is an error that says so, and no more once it is mended") {
  for (const DiskFault fault : {DiskFault::kFull, DiskFault::kWritesFail}) {
    RunSeeds({.nodes = 1, .store_bytes = kStore}, [fault](SimCluster& cluster) {
      cluster.Drive([&](Driver& driver) {
        DiskOf(cluster, 0).fault = fault;
        std::vector<ObjectRef<Pattern>> refs;
        const std::optional<std::string> full = PutUntilRefused(driver, refs);
        REQUIRE(full);
        CHECK_THAT(*full, Contains("/var/tmp") && Contains(fault == DiskFault::kFull ? "full" : "fails"));
        for (size_t i = 0; i < refs.size(); ++i) CheckRead(i, refs[i]);
        DiskOf(cluster, 0).fault = DiskFault::kNone;
        for (uint64_t id = refs.size(); id < 20; ++id) refs.push_back(PutPattern(driver.cluster, id, kLarge));
        for (size_t i = 0; i < refs.size(); ++i) CheckRead(i, refs[i]);
        refs.clear();
        CheckQuiet(driver);
      });
      CHECK(DiskOf(cluster, 0).used_bytes == 0);
    });
  }
}

TEST_CASE("a disk with nothing free is named instead of a limit that nobody has set, and used once it has room") {
  RunSeeds({.nodes = 1, .store_bytes = kStore}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      SimDisk& disk = DiskOf(cluster, 0);
      const uint64_t room = std::exchange(disk.limit_bytes, 0);
      std::vector<ObjectRef<Pattern>> refs;
      const std::optional<std::string> full = PutUntilRefused(driver, refs);
      REQUIRE(full);
      CHECK_THAT(*full, Contains("the disk of /var/tmp has no free space") && !Contains("IOCLUSTER_SPILL_LIMIT is 0"));
      disk.limit_bytes = room;
      for (uint64_t id = refs.size(); id < 20; ++id) refs.push_back(PutPattern(driver.cluster, id, kLarge));
      for (size_t i = 0; i < refs.size(); ++i) CheckRead(i, refs[i]);
      refs.clear();
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a full disk fills no log: the same error is told once in ten seconds") {
  RunSeeds({.nodes = 1, .store_bytes = kStore}, [](SimCluster& cluster) {
    const auto told = [&] {
      const auto& log = cluster.world().log();
      return std::count_if(log.begin(), log.end(),
                           [](const std::string& line) { return line.find("can't spill objects") != line.npos; });
    };
    cluster.Drive([&](Driver& driver) {
      DiskOf(cluster, 0).fault = DiskFault::kFull;
      const absl::Time start = cluster.world().Now();
      std::vector<ObjectRef<Pattern>> refs;
      uint64_t id = 0;
      while (cluster.world().Now() - start < absl::Seconds(25)) {
        if (!Refusal(driver, kLarge)) refs.push_back(PutPattern(driver.cluster, id++, kLarge));
        driver.Sleep(absl::Milliseconds(100));
      }
      CHECK(told() >= 1);
      CHECK(told() <= 1 + (cluster.world().Now() - start) / kDiskLogInterval);
    });
  });
}

TEST_CASE("bytes that the disk has changed are never given out: the object is lost, and the error says how") {
  for (const DiskFault fault : {DiskFault::kReadsFlipABit, DiskFault::kReadsFail}) {
    RunSeeds({.nodes = 2, .store_bytes = kStore}, [fault](SimCluster& cluster) {
      cluster.Drive([&](Driver& driver) {
        std::vector<ObjectRef<Pattern>> refs = PutMany(driver, 80);
        DiskOf(cluster, 0).fault = fault;
        // From the same node and, in parts, from another one; each twice: who asks later hears the same.
        const TaskSubmitter there = driver.cluster.With(TaskOptions{.where = {.nodes = {"n1"}}, .max_retries = 0});
        std::vector<absl::Status> lost;
        for (int i = 0; i < 2; ++i) {
          lost.push_back(refs[0].Get(absl::Minutes(1)).status());
          lost.push_back(there.Submit<IsPattern>(4, refs[4]).Get(absl::Minutes(1)).status());
        }
        for (const absl::Status& status : lost) {
          INFO(status);
          CHECK(CauseOf(status) == Cause::kObjectLost);
          CHECK_THAT(std::string(status.message()), Contains("can't be read back") && Contains("/var/tmp"));
        }
        DiskOf(cluster, 0).fault = DiskFault::kNone;
        for (uint64_t id = 8; id < refs.size(); ++id) CheckRead(id, refs[id]);
        refs.clear();
        CheckQuiet(driver);
      });
      CHECK(DiskOf(cluster, 0).used_bytes == 0);
    });
  }
}

}  // namespace
}  // namespace ioc::sim

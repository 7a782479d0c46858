#include "lib/objects/extent_allocator.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "iocluster/status.h"
#include "tests/unit/objects/fake_memory.h"

namespace ioc {
namespace {

constexpr uint64_t kPage = kStorePageBytes;

}  // namespace

TEST_CASE("an extent is page aligned, committed and at least as long as asked for") {
  auto memory = std::make_shared<FakeMemory>(16 * kPage);
  ExtentAllocator allocator(memory, 16 * kPage);
  Extent extent = allocator.Allocate(5000).value();
  CHECK(extent.offset % kPage == 0);
  CHECK(extent.length == 2 * kPage);
  CHECK(memory->IsCommitted(extent.offset, extent.length));
  CHECK(allocator.used() == 2 * kPage);
}

TEST_CASE("a freed extent stays warm and is preferred") {
  auto memory = std::make_shared<FakeMemory>(16 * kPage);
  ExtentAllocator allocator(memory, 16 * kPage);
  Extent first = allocator.Allocate(2 * kPage).value();
  Extent second = allocator.Allocate(2 * kPage).value();
  allocator.Free(second.offset);
  CHECK(memory->committed.size() == 4);
  CHECK(allocator.Allocate(kPage).value().offset == second.offset);
  CHECK(memory->committed.size() == 4);
  CHECK(allocator.used() == 3 * kPage);
  allocator.Free(first.offset);
}

TEST_CASE("warm ranges are given back when the budget is needed elsewhere") {
  auto memory = std::make_shared<FakeMemory>(64 * kPage);
  ExtentAllocator allocator(memory, 8 * kPage);
  Extent small = allocator.Allocate(3 * kPage).value();
  Extent wall = allocator.Allocate(kPage).value();
  allocator.Free(small.offset);
  Extent large = allocator.Allocate(7 * kPage).value();
  CHECK(memory->IsCommitted(large.offset, large.length));
  CHECK(memory->committed.size() <= 8);
  CHECK(allocator.committed() <= allocator.budget());
  allocator.Free(wall.offset);
}

TEST_CASE("a full store says how full it is and what to do") {
  auto memory = std::make_shared<FakeMemory>(16 * kPage);
  ExtentAllocator allocator(memory, 4 * kPage);
  REQUIRE(allocator.Allocate(3 * kPage).ok());
  absl::Status full = allocator.Allocate(2 * kPage).status();
  CHECK(CauseOf(full) == Cause::kStoreFull);
  for (const char* words : {"an object of 8 KiB: 12 KiB of its 16 KiB are in use;",
                            "ConnectOptions.object_store_memory", "IOCLUSTER_OBJECT_STORE_MEMORY", "--store-memory"}) {
    CHECK(std::string(full.message()).find(words) != std::string::npos);
  }
  CHECK(CauseOf(allocator.Allocate(~uint64_t{0}).status()) == Cause::kStoreFull);
  CHECK(CauseOf(allocator.Allocate(0).status()) == Cause::kInvalidArgument);
}

TEST_CASE("a store whose free space is in pieces says so") {
  ExtentAllocator allocator(std::make_shared<FakeMemory>(4 * kPage), 4 * kPage);
  const Extent first = allocator.Allocate(kPage).value();
  const Extent second = allocator.Allocate(kPage).value();
  const Extent third = allocator.Allocate(kPage).value();
  allocator.Free(std::min({first.offset, second.offset, third.offset}));
  const absl::Status full = allocator.Allocate(2 * kPage).status();
  CHECK(CauseOf(full) == Cause::kStoreFull);
  CHECK(std::string(full.message()).find("8 KiB of its 16 KiB are in use, and what is free is in pieces of 4 KiB") !=
        std::string::npos);
}

TEST_CASE("a machine without memory is a status and loses nothing") {
  auto memory = std::make_shared<FakeMemory>(16 * kPage, /*machine_pages=*/4);
  ExtentAllocator allocator(memory, 16 * kPage);
  CHECK(CauseOf(allocator.Allocate(5 * kPage).status()) == Cause::kStoreFull);
  CHECK(allocator.used() == 0);
  CHECK(allocator.Allocate(4 * kPage).ok());
}

TEST_CASE("what is larger than the store can never be in it, and the error says so") {
  ExtentAllocator allocator(std::make_shared<FakeMemory>(16 * kPage), 4 * kPage);
  const absl::Status never = allocator.Allocate(5 * kPage).status();
  CHECK(CauseOf(never) == Cause::kStoreFull);
  CHECK(std::string(never.message()).find("an object of 20 KiB can never be in an object store of 16 KiB") !=
        std::string::npos);
}

TEST_CASE("a reservation counts at once, and what it is made of is used by nobody until it is confirmed") {
  auto memory = std::make_shared<FakeMemory>(64 * kPage);
  ExtentAllocator allocator(memory, 8 * kPage);
  const Extent small = allocator.Allocate(3 * kPage).value();
  const Extent wall = allocator.Allocate(kPage).value();
  allocator.Free(small.offset);
  const ExtentAllocator::Reservation large = allocator.Reserve(6 * kPage).value();
  CHECK(large.bytes_to_commit() == 6 * kPage);
  REQUIRE(large.decommit.size() == 1);
  CHECK(allocator.used() == 7 * kPage);
  CHECK(memory->committed.size() == 4);  // nothing has been done yet
  // The part that is still to be decommitted is not given to others.
  const Extent other = allocator.Allocate(kPage).value();
  for (const Extent& range : large.decommit) CHECK((other.end() <= range.offset || range.end() <= other.offset));
  REQUIRE(ExtentAllocator::CommitReserved(*memory, large).ok());
  allocator.Confirm(large);
  CHECK(memory->IsCommitted(large.extent.offset, large.extent.length));
  CHECK(memory->committed.size() * kPage == allocator.committed());
  allocator.Free(wall.offset);
}

TEST_CASE("a reservation that could not be committed leaves nothing behind") {
  auto memory = std::make_shared<FakeMemory>(16 * kPage, /*machine_pages=*/4);
  ExtentAllocator allocator(memory, 16 * kPage);
  const Extent warm = allocator.Allocate(2 * kPage).value();
  allocator.Free(warm.offset);
  const ExtentAllocator::Reservation large = allocator.Reserve(6 * kPage).value();
  CHECK_FALSE(ExtentAllocator::CommitReserved(*memory, large).ok());
  allocator.Cancel(large);
  CHECK(allocator.used() == 0);
  CHECK(memory->committed.size() * kPage == allocator.committed());
  CHECK(allocator.Allocate(4 * kPage).ok());
}

TEST_CASE("what nobody has used between two looks is given back, a part at a time") {
  auto memory = std::make_shared<FakeMemory>(64 * kPage);
  ExtentAllocator allocator(memory, 32 * kPage);
  const Extent first = allocator.Allocate(8 * kPage).value();
  const Extent kept = allocator.Allocate(kPage).value();
  allocator.Free(first.offset);
  allocator.Age();
  CHECK_FALSE(allocator.Trim(64 * kPage));
  CHECK(memory->committed.size() == 9);  // it was freed just now
  const Extent again = allocator.Allocate(2 * kPage).value();
  allocator.Free(again.offset);
  allocator.Age();
  CHECK(allocator.Trim(4 * kPage));
  CHECK(memory->committed.size() == 5);
  CHECK_FALSE(allocator.Trim(4 * kPage));
  CHECK(memory->committed.size() == 3);  // what was used since is still warm
  CHECK(allocator.committed() == 3 * kPage);
  allocator.Age();
  CHECK_FALSE(allocator.Trim(64 * kPage));
  CHECK(memory->committed.size() == 1);
  CHECK(memory->IsCommitted(kept.offset, kept.length));
}

TEST_CASE("random allocations and frees agree with a page by page model") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    constexpr uint64_t kPages = 64;
    constexpr uint64_t kBudgetPages = 40;
    auto memory = std::make_shared<FakeMemory>(kPages * kPage);
    ExtentAllocator allocator(memory, kBudgetPages * kPage);
    std::vector<bool> taken(kPages, false);
    std::map<uint64_t, uint64_t> extents;
    uint64_t used = 0;
    for (int step = 0; step < 2000; ++step) {
      if (random() % 2 == 0) {
        const uint64_t pages = 1 + random() % 12;
        uint64_t run = 0, longest = 0;
        for (bool page : taken) longest = std::max(longest, run = page ? 0 : run + 1);
        const bool fits = longest >= pages && used + pages <= kBudgetPages;
        auto extent = allocator.Allocate(pages * kPage - random() % kPage);
        REQUIRE(extent.ok() == fits);
        if (!fits) continue;
        REQUIRE(extent->length == pages * kPage);
        REQUIRE(memory->IsCommitted(extent->offset, extent->length));
        for (uint64_t page = extent->offset / kPage; page < extent->end() / kPage; ++page) {
          REQUIRE_FALSE(taken[page]);
          taken[page] = true;
        }
        extents[extent->offset] = pages;
        used += pages;
      } else if (!extents.empty()) {
        auto victim = std::next(extents.begin(), random() % extents.size());
        allocator.Free(victim->first);
        for (uint64_t i = 0; i < victim->second; ++i) taken[victim->first / kPage + i] = false;
        used -= victim->second;
        extents.erase(victim);
      }
      if (random() % 8 == 0) allocator.Age();
      if (random() % 8 == 0) allocator.Trim(random() % 16 * kPage);
      for (const auto& [offset, pages] : extents) REQUIRE(memory->IsCommitted(offset, pages * kPage));
      REQUIRE(allocator.used() == used * kPage);
      REQUIRE(memory->committed.size() * kPage == allocator.committed());
      REQUIRE(memory->committed.size() <= kBudgetPages);
    }
  }
}

}  // namespace ioc

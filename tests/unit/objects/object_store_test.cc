#include "lib/objects/object_store.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "iocluster/status.h"
#include "tests/unit/objects/fake_memory.h"

namespace ioc {
namespace {

constexpr uint64_t kPage = kStorePageBytes;
constexpr HolderId kWriter = 1;
constexpr HolderId kReader = 2;

ObjectId Object(uint64_t sequence) { return {ProcessId(7), sequence}; }

ObjectStore MakeStore(uint64_t pages) {
  return ObjectStore(std::make_shared<FakeMemory>(pages * kPage), pages * kPage);
}

}  // namespace

TEST_CASE("a sealed object is found where it was written") {
  ObjectStore store = MakeStore(8);
  Extent extent = store.AllocateExtent(kWriter, 100).value();
  REQUIRE(store.Seal(kWriter, Object(1), extent.offset + 64, 30).ok());
  CHECK(store.Find(Object(1)) == Extent{extent.offset + 64, 30});
  CHECK(store.Pin(kReader, Object(1)).value() == Extent{extent.offset + 64, 30});
  CHECK_FALSE(store.Pin(kReader, Object(2)).value());
  CHECK(store.stats().pins == 2);
}

TEST_CASE("a slab is freed when it is released and its last object is gone") {
  ObjectStore store = MakeStore(8);
  Extent slab = store.AllocateExtent(kWriter, 4 * kPage).value();
  REQUIRE(store.Seal(kWriter, Object(1), slab.offset, 64).ok());
  REQUIRE(store.Seal(kWriter, Object(2), slab.offset + 64, 64).ok());
  store.Unpin(kWriter, Object(1));
  store.Unpin(kWriter, Object(2));
  REQUIRE(store.ReleaseExtent(kWriter, slab.offset).ok());
  store.Free(Object(1));
  CHECK(store.stats().used == 4 * kPage);
  store.Free(Object(2));
  CHECK(store.stats().used == 0);
  CHECK(store.stats().leases == 0);
}

TEST_CASE("a freed object stays until its last pin goes, but nobody finds it any more") {
  ObjectStore store = MakeStore(8);
  Extent extent = store.AllocateExtent(kWriter, kPage).value();
  REQUIRE(store.Seal(kWriter, Object(1), extent.offset, kPage).ok());
  REQUIRE(store.ReleaseExtent(kWriter, extent.offset).ok());
  store.Free(Object(1));
  CHECK_FALSE(store.Find(Object(1)));
  CHECK_FALSE(store.Pin(kReader, Object(1)).value());
  CHECK(store.stats().used == kPage);
  store.Unpin(kWriter, Object(1));
  CHECK(store.stats().used == 0);
}

TEST_CASE("what a holder leased and pinned goes with it, what it sealed stays") {
  ObjectStore store = MakeStore(8);
  Extent first = store.AllocateExtent(kWriter, kPage).value();
  REQUIRE(store.AllocateExtent(kWriter, 2 * kPage).ok());
  REQUIRE(store.Seal(kWriter, Object(1), first.offset, 10).ok());
  REQUIRE(store.Pin(kReader, Object(1)).value());
  store.DropHolder(kWriter);
  CHECK(store.Find(Object(1)));
  CHECK(store.stats().used == kPage);
  CHECK(store.stats().leases == 0);
  CHECK(store.stats().pins == 1);
  store.Free(Object(1));
  store.DropHolder(kReader);
  CHECK(store.stats().used == 0);
}

TEST_CASE("a second attempt's bytes don't replace the first's, and live as long as their maker's pin") {
  ObjectStore store = MakeStore(8);
  Extent first = store.AllocateExtent(kWriter, kPage).value();
  Extent second = store.AllocateExtent(kReader, kPage).value();
  REQUIRE(store.Seal(kWriter, Object(1), first.offset, 10).ok());
  REQUIRE(store.Seal(kReader, Object(1), second.offset, 10).ok());
  REQUIRE(store.ReleaseExtent(kReader, second.offset).ok());
  CHECK(store.Find(Object(1)) == Extent{first.offset, 10});
  CHECK(store.stats().used == 2 * kPage);
  store.Unpin(kReader, Object(1));
  CHECK(store.stats().used == kPage);
}

TEST_CASE("sealing what one does not lease, unaligned, or beyond the extent is refused") {
  ObjectStore store = MakeStore(8);
  Extent extent = store.AllocateExtent(kWriter, kPage).value();
  CHECK(CauseOf(store.Seal(kReader, Object(1), extent.offset, 10)) == Cause::kInvalidArgument);
  CHECK(CauseOf(store.Seal(kWriter, Object(1), extent.offset + 8, 10)) == Cause::kInvalidArgument);
  CHECK(CauseOf(store.Seal(kWriter, Object(1), extent.offset, kPage + 1)) == Cause::kInvalidArgument);
  CHECK(CauseOf(store.Seal(kWriter, Object(1), extent.offset + 64, ~uint64_t{0})) == Cause::kInvalidArgument);
  CHECK(CauseOf(store.Seal(kWriter, Object(1), ~uint64_t{0} - 63, 10)) == Cause::kInvalidArgument);
  CHECK(CauseOf(store.ReleaseExtent(kReader, extent.offset)) == Cause::kInvalidArgument);
  REQUIRE(store.ReleaseExtent(kWriter, extent.offset).ok());
  CHECK(CauseOf(store.ReleaseExtent(kWriter, extent.offset)) == Cause::kInvalidArgument);
  CHECK(store.stats().objects == 0);
}

TEST_CASE("unpinning or freeing what is not there harms nobody") {
  ObjectStore store = MakeStore(8);
  store.Unpin(kReader, Object(1));
  store.Free(Object(1));
  store.DropHolder(kReader);
  CHECK(store.stats().pins == 0);
}

TEST_CASE("an extent is idle while nobody leases it or pins what lies in it; the one that is so for longest is first") {
  ObjectStore store = MakeStore(16);
  std::vector<Extent> extents;
  for (uint64_t i = 0; i < 3; ++i) {
    extents.push_back(store.AllocateExtent(kWriter, 2 * kPage).value());
    REQUIRE(store.Seal(kWriter, Object(2 * i + 1), extents[i].offset, 100).ok());
    REQUIRE(store.Seal(kWriter, Object(2 * i + 2), extents[i].offset + 128, 100).ok());
  }
  const auto idle = [&] {
    std::vector<uint64_t> offsets;
    for (const auto& [since, offset] : store.idle()) offsets.push_back(offset);
    return offsets;
  };
  store.Unpin(kWriter, Object(1));
  store.Unpin(kWriter, Object(2));
  CHECK(idle().empty());  // it is still leased
  for (const Extent& extent : extents) REQUIRE(store.ReleaseExtent(kWriter, extent.offset).ok());
  CHECK(idle() == std::vector{extents[0].offset});
  store.DropHolder(kWriter);
  CHECK(idle().size() == 3);
  REQUIRE(store.Pin(kReader, Object(1)).value());
  CHECK_FALSE(store.IsIdle(extents[0].offset));
  store.Unpin(kReader, Object(1));
  CHECK(idle().back() == extents[0].offset);

  CHECK(store.ObjectsIn(extents[0].offset).size() == 2);
  store.Evict(extents[0].offset);
  CHECK_FALSE(store.Find(Object(1)));
  CHECK_FALSE(store.Find(Object(2)));
  CHECK(store.stats().used == 4 * kPage);
  CHECK(idle().size() == 2);
  store.Free(Object(3));
  CHECK(store.IsIdle(extents[1].offset));
  store.Free(Object(4));
  CHECK(idle() == std::vector{extents[2].offset});
}

TEST_CASE("a second attempt's bytes keep their extent from being idle") {
  ObjectStore store = MakeStore(8);
  const Extent first = store.AllocateExtent(kWriter, kPage).value();
  const Extent second = store.AllocateExtent(kReader, kPage).value();
  REQUIRE(store.Seal(kWriter, Object(1), first.offset, 10).ok());
  REQUIRE(store.Seal(kReader, Object(1), second.offset, 10).ok());
  REQUIRE(store.Seal(kReader, Object(2), second.offset + 64, 10).ok());
  store.Unpin(kReader, Object(2));
  REQUIRE(store.ReleaseExtent(kReader, second.offset).ok());
  CHECK_FALSE(store.IsIdle(second.offset));
  store.Unpin(kReader, Object(1));
  CHECK(store.IsIdle(second.offset));
}

TEST_CASE("a reserved extent outlives its holder until it is confirmed, and can't be used before") {
  ObjectStore store = MakeStore(8);
  const auto reservation = store.Reserve(kWriter, kPage).value();
  CHECK(CauseOf(store.Seal(kWriter, Object(1), reservation.extent.offset, 10)) == Cause::kInvalidArgument);
  store.DropHolder(kWriter);
  CHECK(store.stats().used == kPage);
  CHECK(absl::IsCancelled(store.Confirm(reservation, absl::OkStatus()).status()));
  CHECK(store.stats().used == 0);

  const auto second = store.Reserve(kReader, kPage).value();
  CHECK(store.Confirm(second, absl::ResourceExhaustedError("no memory")).status().message() == "no memory");
  CHECK(store.stats().used == 0);
  CHECK(store.stats().leases == 0);
}

TEST_CASE("who keeps most is known") {
  ObjectStore store = MakeStore(16);
  const Extent small = store.AllocateExtent(kWriter, kPage).value();
  const Extent large = store.AllocateExtent(kReader, 4 * kPage).value();
  REQUIRE(store.Seal(kWriter, Object(1), small.offset, 100).ok());
  REQUIRE(store.Seal(kReader, Object(2), large.offset, 3 * kPage).ok());
  REQUIRE(store.ReleaseExtent(kWriter, small.offset).ok());
  const std::vector<ObjectStore::Holding> holdings = store.LargestHoldings(3);
  REQUIRE(holdings.size() == 2);
  CHECK(holdings[0].holder == kReader);
  CHECK(holdings[0].pinned == 1);
  CHECK(holdings[0].pinned_bytes == 3 * kPage);
  CHECK(holdings[0].leased_bytes == 4 * kPage);
  CHECK(holdings[1].holder == kWriter);
  CHECK(holdings[1].pinned_bytes == 100);
  CHECK(holdings[1].leased_bytes == 0);
  CHECK(store.LargestHoldings(1).size() == 1);
}

// The model: an object lives while it is not freed or has pins; an extent lives while it is leased or an object lives
// in it. The bytes in use are those of the living extents.
TEST_CASE("random use agrees with a naive model") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    ObjectStore store = MakeStore(512);
    struct ModelExtent {
      uint64_t length = 0;
      HolderId holder = 0;
      uint64_t cut = 0;
    };
    struct ModelObject {
      uint64_t extent = 0;
      bool freed = false;
      std::map<HolderId, int> pins;
    };
    std::map<uint64_t, ModelExtent> extents;
    std::map<uint64_t, ModelObject> objects;
    uint64_t next_object = 1;
    auto random_object = [&]() -> uint64_t { return 1 + random() % next_object; };

    for (int step = 0; step < 3000; ++step) {
      const HolderId holder = 1 + random() % 4;
      switch (random() % 8) {
        case 0: {
          const uint64_t length = 1 + random() % (8 * kPage);
          auto extent = store.AllocateExtent(holder, length);
          if (extent.ok()) extents[extent->offset] = {extent->length, holder, 0};
          break;
        }
        case 1:
        case 2:
          for (auto& [offset, extent] : extents) {
            const uint64_t size = random() % kPage;
            if (extent.holder != holder || extent.cut + size > extent.length || random() % 2 == 0) continue;
            REQUIRE(store.Seal(holder, Object(next_object), offset + extent.cut, size).ok());
            objects[next_object++] = {offset, false, {{holder, 1}}};
            extent.cut += (size + 63) / 64 * 64;
            break;
          }
          break;
        case 3: {
          const uint64_t id = random_object();
          const bool here = objects.contains(id) && !objects[id].freed;
          REQUIRE(store.Pin(holder, Object(id)).value().has_value() == here);
          if (here) ++objects[id].pins[holder];
          break;
        }
        case 4: {
          const uint64_t id = random_object();
          store.Unpin(holder, Object(id));
          if (objects.contains(id) && objects[id].pins[holder] > 0) --objects[id].pins[holder];
          break;
        }
        case 5: {
          const uint64_t id = random_object();
          store.Free(Object(id));
          if (objects.contains(id)) objects[id].freed = true;
          break;
        }
        case 6:
          for (auto& [offset, extent] : extents) {
            if (extent.holder != holder) continue;
            REQUIRE(store.ReleaseExtent(holder, offset).ok());
            extent.holder = 0;
            break;
          }
          break;
        case 7:
          if (random() % 20 != 0) break;
          store.DropHolder(holder);
          for (auto& [offset, extent] : extents) extent.holder = extent.holder == holder ? 0 : extent.holder;
          for (auto& [id, object] : objects) object.pins.erase(holder);
          break;
      }
      std::erase_if(objects, [](auto& entry) {
        int pins = 0;
        for (auto& [holder, count] : entry.second.pins) pins += count;
        return entry.second.freed && pins == 0;
      });
      std::set<uint64_t> occupied, pinned;
      for (auto& [id, object] : objects) {
        occupied.insert(object.extent);
        for (auto& [pinner, count] : object.pins) {
          if (count > 0) pinned.insert(object.extent);
        }
      }
      std::erase_if(extents, [&](auto& entry) { return entry.second.holder == 0 && !occupied.contains(entry.first); });
      uint64_t used = 0;
      for (auto& [offset, extent] : extents) used += extent.length;
      REQUIRE(store.stats().used == used);
      REQUIRE(store.stats().objects == objects.size());
      std::set<uint64_t> idle, idle_in_model;
      for (const auto& [since, offset] : store.idle()) idle.insert(offset);
      for (auto& [offset, extent] : extents) {
        if (extent.holder == 0 && !pinned.contains(offset)) idle_in_model.insert(offset);
      }
      REQUIRE(idle == idle_in_model);
    }
  }
}

}  // namespace ioc

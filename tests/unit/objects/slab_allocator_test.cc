#include "lib/objects/slab_allocator.h"

#include <catch2/catch.hpp>

namespace ioc {

TEST_CASE("pieces are 64-byte aligned and don't overlap") {
  SlabAllocator slabs;
  CHECK_FALSE(slabs.Allocate(10));
  CHECK_FALSE(slabs.AddSlab({8192, 4096}));
  CHECK(slabs.Allocate(10) == 8192);
  CHECK(slabs.Allocate(65) == 8192 + 64);
  CHECK(slabs.Allocate(0) == 8192 + 192);
  CHECK(slabs.Allocate(1) == 8192 + 256);
}

TEST_CASE("a full slab is released once its last piece is sealed") {
  SlabAllocator slabs;
  slabs.AddSlab({0, 4096});
  uint64_t first = *slabs.Allocate(4000);
  CHECK_FALSE(slabs.Allocate(200));
  CHECK_FALSE(slabs.AddSlab({4096, 4096}));
  CHECK(*slabs.Allocate(200) == 4096);
  CHECK(slabs.Sealed(first) == 0);
}

TEST_CASE("a slab whose pieces are all finished is released when the next one comes") {
  SlabAllocator slabs;
  slabs.AddSlab({0, 4096});
  CHECK_FALSE(slabs.Sealed(*slabs.Allocate(4000)));
  CHECK(slabs.AddSlab({4096, 4096}) == 0);
}

TEST_CASE("the piece cut last is cut again when it is given up") {
  SlabAllocator slabs;
  slabs.AddSlab({0, 4096});
  uint64_t first = *slabs.Allocate(64);
  uint64_t second = *slabs.Allocate(4000);
  CHECK_FALSE(slabs.Abandoned(second));
  CHECK(slabs.Allocate(100) == second);
  CHECK_FALSE(slabs.Sealed(first));
}

TEST_CASE("the current slab can be taken while no piece of it is open") {
  SlabAllocator slabs;
  CHECK_FALSE(slabs.TakeIdle());
  slabs.AddSlab({kSlabBytes, kSlabBytes});
  const uint64_t piece = slabs.Allocate(100).value();
  CHECK_FALSE(slabs.TakeIdle());
  CHECK_FALSE(slabs.Sealed(piece));
  CHECK(slabs.size() == 1);
  CHECK(slabs.TakeIdle() == kSlabBytes);
  CHECK(slabs.size() == 0);
  CHECK_FALSE(slabs.has_current());
  CHECK_FALSE(slabs.TakeIdle());
  CHECK_FALSE(slabs.Allocate(100));
}

}  // namespace ioc

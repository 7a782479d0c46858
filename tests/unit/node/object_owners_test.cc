#include "runtime/node/object_owners.h"

#include <catch2/catch.hpp>
#include <vector>

namespace ioc {
namespace {

constexpr ProcessId kMaker(1);
constexpr ProcessId kHeir(2);
ObjectId Object(uint64_t sequence) { return {kMaker, sequence}; }

// The maker's objects 1, 2 and 3 are here.
struct Fixture {
  ObjectOwners owners{[](ObjectId id) { return id.sequence <= 3; }};
  const std::vector<ObjectId> made = {Object(1), Object(2), Object(3)};
};

TEST_CASE("an object is its maker's until somebody adopts it") {
  Fixture f;
  CHECK(f.owners.IsOwnedBy(Object(1), kMaker));
  f.owners.Adopt(Object(1), kHeir);
  CHECK_FALSE(f.owners.IsOwnedBy(Object(1), kMaker));
  CHECK(f.owners.IsOwnedBy(Object(1), kHeir));
  CHECK(f.owners.OwnedBy(kMaker, f.made) == std::vector{Object(2), Object(3)});
  CHECK(f.owners.OwnedBy(kHeir, {}) == std::vector{Object(1)});
  f.owners.Adopt(Object(1), kMaker);  // it comes back
  CHECK(f.owners.IsOwnedBy(Object(1), kMaker));
}

TEST_CASE("what was adopted is no orphan when its maker ends, but when its owner does") {
  Fixture f;
  f.owners.Adopt(Object(1), kHeir);
  f.owners.NoteGone(kMaker);
  CHECK_FALSE(f.owners.IsOrphan(Object(1)));
  CHECK(f.owners.IsOrphan(Object(2)));
  f.owners.Adopt(Object(2), kHeir);  // in time
  CHECK_FALSE(f.owners.IsOrphan(Object(2)));
  f.owners.NoteGone(kHeir);
  CHECK(f.owners.IsOrphan(Object(1)));
}

TEST_CASE("an adoption may come before the object does, if there are not too many") {
  Fixture f;
  for (uint64_t i = 0; i <= kMaxEarlyAdoptions; ++i) f.owners.Adopt(Object(100 + i), kHeir);
  CHECK(f.owners.IsOwnedBy(Object(100), kMaker));
  CHECK(f.owners.IsOwnedBy(Object(101), kHeir));
}

}  // namespace
}  // namespace ioc

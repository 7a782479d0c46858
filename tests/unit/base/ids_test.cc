#include "iocluster/ids.h"

#include <absl/container/flat_hash_set.h>

#include <catch2/catch.hpp>
#include <type_traits>

namespace ioc {
namespace {

TEST_CASE("An id is printed in full, whatever its value") {
  CHECK(NodeId(0).ToString() == "0000000000000000");
  CHECK(NodeId(0xabcdef).ToString() == "0000000000abcdef");
  CHECK(NodeId(~uint64_t{0}).ToString() == "ffffffffffffffff");
  CHECK(ObjectId{ProcessId(1), 255}.ToString() == "0000000000000001:ff");
}

TEST_CASE("Zero is no id") {
  CHECK_FALSE(NodeId());
  CHECK(NodeId(1));
  CHECK_FALSE(ObjectId{ProcessId(1), 0});
  CHECK(ObjectId{ProcessId(1), 1});
}

TEST_CASE("Ids are ordered, are keys, and those of different things don't mix") {
  CHECK(NodeId(1) < NodeId(2));
  CHECK(ObjectId{ProcessId(1), 9} < ObjectId{ProcessId(2), 1});
  absl::flat_hash_set<ObjectId> set;
  for (uint64_t maker = 1; maker <= 10; ++maker) {
    for (uint64_t sequence = 1; sequence <= 10; ++sequence) set.insert({ProcessId(maker), sequence});
  }
  CHECK(set.size() == 100);
  CHECK(set.contains({ProcessId(3), 7}));
  STATIC_REQUIRE_FALSE(std::is_convertible_v<NodeId, ProcessId>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<uint64_t, NodeId>);
}

}  // namespace
}  // namespace ioc

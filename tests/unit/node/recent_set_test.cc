#include "runtime/node/recent_set.h"

#include <catch2/catch.hpp>

namespace ioc {
namespace {

TEST_CASE("the element that has been there for longest is forgotten when there are too many") {
  RecentSet<int> set(2);
  set.Insert(1);
  set.Insert(2);
  set.Insert(1);
  set.Insert(3);
  CHECK_FALSE(set.contains(1));
  CHECK(set.contains(2));
  CHECK(set.contains(3));
}

TEST_CASE("an element that was taken out and comes again counts from then") {
  RecentSet<int> set(2);
  set.Insert(1);
  CHECK(set.Erase(1));
  CHECK_FALSE(set.Erase(1));
  set.Insert(2);
  set.Insert(1);
  set.Insert(3);
  CHECK(set.contains(1));
  CHECK_FALSE(set.contains(2));
  CHECK(set.size() == 2);
}

}  // namespace
}  // namespace ioc

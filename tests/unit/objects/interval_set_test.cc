#include "lib/objects/interval_set.h"

#include <catch2/catch.hpp>

namespace ioc {

TEST_CASE("neighbouring ranges melt together") {
  IntervalSet set;
  set.Add({0, 10});
  set.Add({20, 10});
  CHECK_FALSE(set.BestFit(11));
  set.Add({10, 10});
  REQUIRE(set.BestFit(30));
  CHECK(*set.BestFit(30) == Extent{0, 30});
  CHECK(set.total() == 30);
}

TEST_CASE("taking from the middle leaves both ends") {
  IntervalSet set;
  set.Add({0, 100});
  CHECK(set.Take({40, 20}) == std::vector<Extent>{{40, 20}});
  CHECK(set.total() == 80);
  CHECK(set.Take({30, 40}) == std::vector<Extent>{{30, 10}, {60, 10}});
}

TEST_CASE("the smallest range that fits is chosen") {
  IntervalSet set;
  set.Add({0, 100});
  set.Add({200, 30});
  set.Add({300, 50});
  CHECK(*set.BestFit(30) == Extent{200, 30});
  CHECK(*set.BestFit(31) == Extent{300, 50});
  CHECK(set.Largest() == Extent{0, 100});
}

}  // namespace ioc

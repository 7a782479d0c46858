#include "bench/quick/samples.h"

#include <catch2/catch.hpp>

namespace ioc::bench {
namespace {

TEST_CASE("MedianIsTheMiddleOrTheMeanOfBothMiddles") {
  REQUIRE(Median({3}) == 3);
  REQUIRE(Median({5, 1, 3}) == 3);
  REQUIRE(Median({4, 1, 3, 2}) == 2.5);
}

TEST_CASE("SharesCompareSamplesOfTheSameRound") {
  Samples samples;
  const double floors[] = {100, 1000, 10};
  for (double floor : floors) {
    samples.Add("floor", "", floor);
    samples.Add("above", "floor", floor / 2);
  }
  REQUIRE(samples.ShareOfFloor("above") == 0.5);
  REQUIRE(samples.ShareOfFloor("floor") == 0);
}

TEST_CASE("TheTableShowsMedianSpreadAndShare") {
  Samples samples;
  for (double floor : {10000.0, 20000.0, 30000.0}) {
    samples.Add("floor", "", floor);
    samples.Add("above", "floor", floor / 4);
  }
  const std::string table = samples.Table();
  REQUIRE(table.find("20,000       10,000       30,000") != table.npos);
  REQUIRE(table.find("0.250 of floor") != table.npos);
}

}  // namespace
}  // namespace ioc::bench

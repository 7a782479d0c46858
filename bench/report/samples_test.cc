#include "bench/report/samples.h"

#include <catch2/catch.hpp>

namespace ioc::bench {
namespace {

TEST_CASE("MedianIsTheMiddleOrTheMeanOfBothMiddles") {
  REQUIRE(Median({3}) == 3);
  REQUIRE(Median({5, 1, 3}) == 3);
  REQUIRE(Median({4, 1, 3, 2}) == 2.5);
}

TEST_CASE("APercentileIsTheNearestRank") {
  std::vector<double> values;
  for (int i = 100; i > 0; --i) values.push_back(i);
  REQUIRE(Percentile(values, 0.5) == 50);
  REQUIRE(Percentile(values, 0.99) == 99);
  REQUIRE(Percentile(values, 1) == 100);
  REQUIRE(Percentile({7}, 0.01) == 7);
}

TEST_CASE("SharesCompareSamplesOfTheSameRound") {
  Samples samples;
  for (double floor : {100.0, 1000.0, 10.0}) {
    samples.Add("floor", "", floor);
    samples.Add("above", "floor", floor / 2);
  }
  REQUIRE(samples.ShareOfBase("above") == 0.5);
  REQUIRE(samples.ShareOfBase("floor") == 0);
}

TEST_CASE("SpreadIsTheMiddleHalfOfTheSamples") {
  Samples samples;
  for (double sample : {100.0, 90.0, 110.0, 1000.0, 95.0}) samples.Add("calls_per_s", "", sample, 3);
  const Series* series = samples.Find("calls_per_s");
  REQUIRE(series->median() == 100);
  REQUIRE(series->least() == 90);
  REQUIRE(series->most() == 1000);
  REQUIRE(series->spread() == Approx(0.15));
  REQUIRE(series->results == 15);
}

TEST_CASE("MoreIsBetterOnlyOfWhatIsCountedASecond") {
  REQUIRE(MoreIsBetter("task_sync_per_s"));
  REQUIRE_FALSE(MoreIsBetter("cluster_start_s"));
  REQUIRE_FALSE(MoreIsBetter("idle_memory_mb"));
  REQUIRE(UnitOf("put_large_gb_per_s") == "GB/s");
  REQUIRE(UnitOf("task_sync_per_s") == "/s");
  REQUIRE(UnitOf("cluster_start_s") == "s");
  REQUIRE(UnitOf("idle_memory_mb") == "MB");

  Samples ours;
  Samples peer("other 1.0");
  ours.Add("calls_per_s", "", 300);
  peer.Add("calls_per_s", "", 100);
  ours.Add("start_s", "", 2);
  peer.Add("start_s", "", 8);
  REQUIRE(TimesAsGood(ours, peer, "calls_per_s") == 3);
  REQUIRE(TimesAsGood(ours, peer, "start_s") == 4);
  REQUIRE(TimesAsGood(ours, peer, "nothing_per_s") == 0);
}

TEST_CASE("PointsOfACurveGatherByTheirPlace") {
  Samples samples;
  const Curve curve{.name = "by_size", .title = "By size", .x_label = "bytes"};
  for (double x : {1.0, 8.0, 1.0, 8.0}) samples.AddPoint(curve, x, 100 / x, x, 2 * x);
  REQUIRE(samples.curves().size() == 1);
  REQUIRE(samples.curves().front().points.size() == 2);
  REQUIRE(samples.curves().front().points[1].x == 8);
  REQUIRE(samples.curves().front().points[1].p99_us == std::vector<double>{16, 16});
}

}  // namespace
}  // namespace ioc::bench

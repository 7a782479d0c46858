#include "bench/harness/rounds.h"

#include <catch2/catch.hpp>

namespace ioc::bench {
namespace {

// Counts its runs, and gives their number as its figure.
Measurement Counting(const std::string& metric, int& runs) {
  return One(metric, "", [&runs]() -> absl::StatusOr<Sample> { return Sample{static_cast<double>(++runs), 1}; });
}

TEST_CASE("TheFirstRoundWarmsUpAndMeasurementsTakeTurns") {
  int runs = 0;
  const std::vector<Measurement> both = {Counting("a", runs), Counting("b", runs)};
  Progress progress("test");
  Samples samples;
  REQUIRE(RunRounds(both, {.rounds = 2}, progress, samples).ok());
  REQUIRE(samples.Find("a")->samples == std::vector<double>{3, 5});
  REQUIRE(samples.Find("b")->samples == std::vector<double>{4, 6});
  REQUIRE(samples.Find("a")->results == 2);
}

TEST_CASE("WhatTakesLongRunsLessOftenAndWithoutWarmingUp") {
  int runs = 0;
  Measurement once = Counting("once", runs);
  once.most_rounds = 1;
  once.warms_up = false;
  Progress progress("test");
  Samples samples;
  REQUIRE(RunRounds({once}, {.rounds = 3}, progress, samples).ok());
  REQUIRE(runs == 1);
  REQUIRE(samples.Find("once")->samples == std::vector<double>{1});
}

TEST_CASE("OnlyWhatIsAskedForRunsAndTheFloors") {
  int runs = 0;
  const std::vector<Measurement> all = {Counting("floor_a", runs), Counting("put_small", runs), Counting("get", runs)};
  Progress progress("test");
  Samples samples;
  REQUIRE(RunRounds(all, {.rounds = 1, .only = "put_"}, progress, samples).ok());
  REQUIRE(samples.series().size() == 2);
  REQUIRE(samples.Find("get") == nullptr);
}

TEST_CASE("AnErrorNamesTheMetricAndEndsTheRounds") {
  int runs = 0;
  const Measurement broken = One("broken", "", []() -> absl::StatusOr<Sample> { return CheckResult(2, 3); });
  Progress progress("test");
  Samples samples;
  const absl::Status status = RunRounds({broken, Counting("after", runs)}, {.rounds = 1}, progress, samples);
  REQUIRE(std::string(status.message()) == "broken: the answer is 2 where 3 is right");
  REQUIRE(runs == 0);
}

}  // namespace
}  // namespace ioc::bench

#include "bench/harness/measurement.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace ioc::bench {
namespace {

// A call that is answered when it is asked for, and counts how many are on their way.
struct Answer {
  int64_t value = 0;
  int* in_flight = nullptr;

  absl::StatusOr<int64_t> Get(absl::Duration) const {
    --*in_flight;
    return value;
  }
};

TEST_CASE("AFlowKeepsSoManyOnTheWayAndTakesEachAnswer") {
  int in_flight = 0;
  int most = 0;
  int64_t checked = 0;
  const auto call = [&](int64_t i) {
    most = std::max(most, ++in_flight);
    return Answer{.value = i, .in_flight = &in_flight};
  };
  const auto check = [&](int64_t answer, int64_t i) {
    ++checked;
    return CheckResult(answer, i);
  };
  const absl::StatusOr<Flow> flow = FlowOf(absl::ZeroDuration(), 4, call, check);
  REQUIRE(flow.ok());
  REQUIRE(most == 4);
  REQUIRE(in_flight == 0);
  REQUIRE(checked == 4);
  REQUIRE(flow->per_s > 0);
  REQUIRE(flow->p50_us <= flow->p99_us);
}

TEST_CASE("AWrongAnswerEndsAFlow") {
  int in_flight = 0;
  const auto call = [&](int64_t) { return Answer{.value = 7, .in_flight = &in_flight}; };
  REQUIRE_FALSE(FlowOf(absl::ZeroDuration(), 1, call, CheckResult).ok());
}

TEST_CASE("ARateCountsWhatCameAndRunsOnceAtLeast") {
  int runs = 0;
  const auto sample = RatePerS(absl::ZeroDuration(), [&]() -> absl::StatusOr<int64_t> { return ++runs + 4; });
  REQUIRE(sample.ok());
  REQUIRE(runs == 1);
  REQUIRE(sample->results == 5);
  REQUIRE_FALSE(RatePerS(absl::ZeroDuration(), [] { return absl::StatusOr<int64_t>(CheckResult(1, 2)); }).ok());
}

}  // namespace
}  // namespace ioc::bench

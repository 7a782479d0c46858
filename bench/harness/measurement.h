// What a suite measures, and the means to: loops that count, and latencies.
#ifndef IOCLUSTER_BENCH_HARNESS_MEASUREMENT_H_
#define IOCLUSTER_BENCH_HARNESS_MEASUREMENT_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "bench/harness/effort.h"
#include "bench/report/samples.h"

namespace ioc::bench {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// One figure, or several that come of the same work. `run` adds one sample of each; an error ends the suite.
struct Measurement {
  std::string metric;  // what progress shows and --only looks at
  std::function<absl::Status(Samples&)> run;
  int most_rounds = 1000;  // of what takes long
  bool warms_up = true;    // runs once before, and is not counted then
};

// What one sample is: a figure, and how many answers came and were right.
struct Sample {
  double value = 0;
  int64_t results = 0;
};

// A measurement of one metric, compared with `base`.
Measurement One(const std::string& metric, const std::string& base, std::function<absl::StatusOr<Sample>()> run);

// Calls `once` for `slice`, at least once; how often a second. It returns how many right answers it got.
absl::StatusOr<Sample> RatePerS(absl::Duration slice, const std::function<absl::StatusOr<int64_t>()>& once);
// The same for what takes so little that the clock should not be looked at each time. `once` returns a status.
template <typename F>
absl::StatusOr<Sample> FastRatePerS(absl::Duration slice, int calls_a_look, F once) {
  return RatePerS(slice, [&]() -> absl::StatusOr<int64_t> {
    for (int i = 0; i < calls_a_look; ++i) {
      if (absl::Status status = once(); !status.ok()) return status;
    }
    return calls_a_look;
  });
}

// OK if `got` is `wanted`; otherwise names both.
absl::Status CheckResult(int64_t got, int64_t wanted);

// Latencies of a stream of calls.
struct Flow {
  double per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// Keeps `in_flight` calls on their way for `slice`, and takes their answers in the order in which they were made.
// `call(i)` makes one and returns its reference, `check(answer, i)` says whether it is right.
template <typename Call, typename Check>
absl::StatusOr<Flow> FlowOf(absl::Duration slice, int in_flight, Call call, Check check) {
  using Ref = decltype(call(int64_t{0}));
  struct Pending {
    Ref ref;
    Stopwatch since;
  };
  const Stopwatch watch;
  const double limit = absl::ToDoubleSeconds(slice);
  std::deque<Pending> pending;
  std::vector<double> latencies_us;
  int64_t made = 0;
  int64_t taken = 0;
  while (taken < made || made == 0 || watch.seconds() < limit) {
    while (made - taken < in_flight && (made < in_flight || watch.seconds() < limit)) {
      pending.push_back({call(made), Stopwatch()});
      ++made;
    }
    if (pending.empty()) break;
    const auto value = pending.front().ref.Get(kPatience);
    if (!value.ok()) return value.status();
    if (absl::Status status = check(*value, taken); !status.ok()) return status;
    latencies_us.push_back(pending.front().since.seconds() * 1e6);
    pending.pop_front();
    ++taken;
  }
  return Flow{.per_s = static_cast<double>(taken) / watch.seconds(),
              .p50_us = Percentile(latencies_us, 0.5),
              .p99_us = Percentile(latencies_us, 0.99)};
}

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_HARNESS_MEASUREMENT_H_

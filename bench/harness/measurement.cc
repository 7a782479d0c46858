#include "bench/harness/measurement.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace ioc::bench {

Measurement One(const std::string& metric, const std::string& base, std::function<absl::StatusOr<Sample>()> run) {
  return {.metric = metric, .run = [metric, base, run = std::move(run)](Samples& samples) -> absl::Status {
            const absl::StatusOr<Sample> sample = run();
            if (!sample.ok()) return sample.status();
            samples.Add(metric, base, sample->value, sample->results);
            return absl::OkStatus();
          }};
}

absl::StatusOr<Sample> RatePerS(absl::Duration slice, const std::function<absl::StatusOr<int64_t>()>& once) {
  const Stopwatch watch;
  const double limit = absl::ToDoubleSeconds(slice);
  int64_t results = 0;
  double seconds = 0;
  do {
    const absl::StatusOr<int64_t> more = once();
    if (!more.ok()) return more.status();
    results += *more;
    seconds = watch.seconds();
  } while (seconds < limit);
  return Sample{.value = static_cast<double>(results) / seconds, .results = results};
}

absl::Status CheckResult(int64_t got, int64_t wanted) {
  if (got == wanted) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the answer is ", got, " where ", wanted, " is right"));
}

}  // namespace ioc::bench

// The report for programs.
#ifndef IOCLUSTER_BENCH_REPORT_JSON_REPORT_H_
#define IOCLUSTER_BENCH_REPORT_JSON_REPORT_H_

#include <string>

#include "bench/report/samples.h"

namespace ioc::bench {

// {"system": "iocluster", "metrics": {METRIC: MEDIAN, ...}}, as other systems' benchmarks write it, and beside those:
// "details": {METRIC: {"repeats", "least", "most", "spread", "results", "share", "share_of"}},
// "curves": {NAME: [{"x", "per_s", "p50_us", "p99_us"}]},
// "peers": {SYSTEM: {"metrics": {METRIC: MEDIAN}, "times_as_good": {METRIC: RATIO}}}.
std::string JsonReport(const Results& results);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_REPORT_JSON_REPORT_H_

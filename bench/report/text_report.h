// The report for a terminal.
#ifndef IOCLUSTER_BENCH_REPORT_TEXT_REPORT_H_
#define IOCLUSTER_BENCH_REPORT_TEXT_REPORT_H_

#include <string>

#include "bench/report/samples.h"

namespace ioc::bench {

// A row a metric: median, unit, spread, share of what is below it, and for each peer its median and how many times as
// good we are. Then each curve as a table.
std::string TextReport(const Results& results);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_REPORT_TEXT_REPORT_H_

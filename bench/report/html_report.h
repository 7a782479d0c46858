// The report for a browser: one file that asks for no other.
#ifndef IOCLUSTER_BENCH_REPORT_HTML_REPORT_H_
#define IOCLUSTER_BENCH_REPORT_HTML_REPORT_H_

#include <string>

#include "bench/report/samples.h"

namespace ioc::bench {

// `about` says where and when it was measured.
std::string HtmlReport(const Results& results, const std::string& about);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_REPORT_HTML_REPORT_H_

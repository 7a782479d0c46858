// Figures as people compare them.
#ifndef IOCLUSTER_BENCH_REPORT_FIGURE_H_
#define IOCLUSTER_BENCH_REPORT_FIGURE_H_

#include <string>

namespace ioc::bench {

// "15,234" and "0.0312": three digits at least, and none after the point from 100 on.
std::string Figure(double value);
// The same for a scale: "15k", "2M".
std::string ShortFigure(double value);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_REPORT_FIGURE_H_

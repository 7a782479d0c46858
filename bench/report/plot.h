// A plot as inline SVG: lines over a logarithmic scale below, with a scale of their own at the left.
#ifndef IOCLUSTER_BENCH_REPORT_PLOT_H_
#define IOCLUSTER_BENCH_REPORT_PLOT_H_

#include <string>
#include <utility>
#include <vector>

namespace ioc::bench {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // positive, by x
};

// The left scale begins at 0, or is logarithmic where the values differ by more than a factor of 30.
std::string Plot(const std::string& x_label, const std::string& y_label, const std::vector<Line>& lines);

// `text` as HTML shows it.
std::string EscapeHtml(const std::string& text);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_REPORT_PLOT_H_

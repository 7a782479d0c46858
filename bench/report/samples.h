// What was measured: several samples a metric, and curves of several samples a point. Medians, spreads and shares are
// made of them here; the reports (table.h, json_report.h, html_report.h) only write them down.
#ifndef IOCLUSTER_BENCH_REPORT_SAMPLES_H_
#define IOCLUSTER_BENCH_REPORT_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ioc::bench {

// At least one value.
double Median(std::vector<double> values);
// The value below which `share` of them lie, by the nearest rank. At least one value.
double Percentile(std::vector<double> values, double share);

// Whether more of this metric is better: what is counted a second. Otherwise less is: seconds, memory, CPU.
bool MoreIsBetter(std::string_view metric);
// What the metric counts, by its name's last word: "/s", "GB/s", "s", "ms", "MB", "%".
std::string_view UnitOf(std::string_view metric);

struct Series {
  std::string metric;
  std::string base;             // the metric that it is compared with, mostly the floor under it; empty: there is none
  std::vector<double> samples;  // one a round
  int64_t results = 0;          // answers that came in all rounds and were right, where they are counted

  double median() const { return Median(samples); }
  double least() const;
  double most() const;
  // How far apart the middle half of the samples is, as a part of the median.
  double spread() const;
};

// How a figure goes with a number that is varied: a size, a number of nodes.
struct Curve {
  struct Point {
    double x = 0;
    std::vector<double> per_s;
    std::vector<double> p50_us;
    std::vector<double> p99_us;
  };

  std::string name;   // "task_by_size"
  std::string title;  // "Tasks by the size of their argument"
  std::string x_label;
  std::vector<Point> points;  // in the order of their first samples
};

class Samples {
 public:
  explicit Samples(std::string system = "iocluster") : system_(std::move(system)) {}

  void Add(std::string_view metric, std::string_view base, double sample, int64_t results = 0);
  void AddPoint(const Curve& curve, double x, double per_s, double p50_us, double p99_us);

  const std::string& system() const { return system_; }
  void set_system(std::string name) { system_ = std::move(name); }
  const std::vector<Series>& series() const { return series_; }
  const std::vector<Curve>& curves() const { return curves_; }
  const Series* Find(std::string_view metric) const;
  // The median over the rounds of `metric` divided by its base in the same round; 0 if there is none.
  double ShareOfBase(std::string_view metric) const;

 private:
  std::string system_;
  std::vector<Series> series_;  // in the order of their first samples
  std::vector<Curve> curves_;
};

// How many times as good as `peer` we are in this metric, by the medians of both; 0 where one of them has none.
double TimesAsGood(const Samples& ours, const Samples& peer, std::string_view metric);

// All that a report shows: what was measured of us, and in the same run of others.
struct Results {
  Samples ours;
  std::vector<Samples> peers;
};

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_REPORT_SAMPLES_H_

// What was measured: several samples a metric, their median and spread, as a table and as JSON.
#ifndef IOCLUSTER_BENCH_QUICK_SAMPLES_H_
#define IOCLUSTER_BENCH_QUICK_SAMPLES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ioc::bench {

// At least one value.
double Median(std::vector<double> values);

struct Series {
  std::string metric;
  std::string floor;            // the metric of the floor under it; empty: there is none
  std::vector<double> samples;  // one a round
};

class Samples {
 public:
  void Add(std::string_view metric, std::string_view floor, double sample);

  // The median over the rounds of `metric` divided by the floor under it in the same round; 0 if there is none.
  double ShareOfFloor(std::string_view metric) const;

  // A table for people.
  std::string Table() const;
  // {"system": "iocluster", "metrics": {METRIC: MEDIAN, ...}}.
  std::string Json() const;

 private:
  const Series* Find(std::string_view metric) const;

  std::vector<Series> series_;  // in the order of their first samples
};

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_QUICK_SAMPLES_H_

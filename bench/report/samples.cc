#include "bench/report/samples.h"

#include <absl/strings/match.h>

#include <algorithm>
#include <cmath>

namespace ioc::bench {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Percentile(std::vector<double> values, double share) {
  const double rank = std::ceil(share * static_cast<double>(values.size())) - 1;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max(0.0, rank));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

bool MoreIsBetter(std::string_view metric) { return absl::EndsWith(std::string(metric), "_per_s"); }

std::string_view UnitOf(std::string_view metric) {
  struct Unit {
    const char* ending;
    const char* unit;
  };
  static constexpr Unit kUnits[] = {{"_gb_per_s", "GB/s"}, {"_per_s", "/s"}, {"_ms", "ms"},    {"_us", "us"},
                                    {"_s", "s"},           {"_mb", "MB"},    {"_percent", "%"}};
  for (const Unit& unit : kUnits) {
    if (absl::EndsWith(std::string(metric), unit.ending)) return unit.unit;
  }
  return "";
}

double Series::least() const { return *std::min_element(samples.begin(), samples.end()); }
double Series::most() const { return *std::max_element(samples.begin(), samples.end()); }

double Series::spread() const {
  const double middle = median();
  return middle == 0 ? 0 : (Percentile(samples, 0.75) - Percentile(samples, 0.25)) / middle;
}

void Samples::Add(std::string_view metric, std::string_view base, double sample, int64_t results) {
  auto series = std::find_if(series_.begin(), series_.end(), [&](const Series& s) { return s.metric == metric; });
  if (series == series_.end()) {
    series = series_.insert(series_.end(), {.metric = std::string(metric), .base = std::string(base)});
  }
  series->samples.push_back(sample);
  series->results += results;
}

void Samples::AddPoint(const Curve& curve, double x, double per_s, double p50_us, double p99_us) {
  auto mine = std::find_if(curves_.begin(), curves_.end(), [&](const Curve& c) { return c.name == curve.name; });
  if (mine == curves_.end()) mine = curves_.insert(curves_.end(), curve);
  auto point = std::find_if(mine->points.begin(), mine->points.end(), [&](const Curve::Point& p) { return p.x == x; });
  if (point == mine->points.end()) point = mine->points.insert(mine->points.end(), {.x = x});
  point->per_s.push_back(per_s);
  point->p50_us.push_back(p50_us);
  point->p99_us.push_back(p99_us);
}

const Series* Samples::Find(std::string_view metric) const {
  for (const Series& series : series_) {
    if (series.metric == metric) return &series;
  }
  return nullptr;
}

double Samples::ShareOfBase(std::string_view metric) const {
  const Series* above = Find(metric);
  const Series* base = above == nullptr ? nullptr : Find(above->base);
  if (base == nullptr) return 0;
  std::vector<double> shares;
  for (size_t i = 0; i < std::min(above->samples.size(), base->samples.size()); ++i) {
    shares.push_back(above->samples[i] / base->samples[i]);
  }
  return Median(std::move(shares));
}

double TimesAsGood(const Samples& ours, const Samples& peer, std::string_view metric) {
  const Series* us = ours.Find(metric);
  const Series* them = peer.Find(metric);
  if (us == nullptr || them == nullptr) return 0;
  const double ratio = us->median() / them->median();
  return MoreIsBetter(metric) ? ratio : 1 / ratio;
}

}  // namespace ioc::bench

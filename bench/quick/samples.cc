#include "bench/quick/samples.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>

#include "lib/base/json.h"

namespace ioc::bench {
namespace {

// Figures that people can compare: "15,234" and "0.0312".
std::string Figure(double value) {
  if (value < 100) return absl::StrFormat("%.3g", value);
  std::string digits = absl::StrFormat("%.0f", value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void Samples::Add(std::string_view metric, std::string_view floor, double sample) {
  auto series = std::find_if(series_.begin(), series_.end(), [&](const Series& s) { return s.metric == metric; });
  if (series == series_.end()) {
    series = series_.insert(series_.end(), {.metric = std::string(metric), .floor = std::string(floor)});
  }
  series->samples.push_back(sample);
}

const Series* Samples::Find(std::string_view metric) const {
  for (const Series& series : series_) {
    if (series.metric == metric) return &series;
  }
  return nullptr;
}

double Samples::ShareOfFloor(std::string_view metric) const {
  const Series* above = Find(metric);
  const Series* floor = above == nullptr ? nullptr : Find(above->floor);
  if (floor == nullptr) return 0;
  std::vector<double> shares;
  for (size_t i = 0; i < std::min(above->samples.size(), floor->samples.size()); ++i) {
    shares.push_back(above->samples[i] / floor->samples[i]);
  }
  return Median(std::move(shares));
}

std::string Samples::Table() const {
  std::string table =
      absl::StrFormat("%-26s %12s %12s %12s   %s\n", "", "median", "least", "most", "share of the floor");
  for (const Series& series : series_) {
    const auto [least, most] = std::minmax_element(series.samples.begin(), series.samples.end());
    absl::StrAppendFormat(&table, "%-26s %12s %12s %12s", series.metric, Figure(Median(series.samples)), Figure(*least),
                          Figure(*most));
    if (Find(series.floor) != nullptr) {
      absl::StrAppendFormat(&table, "   %.3f of %s", ShareOfFloor(series.metric), series.floor);
    }
    table += '\n';
  }
  return table;
}

std::string Samples::Json() const {
  JsonWriter json;
  json.BeginObject();
  json.Key("system");
  json.String("iocluster");
  json.Key("metrics");
  json.BeginObject();
  for (const Series& series : series_) {
    json.Key(series.metric);
    json.Double(Median(series.samples));
  }
  json.EndObject();
  json.EndObject();
  return json.Take();
}

}  // namespace ioc::bench

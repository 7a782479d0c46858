#include "bench/report/text_report.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <vector>

#include "bench/report/figure.h"
#include "runtime/cli/table.h"

namespace ioc::bench {
namespace {

std::string Share(const Samples& samples, const Series& series) {
  if (samples.Find(series.base) == nullptr) return "";
  return absl::StrFormat("%.3g of %s", samples.ShareOfBase(series.metric), series.base);
}

std::string Metrics(const Results& results) {
  std::vector<Table::Column> columns = {{"metric"},
                                        {"median", Table::Align::kRight},
                                        {"", Table::Align::kLeft},
                                        {"least", Table::Align::kRight},
                                        {"most", Table::Align::kRight},
                                        {"repeats", Table::Align::kRight},
                                        {"share", Table::Align::kLeft, true}};
  for (const Samples& peer : results.peers) {
    columns.push_back({peer.system(), Table::Align::kRight});
    columns.push_back({"times as good", Table::Align::kRight});
  }
  Table table(std::move(columns));
  for (const Series& series : results.ours.series()) {
    std::vector<std::string> cells = {series.metric,
                                      Figure(series.median()),
                                      std::string(UnitOf(series.metric)),
                                      Figure(series.least()),
                                      Figure(series.most()),
                                      absl::StrCat(series.samples.size()),
                                      Share(results.ours, series)};
    for (const Samples& peer : results.peers) {
      const Series* theirs = peer.Find(series.metric);
      cells.push_back(theirs == nullptr ? "" : Figure(theirs->median()));
      cells.push_back(theirs == nullptr ? "" : Figure(TimesAsGood(results.ours, peer, series.metric)));
    }
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

std::string Points(const Curve& curve) {
  Table table({{curve.x_label, Table::Align::kRight},
               {"a second", Table::Align::kRight},
               {"p50 us", Table::Align::kRight},
               {"p99 us", Table::Align::kRight}});
  for (const Curve::Point& point : curve.points) {
    table.AddRow(
        {Figure(point.x), Figure(Median(point.per_s)), Figure(Median(point.p50_us)), Figure(Median(point.p99_us))});
  }
  return table.ToString();
}

}  // namespace

std::string TextReport(const Results& results) {
  std::string text = Metrics(results);
  for (const Curve& curve : results.ours.curves()) absl::StrAppend(&text, "\n", curve.title, "\n", Points(curve));
  return text;
}

}  // namespace ioc::bench

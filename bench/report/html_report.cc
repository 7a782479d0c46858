#include "bench/report/html_report.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <vector>

#include "bench/report/figure.h"
#include "bench/report/plot.h"

namespace ioc::bench {
namespace {

constexpr char kStyle[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1f2937}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;border-bottom:1px solid "
    "#e5e7eb;text-align:left}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1rem}"
    "svg text{font-size:11px;fill:#4b5563}svg g text{fill:inherit}"
    ".axis{stroke:#6b7280;fill:none}.grid{stroke:#e5e7eb;fill:none}";

std::string Cell(const std::string& text, bool is_number) {
  return absl::StrCat(is_number ? "<td class=\"n\">" : "<td>", EscapeHtml(text), "</td>");
}

std::string Heads(const std::vector<Samples>& peers) {
  std::string html =
      "<tr><th>metric</th><th class=\"n\">median</th><th></th><th class=\"n\">least</th><th class=\"n\">most</th>"
      "<th class=\"n\">repeats</th><th>share</th>";
  for (const Samples& peer : peers) {
    absl::StrAppend(&html, "<th class=\"n\">", EscapeHtml(peer.system()), "</th><th class=\"n\">times as good</th>");
  }
  return html + "</tr>\n";
}

std::string Row(const Results& results, const Series& series) {
  const bool has_base = results.ours.Find(series.base) != nullptr;
  std::string html = absl::StrCat(
      "<tr>", Cell(series.metric, false), Cell(Figure(series.median()), true),
      Cell(std::string(UnitOf(series.metric)), false), Cell(Figure(series.least()), true),
      Cell(Figure(series.most()), true), Cell(absl::StrCat(series.samples.size()), true),
      Cell(has_base ? absl::StrFormat("%.3g of %s", results.ours.ShareOfBase(series.metric), series.base) : "", false));
  for (const Samples& peer : results.peers) {
    const Series* theirs = peer.Find(series.metric);
    absl::StrAppend(&html, Cell(theirs == nullptr ? "" : Figure(theirs->median()), true),
                    Cell(theirs == nullptr ? "" : Figure(TimesAsGood(results.ours, peer, series.metric)), true));
  }
  return html + "</tr>\n";
}

Line LineOf(const Curve& curve, const std::string& name, std::vector<double> Curve::Point::*values) {
  Line line{.name = name};
  for (const Curve::Point& point : curve.points) {
    if (const double y = Median(point.*values); y > 0) line.points.emplace_back(point.x, y);
  }
  return line;
}

std::string Plots(const Curve& curve) {
  std::string html = absl::StrCat("<h2>", EscapeHtml(curve.title), "</h2>\n<div class=\"plots\">\n");
  if (Line line = LineOf(curve, "a second", &Curve::Point::per_s); !line.points.empty()) {
    html += Plot(curve.x_label, "a second", {std::move(line)});
  }
  std::vector<Line> latencies = {LineOf(curve, "p50", &Curve::Point::p50_us),
                                 LineOf(curve, "p99", &Curve::Point::p99_us)};
  if (!latencies.front().points.empty()) html += Plot(curve.x_label, "microseconds", latencies);
  return html + "</div>\n";
}

}  // namespace

std::string HtmlReport(const Results& results, const std::string& about) {
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>iocluster bench</title>\n<style>",
      kStyle, "</style></head>\n<body>\n<h1>iocluster bench</h1>\n<p>", EscapeHtml(about), "</p>\n<table>\n",
      Heads(results.peers));
  for (const Series& series : results.ours.series()) html += Row(results, series);
  html += "</table>\n";
  for (const Curve& curve : results.ours.curves()) html += Plots(curve);
  return html + "</body></html>\n";
}

}  // namespace ioc::bench

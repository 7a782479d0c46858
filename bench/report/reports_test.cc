#include <catch2/catch.hpp>
#include <string>

#include "bench/report/figure.h"
#include "bench/report/html_report.h"
#include "bench/report/json_report.h"
#include "bench/report/plot.h"
#include "bench/report/text_report.h"

namespace ioc::bench {
namespace {

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// Without spaces and line breaks.
std::string Dense(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

Results SomeResults() {
  Results results;
  for (double floor : {10000.0, 20000.0, 30000.0}) {
    results.ours.Add("floor_per_s", "", floor);
    results.ours.Add("calls_per_s", "floor_per_s", floor / 4, 7);
  }
  const Curve curve{.name = "by_size", .title = "Calls by size", .x_label = "bytes"};
  results.ours.AddPoint(curve, 1, 1000, 50, 80);
  results.ours.AddPoint(curve, 1024, 10, 5000, 9000);
  Samples peer("other <1.0>");
  peer.Add("calls_per_s", "", 50);
  results.peers.push_back(peer);
  return results;
}

TEST_CASE("FiguresAreAsPeopleCompareThem") {
  REQUIRE(Figure(15234.4) == "15,234");
  REQUIRE(Figure(1234567) == "1,234,567");
  REQUIRE(Figure(0.03124) == "0.0312");
  REQUIRE(ShortFigure(1) == "1");
  REQUIRE(ShortFigure(65536) == "65.5k");
  REQUIRE(ShortFigure(2e6) == "2M");
}

TEST_CASE("TheTextHasMedianSpreadShareAndPeers") {
  const std::string text = TextReport(SomeResults());
  REQUIRE(Contains(text, "20,000"));
  REQUIRE(Contains(text, "10,000"));
  REQUIRE(Contains(text, "0.25 of floor_per_s"));
  REQUIRE(Contains(text, "other <1.0>"));
  REQUIRE(Contains(text, "Calls by size"));
}

TEST_CASE("TheJsonHasTheMediansAsPeersWriteThemAndTheRestBeside") {
  const std::string json = Dense(JsonReport(SomeResults()));
  REQUIRE(Contains(json, R"("system":"iocluster","metrics":{"floor_per_s":20000,"calls_per_s":5000})"));
  REQUIRE(Contains(json, R"("repeats":3,"least":2500,"most":7500)"));
  REQUIRE(Contains(json, R"("results":21,"share":0.25,"share_of":"floor_per_s")"));
  REQUIRE(Contains(json, R"("by_size":[{"x":1,"per_s":1000,"p50_us":50,"p99_us":80},{"x":1024)"));
  REQUIRE(Contains(json, R"("times_as_good":{"calls_per_s":100})"));
}

TEST_CASE("ThePageAsksForNothingElseAndEscapesWhatItShows") {
  const std::string html = HtmlReport(SomeResults(), "2 CPUs & others");
  REQUIRE(Contains(html, "<svg"));
  REQUIRE(Contains(html, "2 CPUs &amp; others"));
  REQUIRE(Contains(html, "other &lt;1.0&gt;"));
  for (const char* foreign : {"<script", "http:", "https:", "<link", "<img"}) REQUIRE_FALSE(Contains(html, foreign));
}

TEST_CASE("PointsOfAPlotStayInsideIt") {
  const std::string svg = Plot("bytes", "a second", {{"p50", {{1, 5}, {1024, 500}}}, {"p99", {{1, 5e6}}}});
  REQUIRE_FALSE(Contains(svg, "nan"));
  REQUIRE_FALSE(Contains(svg, "inf"));
  for (size_t at = svg.find("cx=\""); at != svg.npos; at = svg.find("cx=\"", at + 1)) {
    const double x = std::stod(svg.substr(at + 4));
    REQUIRE(x >= 64);
    REQUIRE(x <= 450);
  }
  REQUIRE(Contains(Plot("nodes", "a second", {{"one", {{4, 100}}}}), "<circle"));
}

}  // namespace
}  // namespace ioc::bench

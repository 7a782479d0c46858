#include "bench/report/json_report.h"

#include "lib/base/json.h"

namespace ioc::bench {
namespace {

void WriteMedians(JsonWriter& json, const Samples& samples) {
  json.Key("metrics");
  json.BeginObject();
  for (const Series& series : samples.series()) json.Member(series.metric, series.median());
  json.EndObject();
}

void WriteDetails(JsonWriter& json, const Samples& samples) {
  json.Key("details");
  json.BeginObject();
  for (const Series& series : samples.series()) {
    json.Key(series.metric);
    json.BeginObject();
    json.Member("repeats", series.samples.size());
    json.Member("least", series.least());
    json.Member("most", series.most());
    json.Member("spread", series.spread());
    json.Member("results", series.results);
    if (samples.Find(series.base) != nullptr) {
      json.Member("share", samples.ShareOfBase(series.metric));
      json.Member("share_of", series.base);
    }
    json.EndObject();
  }
  json.EndObject();
}

void WriteCurves(JsonWriter& json, const Samples& samples) {
  json.Key("curves");
  json.BeginObject();
  for (const Curve& curve : samples.curves()) {
    json.Key(curve.name);
    json.BeginArray();
    for (const Curve::Point& point : curve.points) {
      json.BeginObject();
      json.Member("x", point.x);
      json.Member("per_s", Median(point.per_s));
      json.Member("p50_us", Median(point.p50_us));
      json.Member("p99_us", Median(point.p99_us));
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
}

void WritePeers(JsonWriter& json, const Results& results) {
  json.Key("peers");
  json.BeginObject();
  for (const Samples& peer : results.peers) {
    json.Key(peer.system());
    json.BeginObject();
    WriteMedians(json, peer);
    json.Key("times_as_good");
    json.BeginObject();
    for (const Series& series : peer.series()) {
      if (const double times = TimesAsGood(results.ours, peer, series.metric); times != 0) {
        json.Member(series.metric, times);
      }
    }
    json.EndObject();
    json.EndObject();
  }
  json.EndObject();
}

}  // namespace

std::string JsonReport(const Results& results) {
  JsonWriter json;
  json.BeginObject();
  json.Member("system", results.ours.system());
  WriteMedians(json, results.ours);
  WriteDetails(json, results.ours);
  WriteCurves(json, results.ours);
  if (!results.peers.empty()) WritePeers(json, results);
  json.EndObject();
  return json.Take();
}

}  // namespace ioc::bench

#include "lib/protocol/nodes_json.h"

#include <string_view>

namespace ioc {
namespace {

void WriteNode(JsonWriter& json, const NodeStatus& node) {
  const NodeInfo& info = node.info;
  const auto text = [&json](std::string_view key, std::string_view value) {
    json.Key(key);
    json.String(value);
  };
  const auto number = [&json](std::string_view key, double value) {
    json.Key(key);
    json.Double(value);
  };
  json.BeginObject();
  text("name", info.name);
  text("id", info.address.node.ToString());
  json.Key("alive");
  json.Bool(node.alive);
  json.Key("last_report_ms");
  json.Int(node.age_ms);
  text("address", info.address.node_address);
  text("hostname", info.hostname);
  json.Key("pid");
  json.Int(info.pid);
  json.Key("total");
  WriteResources(json, info.total);
  json.Key("free");
  WriteResources(json, node.report.free);
  json.Key("labels");
  json.BeginObject();
  for (const auto& [key, value] : info.labels) text(key, value);
  json.EndObject();
  text("gpu_model", info.gpu_model);
  number("gpu_memory_bytes", static_cast<double>(info.gpu_memory));
  text("region", info.region);
  number("down_mbps", info.down_mbps);
  number("up_mbps", info.up_mbps);
  number("price_per_hour", info.price_per_hour);
  text("arch", info.arch);
  text("os", info.os);
  text("release", info.release);
  json.Key("workers");
  json.Uint(node.report.workers);
  json.Key("leases");
  json.Uint(node.report.leases);
  json.Key("waiting");
  json.Uint(node.report.waiting);
  json.Key("store_bytes");
  json.Uint(info.store_bytes);
  json.Key("store_used_bytes");
  json.Uint(node.report.store_used);
  json.Key("objects");
  json.Uint(node.report.objects);
  json.EndObject();
}

}  // namespace

void WriteResources(JsonWriter& json, const ResourceSet& set) {
  json.BeginObject();
  for (const auto& [name, ticks] : set.amounts()) {
    json.Key(name);
    json.Double(set.Get(name));
  }
  json.EndObject();
}

void WriteNodes(JsonWriter& json, const std::vector<NodeStatus>& nodes) {
  json.BeginArray();
  for (const NodeStatus& node : nodes) WriteNode(json, node);
  json.EndArray();
}

}  // namespace ioc

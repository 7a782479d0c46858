#include "lib/protocol/nodes_json.h"

namespace ioc {
namespace {

void WriteNode(JsonWriter& json, const NodeStatus& node) {
  const NodeInfo& info = node.info;
  json.BeginObject();
  json.Member("name", info.name);
  json.Member("id", info.address.node.ToString());
  json.Member("alive", node.alive);
  json.Member("last_report_ms", node.age_ms);
  json.Member("address", info.address.node_address);
  json.Member("hostname", info.hostname);
  json.Member("pid", info.pid);
  json.Key("total");
  WriteResources(json, info.total);
  json.Key("free");
  WriteResources(json, node.report.free);
  json.Key("labels");
  json.BeginObject();
  for (const auto& [key, value] : info.labels) json.Member(key, value);
  json.EndObject();
  json.Member("gpu_model", info.gpu_model);
  json.Member("gpu_memory_bytes", info.gpu_memory);
  json.Member("region", info.region);
  json.Member("down_mbps", info.down_mbps);
  json.Member("up_mbps", info.up_mbps);
  json.Member("price_per_hour", info.price_per_hour);
  json.Member("arch", info.arch);
  json.Member("os", info.os);
  json.Member("release", info.release);
  json.Member("workers", node.report.workers);
  json.Member("leases", node.report.leases);
  json.Member("waiting", node.report.waiting);
  json.Member("store_bytes", info.store_bytes);
  json.Member("store_used_bytes", node.report.store_used);
  json.Member("spilled_bytes", node.report.spilled);
  json.Member("objects", node.report.objects);
  json.EndObject();
}

}  // namespace

void WriteResources(JsonWriter& json, const ResourceSet& set) {
  json.BeginObject();
  for (const auto& [name, ticks] : set.amounts()) {
    json.Member(name, set.Get(name));
  }
  json.EndObject();
}

void WriteNodes(JsonWriter& json, const std::vector<NodeStatus>& nodes) {
  json.BeginArray();
  for (const NodeStatus& node : nodes) WriteNode(json, node);
  json.EndArray();
}

}  // namespace ioc

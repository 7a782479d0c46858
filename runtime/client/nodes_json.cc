#include "runtime/client/nodes_json.h"

#include "lib/base/json.h"

namespace ioc {
namespace {

void WriteResources(JsonWriter& json, std::string_view key, const ResourceSet& resources) {
  json.Key(key);
  json.BeginObject();
  for (const auto& [name, ticks] : resources.amounts()) {
    json.Key(name);
    json.Double(static_cast<double>(ticks) / ResourceSet::kUnit);
  }
  json.EndObject();
}

void WriteNode(JsonWriter& json, const NodeStatus& node) {
  json.BeginObject();
  json.Key("name");
  json.String(node.info.name);
  json.Key("id");
  json.String(node.info.address.node.ToString());
  json.Key("alive");
  json.Bool(node.alive);
  json.Key("address");
  json.String(node.info.address.node_address);
  WriteResources(json, "total", node.info.total);
  WriteResources(json, "free", node.report.free);
  json.Key("labels");
  json.BeginObject();
  for (const auto& [key, value] : node.info.labels) {
    json.Key(key);
    json.String(value);
  }
  json.EndObject();
  json.Key("gpu_model");
  json.String(node.info.gpu_model);
  json.Key("gpu_memory");
  json.Uint(node.info.gpu_memory);
  json.Key("region");
  json.String(node.info.region);
  json.EndObject();
}

}  // namespace

std::string NodesToJson(const std::vector<NodeStatus>& nodes) {
  JsonWriter json;
  json.BeginArray();
  for (const NodeStatus& node : nodes) WriteNode(json, node);
  json.EndArray();
  return json.Take();
}

}  // namespace ioc

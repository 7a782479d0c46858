#include "lib/protocol/census_json.h"

namespace ioc {
namespace {

void WriteProcess(JsonWriter& json, const ProcessCensus& process) {
  json.BeginObject();
  json.Member("process", process.process.ToString());
  json.Member("role", process.role == Role::kWorker ? "worker" : "driver");
  json.Member("name", process.name);
  json.Member("silent", process.silent);
  json.Member("owned", process.owned);
  json.Member("borrowed", process.borrowed);
  json.Member("in_use", process.in_use);
  json.Member("pending", process.pending);
  json.Member("lent", process.lent);
  json.Member("in_transit", process.in_transit);
  json.Member("answering", process.answering);
  json.Member("actors", process.actors);
  json.Member("pins", process.pins);
  json.Member("slabs", process.slabs);
  json.Member("tasks", process.tasks);
  json.Member("classes", process.classes);
  json.Member("leases", process.leases);
  json.Member("streams", process.streams);
  json.Member("peers", process.peers);
  json.Member("jobs", process.jobs);
  json.Member("answers", process.answers);
  json.EndObject();
}

void WriteNode(JsonWriter& json, const NodeCensus& node) {
  json.BeginObject();
  json.Member("name", node.name);
  json.Member("id", node.node.ToString());
  json.Member("silent", node.silent);
  json.Member("sessions", node.sessions);
  json.Member("workers", node.workers);
  json.Member("leases", node.leases);
  json.Member("waiting", node.waiting);
  json.Member("demands", node.demands);
  json.Member("objects", node.objects);
  json.Member("bytes", node.bytes);
  json.Member("pins", node.pins);
  json.Member("extents", node.extents);
  json.Member("copies", node.copies);
  json.Member("transfers", node.transfers);
  json.Member("allocations", node.allocations);
  json.Key("processes");
  json.BeginArray();
  for (const ProcessCensus& process : node.processes) WriteProcess(json, process);
  json.EndArray();
  json.EndObject();
}

}  // namespace

void WriteObjects(JsonWriter& json, const ListObjects::Reply& list) {
  json.BeginObject();
  json.Key("nodes");
  json.BeginArray();
  for (const NodeCensus& node : list.nodes) WriteNode(json, node);
  json.EndArray();
  json.Member("named_actors", list.names);
  json.Member("waiting_leases", list.waiting);
  json.Member("waiting_demands", list.demands);
  json.EndObject();
}

}  // namespace ioc

#include "runtime/cli/listings.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <set>
#include <string>
#include <vector>

#include "lib/base/json.h"
#include "lib/base/resources.h"
#include "lib/base/units.h"
#include "lib/protocol/actors_json.h"
#include "lib/protocol/census_json.h"
#include "lib/protocol/nodes_json.h"
#include "lib/scheduling/match.h"
#include "runtime/cli/table.h"

namespace ioc {
namespace {

std::string FormatAmount(std::string_view name, const ResourceSet& set) {
  const double amount = set.Get(name);
  if (name == kMemory && amount >= 0) return FormatBytes(static_cast<uint64_t>(amount));
  return absl::StrCat(amount);
}

// "1 of 4", free of total; empty if there is none.
std::string FreeOfTotal(const NodeStatus& node, std::string_view name) {
  if (node.info.total.GetTicks(name) == 0) return "";
  return absl::StrCat(node.alive ? FormatAmount(name, node.report.free) : "-", " of ",
                      FormatAmount(name, node.info.total));
}

std::string HowToAdd(std::string_view head) {
  return absl::StrCat("add one with 'iocluster node --head ", std::string(head), "'");
}

std::string State(const NodeStatus& node) {
  if (!node.alive) return absl::StrCat("dead for ", FormatAge(absl::Milliseconds(node.age_ms)));
  // Where a machine has no node, a driver hosts one that offers nothing.
  return node.info.labels.contains(kDriverLabel) ? "alive, in a driver" : "alive";
}

std::string CustomResources(const NodeStatus& node) {
  std::string text;
  for (const auto& [name, ticks] : node.info.total.amounts()) {
    if (name == kCpu || name == kGpu || name == kMemory) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", FreeOfTotal(node, name), " ", name);
  }
  return text;
}

}  // namespace

std::string DescribeGpu(std::string_view model, uint64_t memory) {
  const std::string name(model);
  return name.empty() || memory == 0 ? name : absl::StrCat(name, ", ", FormatBytes(memory));
}

std::string StatusText(const GetStatus::Reply& status, std::string_view address) {
  Table facts({{}, {}});
  facts.AddRow({"cluster", status.cluster.ToString()});
  facts.AddRow({"head", std::string(address)});
  facts.AddRow({"release", status.release});
  facts.AddRow({"up", FormatAge(absl::Milliseconds(status.uptime_ms))});
  facts.AddRow({"nodes", status.nodes > 0 ? absl::StrCat(status.nodes) : absl::StrCat("none; ", HowToAdd(address))});
  facts.AddRow({"named actors", absl::StrCat(status.actors)});
  facts.AddRow({"waiting", status.waiting > 0 ? absl::StrCat(Count(status.waiting, "lease"),
                                                             ", for tasks and actors that no node has room for yet")
                                              : "nothing"});
  facts.AddRow(
      {"stored", absl::StrCat(Count(status.objects, "object"), ", ", FormatBytes(status.store_used), " of ",
                              FormatBytes(status.store_bytes), " in memory",
                              status.spilled > 0 ? absl::StrCat(", ", FormatBytes(status.spilled), " on disk") : "")});
  std::string text = facts.ToString();
  if (status.total.empty()) return text;

  Table resources({{"RESOURCE"}, {"FREE", Table::Align::kRight}, {"TOTAL", Table::Align::kRight}});
  for (const auto& [name, ticks] : status.total.amounts()) {
    resources.AddRow({name, FormatAmount(name, status.free), FormatAmount(name, status.total)});
  }
  return absl::StrCat(text, "\n", resources.ToString());
}

std::string StatusJson(const GetStatus::Reply& status, std::string_view address) {
  JsonWriter json;
  json.BeginObject();
  json.Member("cluster", status.cluster.ToString());
  json.Member("address", address);
  json.Member("release", status.release);
  json.Member("uptime_ms", status.uptime_ms);
  json.Member("nodes", status.nodes);
  json.Member("named_actors", status.actors);
  json.Member("waiting_leases", status.waiting);
  json.Member("objects", status.objects);
  json.Member("store_used_bytes", status.store_used);
  json.Member("store_bytes", status.store_bytes);
  json.Member("spilled_bytes", status.spilled);
  json.Key("total");
  WriteResources(json, status.total);
  json.Key("free");
  WriteResources(json, status.free);
  json.EndObject();
  return json.Take();
}

std::string NodesText(const ListNodes::Reply& list, std::string_view address) {
  if (list.nodes.empty()) return absl::StrCat("no nodes; ", HowToAdd(address), "\n");
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"NAME"},
               {"STATE"},
               {"CPUS FREE", kRight},
               {"GPUS FREE", kRight, /*is_optional=*/true},
               {"MEMORY FREE", kRight},
               {"OTHER FREE", Table::Align::kLeft, /*is_optional=*/true},
               {"WORKERS", kRight},
               {"LEASES", kRight},
               {"STORE USED", kRight},
               {"ON DISK", kRight, /*is_optional=*/true},
               {"ADDRESS"},
               {"REGION", Table::Align::kLeft, /*is_optional=*/true},
               {"GPU MODEL", Table::Align::kLeft, /*is_optional=*/true}});
  for (const NodeStatus& node : list.nodes) {
    const auto now = [&node](const std::string& text) { return node.alive ? text : "-"; };
    table.AddRow(
        {node.info.name, State(node), FreeOfTotal(node, kCpu), FreeOfTotal(node, kGpu), FreeOfTotal(node, kMemory),
         CustomResources(node), now(absl::StrCat(node.report.workers)), now(absl::StrCat(node.report.leases)),
         absl::StrCat(now(FormatBytes(node.report.store_used)), " of ", FormatBytes(node.info.store_bytes)),
         node.alive && node.report.spilled > 0 ? FormatBytes(node.report.spilled) : "", node.info.address.node_address,
         node.info.region, DescribeGpu(node.info.gpu_model, node.info.gpu_memory)});
  }
  return table.ToString();
}

std::string NodesJson(const ListNodes::Reply& list) {
  JsonWriter json;
  WriteNodes(json, list.nodes);
  return json.Take();
}

std::string ActorsText(const std::vector<ActorStatus>& actors) {
  if (actors.empty()) return "no actor has a name\n";
  constexpr auto kLeft = Table::Align::kLeft;
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"NAME"},
               {"NAMESPACE", kLeft, /*is_optional=*/true},
               {"CLASS"},
               {"STATE"},
               {"NODE"},
               {"RESTARTS", kRight},
               {"DETACHED"}});
  for (const ActorStatus& actor : actors) {
    table.AddRow({actor.name, actor.name_space, actor.type, std::string(PhaseName(actor.phase)), actor.node_name,
                  absl::StrCat(actor.restarts), actor.detached ? "yes" : "no"});
  }
  return table.ToString();
}

std::string ActorsJson(const std::vector<ActorStatus>& actors) {
  JsonWriter json;
  WriteActors(json, actors);
  return json.Take();
}

std::string ObjectsText(const ListObjects::Reply& list, std::string_view address) {
  if (list.nodes.empty()) return absl::StrCat("no nodes; ", HowToAdd(address), "\n");
  constexpr auto kRight = Table::Align::kRight;
  Table nodes({{"NODE"},
               {"OBJECTS", kRight},
               {"IN USE", kRight},
               {"PINS", kRight},
               {"BEING WRITTEN", kRight},
               {"COPIES", kRight},
               {"TRANSFERS", kRight},
               {"WORKERS", kRight},
               {"LEASES", kRight},
               {"WAITING", kRight}});
  Table processes({{"NODE"},
                   {"PROCESS"},
                   {"OWNED", kRight},
                   {"BORROWED", kRight},
                   {"PENDING", kRight},
                   {"LENT", kRight},
                   {"ON THE WAY", kRight},
                   {"PINS", kRight},
                   {"TASKS", kRight},
                   {"LEASES", kRight},
                   {"STREAMS", kRight},
                   {"ACTORS", kRight},
                   {"PEERS", kRight}});
  for (const NodeCensus& node : list.nodes) {
    const auto now = [&node](uint64_t count) { return node.silent ? "-" : absl::StrCat(count); };
    nodes.AddRow({node.silent ? absl::StrCat(node.name, " (silent)") : node.name, now(node.objects),
                  node.silent ? "-" : FormatBytes(node.bytes), now(node.pins), now(node.extents), now(node.copies),
                  now(node.transfers), now(node.workers), now(node.leases), now(node.waiting)});
    for (const ProcessCensus& process : node.processes) {
      const auto of = [&process](uint64_t count) { return process.silent ? "-" : absl::StrCat(count); };
      processes.AddRow({node.name, process.silent ? absl::StrCat(process.name, " (silent)") : process.name,
                        of(process.owned), of(process.borrowed), of(process.pending), of(process.lent),
                        of(process.in_transit), of(process.pins), of(process.tasks), of(process.leases),
                        of(process.streams), of(process.actors), of(process.peers)});
    }
  }
  return absl::StrCat(nodes.ToString(), "\n", processes.ToString());
}

std::string ObjectsJson(const ListObjects::Reply& list) {
  JsonWriter json;
  WriteObjects(json, list);
  return json.Take();
}

}  // namespace ioc

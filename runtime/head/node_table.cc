#include "runtime/head/node_table.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"

namespace ioc {
namespace {

absl::Status Refuse(const std::string& message) { return MakeError(Cause::kInvalidArgument, message); }

}  // namespace

NodeView NodeRecord::View(absl::Time now) const {
  NodeView view{.id = info.address.node,
                .info = &info,
                .free = report.free,
                .alive = alive(),
                .open = now >= closed_until && !report.full,
                .leases = report.leases + placements};
  view.free.Subtract(placing);
  return view;
}

void NodeTable::Register(const RegisterNode& request, Channel& channel, absl::Time now) {
  ForgetDeadNamed(request.info);
  NodeRecord& node = nodes_[request.info.address.node];
  if (!node.alive()) ++alive_;
  node = NodeRecord{.info = request.info, .channel = &channel, .last_heard = now};
  node.report.free = request.free;
  node.told_others = alive_ > 1;
}

void NodeTable::Report(NodeRecord& node, const ReportResources& report) {
  if (report.version < node.report.version) return;
  node.report = report;
  node.closed_until = absl::InfinitePast();
}

void NodeTable::Excuse(absl::Duration silence, absl::Time now) {
  for (auto& [id, node] : nodes_) node.last_heard = std::min(now, node.last_heard + silence);
}

void NodeTable::MarkDead(NodeRecord& node) {
  if (!node.alive()) return;
  node.channel = nullptr;
  --alive_;
  if (nodes_.size() - alive_ > kMaxDeadNodes) ForgetOldestDead();
}

void NodeTable::Remove(NodeId id) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return;
  if (it->second.alive()) --alive_;
  nodes_.erase(it);
}

NodeRecord* NodeTable::Find(NodeId id) {
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : &it->second;
}

const NodeRecord* NodeTable::FindOnMachine(uint64_t machine) const {
  const NodeRecord* found = nullptr;
  for (const auto& [id, node] : nodes_) {
    if (!node.alive() || node.info.address.machine != machine) continue;
    if (found == nullptr || node.info.name < found->info.name) found = &node;
  }
  return found;
}

std::vector<NodeStatus> NodeTable::List(absl::Time now) const {
  std::vector<NodeStatus> list;
  list.reserve(nodes_.size());
  for (const auto& [id, node] : nodes_) {
    list.push_back({.info = node.info,
                    .report = node.report,
                    .alive = node.alive(),
                    .age_ms = absl::ToInt64Milliseconds(now - node.last_heard)});
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const NodeStatus& a, const NodeStatus& b) { return a.info.name < b.info.name; });
  return list;
}

std::vector<NodeView> NodeTable::Views(absl::Time now) const {
  std::vector<NodeView> views;
  views.reserve(alive_);
  for (const auto& [id, node] : nodes_) {
    if (node.alive()) views.push_back(node.View(now));
  }
  return views;
}

absl::Status NodeTable::Check(const RegisterNode& request) const {
  const NodeInfo& info = request.info;
  if (!info.address.node) return Refuse("a node without an id can't be registered");
  if (info.name.empty()) return Refuse("a node without a name can't be registered; give it one with --name");
  for (const auto& [resource, ticks] : info.total.amounts()) {
    if (ticks >= 0) continue;
    return Refuse(absl::StrCat("node ", info.name, " declares ", info.total.Get(resource), " ", resource,
                               "; a resource can't be negative"));
  }
  for (const auto& [id, node] : nodes_) {
    if (!node.alive() || node.info.name != info.name || id == info.address.node) continue;
    return Refuse(absl::StrCat("the name ", info.name, " is taken by a node on ", node.info.hostname, " (pid ",
                               node.info.pid, "); choose another one with --name"));
  }
  if (alive_ >= kMaxNodes && nodes_.count(info.address.node) == 0) {
    return Refuse(absl::StrCat("the cluster already has ", kMaxNodes, " nodes, the most that one head takes"));
  }
  return absl::OkStatus();
}

void NodeTable::ForgetDeadNamed(const NodeInfo& newcomer) {
  std::erase_if(nodes_,
                [&](const auto& entry) { return !entry.second.alive() && entry.second.info.name == newcomer.name; });
}

void NodeTable::ForgetOldestDead() {
  auto oldest = nodes_.end();
  for (auto it = nodes_.begin(); it != nodes_.end(); ++it) {
    if (it->second.alive()) continue;
    if (oldest == nodes_.end() || it->second.last_heard < oldest->second.last_heard) oldest = it;
  }
  if (oldest != nodes_.end()) nodes_.erase(oldest);
}

}  // namespace ioc

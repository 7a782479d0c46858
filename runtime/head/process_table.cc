#include "runtime/head/process_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ioc {

std::vector<ProcessId> ProcessTable::Add(NodeId node, const ProcessesHere& here) {
  Node& known = nodes_[node];
  known.lost_since = absl::InfiniteFuture();
  std::vector<ProcessId> gone;
  if (here.complete) {
    const std::set<ProcessId> now(here.processes.begin(), here.processes.end());
    std::set_difference(known.processes.begin(), known.processes.end(), now.begin(), now.end(),
                        std::back_inserter(gone));
    for (const ProcessId process : gone) known.processes.erase(process);
  }
  for (const ProcessId process : here.processes) {
    if (known.processes.size() < kMaxProcessesOfNode) known.processes.insert(process);
  }
  return gone;
}

void ProcessTable::Remove(NodeId node, ProcessId process) {
  const auto found = nodes_.find(node);
  if (found != nodes_.end()) found->second.processes.erase(process);
}

void ProcessTable::NodeLost(NodeId node, absl::Time now) {
  Node& known = nodes_[node];
  known.lost_since = std::min(known.lost_since, now);
}

std::vector<ProcessId> ProcessTable::NodeLeft(NodeId node) {
  auto left = nodes_.extract(node);
  if (left.empty()) return {};
  return {left.mapped().processes.begin(), left.mapped().processes.end()};
}

std::vector<NodeId> ProcessTable::EndedNodes(absl::Time now) const {
  std::vector<NodeId> ended;
  for (const auto& [id, node] : nodes_) {
    if (node.lost_since + kNodeEndedAfter <= now) ended.push_back(id);
  }
  return ended;
}

}  // namespace ioc

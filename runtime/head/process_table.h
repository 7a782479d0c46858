// Which processes each node has, so that the other nodes hear of their ends even if their own node can't tell: what
// they owned is then freed, and what they waited for is forgotten.
//
// A node that is lost may come back, with its processes. One that could not reach its head for kHeadLostTimeout has
// ended itself, and its processes with it; when it is lost for kNodeEndedAfter, that is certain.
//
// Pure: time comes in with the calls. In memory; belongs to the Head, on its executor.
#ifndef IOCLUSTER_RUNTIME_HEAD_PROCESS_TABLE_H_
#define IOCLUSTER_RUNTIME_HEAD_PROCESS_TABLE_H_

#include <absl/time/time.h>

#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "lib/protocol/head_messages.h"

namespace ioc {

// More than kHeadLostTimeout: a node may notice later than its head that they are cut off from each other.
inline constexpr absl::Duration kNodeEndedAfter = absl::Seconds(60);
// A node has no more sessions than that; what is beyond it is not remembered.
inline constexpr size_t kMaxProcessesOfNode = 1 << 15;

class ProcessTable {
 public:
  // What the node says that it has. Those that it had and, the list being complete, has no more: their ends were not
  // told.
  std::vector<ProcessId> Add(NodeId node, const ProcessesHere& here);
  void Remove(NodeId node, ProcessId process);

  void NodeLost(NodeId node, absl::Time now);
  // All that it had, which is forgotten.
  std::vector<ProcessId> NodeLeft(NodeId node);
  // Nodes that have been lost for too long, to be given to NodeLeft.
  std::vector<NodeId> EndedNodes(absl::Time now) const;

 private:
  struct Node {
    std::set<ProcessId> processes;
    absl::Time lost_since = absl::InfiniteFuture();
  };

  std::map<NodeId, Node> nodes_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_PROCESS_TABLE_H_

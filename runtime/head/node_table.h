// The nodes that the head knows: what they declared, what they last reported, whether they live.
//
// In memory; the Store takes its place when identities have to survive the head. Belongs to the Head, on its executor.
// Invariants: ids are unique; names are unique among living nodes; a living node has a channel, a dead one has none; of
// the dead the table remembers kMaxDeadNodes at most.
#ifndef IOCLUSTER_RUNTIME_HEAD_NODE_TABLE_H_
#define IOCLUSTER_RUNTIME_HEAD_NODE_TABLE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lib/protocol/head_messages.h"
#include "lib/rpc/channel.h"
#include "lib/scheduling/place.h"

namespace ioc {

inline constexpr size_t kMaxNodes = 1 << 15;
inline constexpr size_t kMaxDeadNodes = 256;

struct NodeRecord {
  NodeInfo info;
  ReportResources report;
  Channel* channel = nullptr;  // null: dead
  absl::Time last_heard = absl::InfinitePast();

  // What the head has asked it for and not heard about: taken off what it reported as free.
  ResourceSet placing;
  uint32_t placements = 0;
  // It refused a lease although its report said that it had room: left alone until then, or until its next report.
  absl::Time closed_until = absl::InfinitePast();

  // What it knows by its registration or its last Outlook.
  bool told_others = false;
  bool told_waiting = false;  // of a demand at least

  bool alive() const { return channel != nullptr; }
  NodeView View(absl::Time now) const;
};

class NodeTable {
 public:
  using Map = std::map<NodeId, NodeRecord>;

  // kInvalidArgument with what to do if the node makes no sense, its name is taken or the table is full.
  absl::Status Check(const RegisterNode& request) const;
  // A new node, or one that comes back, that has been checked.
  void Register(const RegisterNode& request, Channel& channel, absl::Time now);
  // Drops a report that is older than what is known.
  void Report(NodeRecord& node, const ReportResources& report);
  // For so long the head itself did nothing: what nodes said meanwhile it has not read yet.
  void Excuse(absl::Duration silence, absl::Time now);
  // It is dead from now on.
  void MarkDead(NodeRecord& node);
  // It has left in order: nothing is kept of it.
  void Remove(NodeId id);

  NodeRecord* Find(NodeId id);
  const Map& nodes() const { return nodes_; }
  Map& nodes() { return nodes_; }
  size_t alive() const { return alive_; }

  // A living node on that machine; the first by name if there are several.
  const NodeRecord* FindOnMachine(uint64_t machine) const;
  std::vector<NodeStatus> List(absl::Time now) const;
  std::vector<NodeView> Views(absl::Time now) const;

 private:
  void ForgetDeadNamed(const NodeInfo& newcomer);
  void ForgetOldestDead();

  Map nodes_;
  size_t alive_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_NODE_TABLE_H_

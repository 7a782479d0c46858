// Placement: which of the known nodes a lease should be asked of, and why there is none.
//
// Pure and deterministic functions of a view: the same code decides in the head, in the simulator and in a property
// test against brute force. The caller owns the view; thread-safe.
#ifndef IOCLUSTER_LIB_SCHEDULING_PLACE_H_
#define IOCLUSTER_LIB_SCHEDULING_PLACE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "iocluster/ids.h"
#include "lib/base/resources.h"
#include "lib/protocol/common.h"

namespace ioc {

// A node as the chooser knows it. Borrows `info`.
struct NodeView {
  NodeId id;
  const NodeInfo* info = nullptr;
  ResourceSet free;  // may be below zero in places
  bool alive = true;
  bool open = true;     // false: it counts as registered, but takes no lease just now
  uint32_t leases = 0;  // held on it
};

// Whether the node could run the class if nothing else ran there.
bool IsPossible(const NodeView& node, const SchedulingClass& request);

// Whether it can run the class now.
bool Fits(const NodeView& node, const SchedulingClass& request);

// The index of the node to ask, among those that can run the class now; none if there is none.
//
// - kDefault: a node without GPUs before one with them if the class wants none; then the fullest. A class that asks for
//   no resources at all would not fill any node: it goes where there are the fewest leases a CPU.
// - kPack: the fullest.
// - kSpread: the one with the fewest leases; then the emptiest.
// A node is as full as its scarcest resource, by the share of it that is in use. Ties go to the first by name, then id.
std::optional<size_t> Place(std::span<const NodeView> nodes, const SchedulingClass& request);

// Why no registered node could ever run the class, condition by condition, and what would make it possible: "can't be
// placed: 3 nodes; 1 has 2 GPU; 0 of them are in eu. They are in us". One sentence or two, for people.
std::string ExplainUnplaceable(std::span<const NodeView> nodes, const SchedulingClass& request);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_SCHEDULING_PLACE_H_

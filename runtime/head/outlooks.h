// Tells nodes what they can't see by themselves (Outlook): whether there are others, and what waits at the head for
// room on them, so that they call leases back for it.
//
// Belongs to the Head, on its executor.
#ifndef IOCLUSTER_RUNTIME_HEAD_OUTLOOKS_H_
#define IOCLUSTER_RUNTIME_HEAD_OUTLOOKS_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/protocol/head_messages.h"
#include "lib/scheduling/place.h"
#include "runtime/head/node_table.h"

namespace ioc {

// What waits is told so often, while it does.
inline constexpr absl::Duration kOutlookPeriod = absl::Milliseconds(100);
static_assert(kOutlookPeriod < kOutlookLasts);
// Demands that are told of at a time, and to one node; those whose turn comes later have to wait longer.
inline constexpr size_t kMaxDemandsTold = 64;
inline constexpr size_t kMaxDemandsToldToNode = 16;

class Outlooks {
 public:
  // A demand that nodes could serve if they had room. Borrows `spec`.
  struct Waiting {
    const SchedulingClass* spec = nullptr;
    NodeId origin;  // which sees to its own clients by itself
    uint32_t wanted = 0;
  };

  explicit Outlooks(NodeTable& nodes) : nodes_(nodes) {}

  // One has come or gone.
  void NodesChanged();
  // `waiting`, in the order of their turns, shared out to the nodes of the view that could run them. Returns when to do
  // that next; before that it does nothing.
  absl::Time Tell(const std::vector<Waiting>& waiting, std::span<const NodeView> views, absl::Time now);

 private:
  void Send(NodeRecord& node, std::vector<WaitingDemand> waiting) const;

  NodeTable& nodes_;
  absl::Time next_ = absl::InfinitePast();
  size_t rounds_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_OUTLOOKS_H_

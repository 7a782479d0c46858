#include "runtime/head/outlooks.h"

#include <algorithm>
#include <map>
#include <utility>

namespace ioc {

void Outlooks::NodesChanged() {
  if (nodes_.alive() > 2) return;  // whoever is here knows
  for (auto& [id, node] : nodes_.nodes()) {
    if (node.alive() && node.told_others != (nodes_.alive() > 1)) Send(node, {});
  }
}

absl::Time Outlooks::Tell(const std::vector<Waiting>& waiting, std::span<const NodeView> views, absl::Time now) {
  if (now < next_) return next_;
  next_ = now + kOutlookPeriod;
  ++rounds_;
  std::map<NodeId, std::vector<WaitingDemand>> lists;
  for (size_t i = 0; i < std::min(waiting.size(), kMaxDemandsTold); ++i) {
    const Waiting& demand = waiting[i];
    std::vector<NodeId> able;
    for (const NodeView& view : views) {
      if (view.id != demand.origin && IsPossible(view, *demand.spec)) able.push_back(view.id);
    }
    uint32_t left = demand.wanted;
    const uint32_t share = able.empty() ? 0 : 1 + (left - 1) / static_cast<uint32_t>(able.size());
    // Where there are more nodes than leases, others each time.
    for (size_t k = 0; k < able.size() && left > 0; ++k) {
      std::vector<WaitingDemand>& list = lists[able[(rounds_ + k) % able.size()]];
      if (list.size() >= kMaxDemandsToldToNode) continue;
      const uint32_t wanted = std::min(share, left);
      list.push_back({.job = demand.spec->job, .resources = demand.spec->resources, .wanted = wanted});
      left -= wanted;
    }
  }
  for (auto& [id, node] : nodes_.nodes()) {
    const auto list = lists.find(id);
    if (!node.alive() || (list == lists.end() && !node.told_waiting)) continue;
    Send(node, list == lists.end() ? std::vector<WaitingDemand>() : std::move(list->second));
  }
  return next_;
}

void Outlooks::Send(NodeRecord& node, std::vector<WaitingDemand> waiting) const {
  node.told_others = nodes_.alive() > 1;
  node.told_waiting = !waiting.empty();
  if ((node.channel->peer().features & kFeatureOutlook) == 0) return;
  node.channel->Notify(Outlook{.others = node.told_others, .waiting = std::move(waiting)});
}

}  // namespace ioc

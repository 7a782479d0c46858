#include "runtime/node/errands.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

namespace ioc {

Errands::~Errands() {
  for (const auto& [node, queue] : queues_) env_.executor().CancelTimer(queue.timer);
}

template <typename M>
void Errands::Add(const NodeAddress& node, M message) {
  Queue& queue = queues_[node.node];
  queue.node = node;
  const bool last_waits = queue.errands.size() > (queue.under_way ? 1 : 0);
  M* const last = last_waits ? std::get_if<M>(&queue.errands.back()) : nullptr;
  if (last != nullptr && last->owner == message.owner && last->ids.size() + message.ids.size() <= kMaxErrandIds) {
    last->ids.insert(last->ids.end(), message.ids.begin(), message.ids.end());
  } else {
    queue.errands.emplace_back(std::move(message));
    // Not the first, which may be under way.
    if (queue.errands.size() > kMaxErrands) queue.errands.erase(queue.errands.begin() + 1);
  }
  if (!queue.under_way && queue.timer == 0) SendFirst(node.node);
}

void Errands::Send(const NodeAddress& node, FreeObjects free) { Add(node, std::move(free)); }

void Errands::Send(const NodeAddress& node, AdoptObjects adopt) { Add(node, std::move(adopt)); }

void Errands::SendFirst(NodeId node) {
  Queue& queue = queues_.at(node);
  queue.under_way = true;
  std::visit(
      [&](const auto& message) {
        peers_.Call(queue.node, message, kErrandTimeout,
                    life_.Bind([this, node](const auto& reply) { Answered(node, reply.status()); }));
      },
      Errand(queue.errands.front()));
}

void Errands::NodeRemoved(NodeId node) {
  const auto found = queues_.find(node);
  if (found == queues_.end()) return;
  found->second.failures = kMaxErrandFailures;  // what is under way is the last
  if (found->second.under_way) return;
  env_.executor().CancelTimer(found->second.timer);
  queues_.erase(found);
}

void Errands::Answered(NodeId node, const absl::Status& status) {
  Queue& queue = queues_.at(node);
  queue.under_way = false;
  if (status.ok()) {
    queue.failures = 0;
    queue.errands.pop_front();
  } else if (++queue.failures >= kMaxErrandFailures) {
    env_.Log(
        LogLevel::kWarning,
        absl::StrCat(queue.node.Label(), " was not told what was freed there: ", absl::string_view(status.message())));
    queue.errands.clear();
  }
  if (queue.errands.empty()) {
    queues_.erase(node);
  } else if (status.ok()) {
    SendFirst(node);
  } else {
    const absl::Duration delay = std::min(kErrandDelay * (1 << std::min(queue.failures - 1, 10)), kMaxErrandDelay);
    queue.timer = env_.executor().Schedule(delay, life_.Bind([this, node] {
      queues_.at(node).timer = 0;
      SendFirst(node);
    }));
  }
}

}  // namespace ioc

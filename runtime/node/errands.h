// What other nodes must hear, though the connection to them breaks: which objects are freed, and which have a new
// owner.
//
// Owned by the StoreService, on its executor. To each node in order and one at a time, again until it has answered;
// what waits meanwhile goes together. A node that does not answer may come back: it is asked until the head says that
// it has ended, or kMaxErrandFailures times in a row, which takes a quarter of an hour.
#ifndef IOCLUSTER_RUNTIME_NODE_ERRANDS_H_
#define IOCLUSTER_RUNTIME_NODE_ERRANDS_H_

#include <absl/time/time.h>

#include <cstddef>
#include <deque>
#include <map>
#include <variant>

#include "lib/env/env.h"
#include "lib/protocol/store_messages.h"
#include "runtime/node/life.h"
#include "runtime/node/peer_nodes.h"

namespace ioc {

inline constexpr absl::Duration kErrandTimeout = absl::Seconds(10);
// After the first failure; doubled after each.
inline constexpr absl::Duration kErrandDelay = absl::Milliseconds(500);
inline constexpr absl::Duration kMaxErrandDelay = absl::Seconds(30);
inline constexpr int kMaxErrandFailures = 32;
inline constexpr size_t kMaxErrands = 4096;     // for one node; the oldest are dropped for more
inline constexpr size_t kMaxErrandIds = 16384;  // in one message

class Errands {
 public:
  Errands(Env& env, PeerNodes& peers) : env_(env), peers_(peers) {}
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  void Send(const NodeAddress& node, FreeObjects free);
  void Send(const NodeAddress& node, AdoptObjects adopt);
  // It has ended: nobody is there to be told.
  void NodeRemoved(NodeId node);

 private:
  using Errand = std::variant<FreeObjects, AdoptObjects>;
  struct Queue {
    NodeAddress node;
    std::deque<Errand> errands;
    bool under_way = false;  // the first of them
    int failures = 0;
    TimerId timer = 0;
  };

  template <typename M>
  void Add(const NodeAddress& node, M message);
  void SendFirst(NodeId node);
  void Answered(NodeId node, const absl::Status& status);

  Env& env_;
  PeerNodes& peers_;
  std::map<NodeId, Queue> queues_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_ERRANDS_H_

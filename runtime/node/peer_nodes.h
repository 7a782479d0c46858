// This node's own connections to other nodes: dialled when first needed, kept, closed when idle.
//
// Owned by the node, on its executor. A call to a node that can't be reached fails with kDisconnected, naming the
// node and its address.
#ifndef IOCLUSTER_RUNTIME_NODE_PEER_NODES_H_
#define IOCLUSTER_RUNTIME_NODE_PEER_NODES_H_

#include <absl/functional/any_invocable.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/rpc/channel.h"
#include "runtime/node/life.h"

namespace ioc {

inline constexpr absl::Duration kPeerDialTimeout = absl::Seconds(5);
inline constexpr absl::Duration kPeerIdleTimeout = absl::Seconds(30);
// Calls and notifications that wait for one connection; more fail.
inline constexpr size_t kMaxWaitingForPeer = 65536;

class PeerNodes {
 public:
  PeerNodes(Env& env, Hello self);
  ~PeerNodes();
  PeerNodes(const PeerNodes&) = delete;
  PeerNodes& operator=(const PeerNodes&) = delete;

  // As Channel::CallEncoded; `timeout` counts from when the connection stands.
  void CallEncoded(const NodeAddress& node, Method method, std::span<const std::byte> body, absl::Duration timeout,
                   Channel::RawHandler handler);
  template <Request R>
  void CallRaw(const NodeAddress& node, const R& request, absl::Duration timeout, Channel::RawHandler handler) {
    Encode(request, body_);
    CallEncoded(node, R::kMethod, body_.bytes(), timeout, std::move(handler));
  }
  template <Request R>
  void Call(const NodeAddress& node, const R& request, absl::Duration timeout,
            absl::AnyInvocable<void(absl::StatusOr<typename R::Reply>)> handler) {
    CallRaw(node, request, timeout, [handler = std::move(handler)](absl::StatusOr<RawReply> raw) mutable {
      if (!raw.ok()) return handler(raw.status());
      typename R::Reply reply;
      if (absl::Status status = Decode(raw->body, reply); !status.ok()) return handler(status);
      handler(std::move(reply));
    });
  }
  // Closes the connection with the node, if there is one: what was asked over it fails with kDisconnected, and whoever
  // asks next has it dialled anew.
  void Drop(NodeId node, const absl::Status& why);

  // While held, a connection is not closed for being idle: the other side tells us through it what was freed.
  void Hold(NodeId node) { ++holds_[node]; }
  void Unhold(NodeId node);

  // What a node says on a connection that we opened.
  void set_on_free(absl::AnyInvocable<void(const FreeObjects&)> on_free) { on_free_ = std::move(on_free); }
  // A connection with a node broke, or could not be made.
  void set_on_lost(absl::AnyInvocable<void(NodeId, const absl::Status&)> on_lost) { on_lost_ = std::move(on_lost); }
  void set_cluster(ClusterId cluster) { self_.cluster = cluster; }

 private:
  // Given the channel, or null and why there is none.
  using Operation = absl::AnyInvocable<void(Channel*, const absl::Status&)>;

  struct Peer final : ChannelDelegate {
    Peer(PeerNodes& peers_in, const NodeAddress& node_in, uint64_t number_in)
        : peers(peers_in), node(node_in.node), number(number_in), label(node_in.Label()) {}
    void OnReady(Channel&, const Hello&) override { NoteHeard(); }
    void NoteHeard() { last_heard = peers.env_.executor().Now(); }
    absl::Status OnMessage(Channel& channel, FrameView frame) override;
    void OnClosed(Channel& channel, const absl::Status& why) override;

    PeerNodes& peers;
    const NodeId node;
    const uint64_t number;    // of this connection, never used again
    const std::string label;  // for messages
    std::unique_ptr<Dialling> dialling;
    std::unique_ptr<Channel> channel;
    std::vector<Operation> waiting;
    uint64_t open_calls = 0;
    absl::Time last_used;
    absl::Time last_heard = absl::InfinitePast();
  };

  void Use(const NodeAddress& node, Operation operation);
  void Dialled(NodeId node, absl::StatusOr<std::unique_ptr<Connection>> connection);
  // A call that began then; a connection on which nothing at all has come meanwhile is dead.
  void CallEnded(NodeId node, uint64_t connection, absl::Time began, bool timed_out);
  void CloseIdle();

  Env& env_;
  Hello self_;
  uint64_t last_connection_ = 0;
  std::map<NodeId, std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Peer>> gone_;  // until the end of the turn: we may be inside one of their callbacks
  std::map<NodeId, uint64_t> holds_;
  absl::AnyInvocable<void(const FreeObjects&)> on_free_;
  absl::AnyInvocable<void(NodeId, const absl::Status&)> on_lost_;
  TimerId idle_timer_ = 0;
  BodyBuffer body_;
  Life life_;
};

// How this machine reaches the node: "unix:NAME", "HOST:PORT", or empty if it can't.
std::string DialAddress(const NodeAddress& node, uint64_t this_machine);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PEER_NODES_H_

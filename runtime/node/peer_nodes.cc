#include "runtime/node/peer_nodes.h"

#include <absl/strings/str_cat.h>

#include "lib/base/status.h"

namespace ioc {

std::string DialAddress(const NodeAddress& node, uint64_t this_machine) {
  if (node.machine == this_machine && !node.local_address.empty()) return node.local_address;
  return node.node_address;
}

PeerNodes::PeerNodes(Env& env, Hello self) : env_(env), self_(std::move(self)) {
  idle_timer_ = env_.executor().Schedule(kPeerIdleTimeout, life_.Bind([this] { CloseIdle(); }));
}

PeerNodes::~PeerNodes() {
  env_.executor().CancelTimer(idle_timer_);
  // Calls that wait fail now, and whoever waits may call again: nothing is found then, and nothing dialled.
  while (!peers_.empty()) {
    auto gone = std::move(peers_.begin()->second);
    peers_.erase(peers_.begin());
  }
}

absl::Status PeerNodes::Peer::OnMessage(Channel&, FrameView frame) {
  NoteHeard();
  if (frame.header.method == static_cast<uint16_t>(Method::kFreeObjects)) {
    return Take<FreeObjects>(frame, [this](const FreeObjects& free) {
      if (peers.on_free_) peers.on_free_(free);
    });
  }
  return MakeError(Cause::kInvalidArgument, absl::StrCat("a node asks nothing (method ", frame.header.method,
                                                         ") on a connection that another node opened to it"));
}

void PeerNodes::Peer::OnClosed(Channel&, const absl::Status& why) { peers.Drop(node, why); }

void PeerNodes::CallEncoded(const NodeAddress& node, Method method, std::span<const std::byte> body,
                            absl::Duration timeout, Channel::RawHandler handler) {
  std::vector<std::byte> copy(body.begin(), body.end());
  const NodeId id = node.node;
  Use(node, [this, id, method, copy = std::move(copy), timeout, handler = std::move(handler)](
                Channel* channel, const absl::Status& why) mutable {
    if (channel == nullptr) return handler(why);
    Peer& peer = *peers_.at(id);
    ++peer.open_calls;
    const absl::Time began = env_.executor().Now();
    auto ended = life_.Bind([this, id, connection = peer.number, began, timeout](const absl::Status& status) {
      CallEnded(id, connection, began, !status.ok() && env_.executor().Now() >= began + timeout);
    });
    channel->CallEncoded(method, copy, timeout, {},
                         [ended, handler = std::move(handler)](absl::StatusOr<RawReply> reply) mutable {
                           ended(reply.status());
                           handler(std::move(reply));
                         });
  });
}

void PeerNodes::Unhold(NodeId node) {
  auto found = holds_.find(node);
  if (found != holds_.end() && --found->second == 0) holds_.erase(found);
}

void PeerNodes::CallEnded(NodeId node, uint64_t connection, absl::Time began, bool timed_out) {
  auto found = peers_.find(node);
  if (found == peers_.end() || found->second->number != connection) return;
  Peer& peer = *found->second;
  --peer.open_calls;
  if (!timed_out) return peer.NoteHeard();
  if (peer.last_heard < began) Drop(node, MakeError(Cause::kDisconnected, "it does not answer"));
}

void PeerNodes::Use(const NodeAddress& node, Operation operation) {
  auto [found, is_new] = peers_.try_emplace(node.node);
  if (is_new) {
    const std::string address = DialAddress(node, env_.host().machine);
    if (address.empty()) {
      peers_.erase(found);
      return operation(nullptr, MakeError(Cause::kDisconnected,
                                          absl::StrCat(node.Label(),
                                                       " has no address that other machines can reach; start it with "
                                                       "--listen HOST:PORT")));
    }
    found->second = std::make_unique<Peer>(*this, node, ++last_connection_);
    found->second->dialling =
        env_.network().Dial(address, {.target = Target::kNode}, kPeerDialTimeout,
                            life_.Bind([this, id = node.node](absl::StatusOr<std::unique_ptr<Connection>> connection) {
                              Dialled(id, std::move(connection));
                            }));
  }
  Peer& peer = *found->second;
  peer.last_used = env_.executor().Now();
  if (peer.channel != nullptr) return operation(peer.channel.get(), absl::OkStatus());
  if (peer.waiting.size() >= kMaxWaitingForPeer) {
    return operation(nullptr,
                     MakeError(Cause::kDisconnected, absl::StrCat("too much waits for ", peer.label, " already")));
  }
  peer.waiting.push_back(std::move(operation));
}

void PeerNodes::Dialled(NodeId node, absl::StatusOr<std::unique_ptr<Connection>> connection) {
  auto found = peers_.find(node);
  if (found == peers_.end()) return;
  if (!connection.ok()) return Drop(node, connection.status());
  Peer& peer = *found->second;
  // The dialling is over but runs this very callback: it goes with the peer.
  peer.channel = std::make_unique<Channel>(env_, *std::move(connection), Channel::Side::kDialler, self_, peer);
  std::vector<Operation> waiting = std::move(peer.waiting);
  for (Operation& operation : waiting) operation(peer.channel.get(), absl::OkStatus());
}

void PeerNodes::Drop(NodeId node, const absl::Status& why) {
  auto found = peers_.find(node);
  if (found == peers_.end()) return;
  std::unique_ptr<Peer> gone = std::move(found->second);
  peers_.erase(found);
  const absl::Status error = MakeError(
      Cause::kDisconnected, absl::StrCat(gone->label, " can't be reached: ", absl::string_view(why.message())));
  for (Operation& operation : gone->waiting) operation(nullptr, error);
  gone->waiting.clear();
  if (gone->channel != nullptr) gone->channel->Close(error);
  if (on_lost_) on_lost_(node, error);
  gone_.push_back(std::move(gone));
  if (gone_.size() == 1) env_.executor().Post(life_.Bind([this] { gone_.clear(); }));
}

void PeerNodes::CloseIdle() {
  const absl::Time now = env_.executor().Now();
  std::vector<std::unique_ptr<Peer>> idle;
  for (auto position = peers_.begin(); position != peers_.end();) {
    Peer& peer = *position->second;
    const bool is_idle = peer.channel != nullptr && peer.open_calls == 0 && !holds_.contains(position->first) &&
                         now - peer.last_used >= kPeerIdleTimeout;
    if (is_idle) idle.push_back(std::move(position->second));
    position = is_idle ? peers_.erase(position) : std::next(position);
  }
  for (auto& peer : idle) peer->channel->Close(MakeError(Cause::kDisconnected, "idle"));
  idle_timer_ = env_.executor().Schedule(kPeerIdleTimeout, life_.Bind([this] { CloseIdle(); }));
}

}  // namespace ioc

#include "runtime/client/peers.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace ioc {

PeerTable::PeerTable(Env& env, PeerHooks& hooks) : env_(env), hooks_(hooks) {}

PeerTable::~PeerTable() { Clear(); }

void PeerTable::SetSelf(Hello self, uint64_t machine) {
  self_ = std::move(self);
  machine_ = machine;
}

void PeerTable::Clear() {
  closed_ = true;
  auto links = std::exchange(links_, {});
  auto peers = std::exchange(peers_, {});
  auto links_by_id = std::exchange(links_by_id_, {});
  expected_.clear();
  std::vector<ProcessId> processes;
  for (const auto& [process, peer] : peers) processes.push_back(process);
  std::sort(processes.begin(), processes.end());
  for (ProcessId process : processes) {
    for (auto& handler : std::exchange(peers.at(process)->waiting, {})) {
      handler(MakeError(Cause::kDisconnected, "this process's cluster is shut down"));
    }
  }
  // Others see them close in the order in which they were made, whatever the tables' order is.
  std::vector<uint64_t> ids;
  for (const auto& [id, link] : links_by_id) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (uint64_t id : ids) links.erase(links_by_id.at(id)->channel.get());
}

void PeerTable::Count(ProcessCensus& census) const {
  census.peers = peers_.size();
  for (const auto& [process, peer] : peers_) {
    for (const auto& [id, count] : peer->borrowed) census.lent += count;
    for (const auto& [id, count] : peer->in_transit) census.in_transit += count;
  }
}

PeerLink* PeerTable::FindLink(uint64_t id) {
  auto it = links_by_id_.find(id);
  return it == links_by_id_.end() ? nullptr : it->second;
}

std::vector<Peer*> PeerTable::BorrowersOf(ObjectId id) {
  std::vector<Peer*> borrowers;
  for (const auto& [process, peer] : peers_) {
    if (peer->borrowed.contains(id) && !peer->links.empty()) borrowers.push_back(peer.get());
  }
  std::sort(borrowers.begin(), borrowers.end(), [](const Peer* a, const Peer* b) { return a->process < b->process; });
  return borrowers;
}

bool PeerTable::IsInTransit(ObjectId id) const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [id](const auto& entry) { return entry.second->in_transit.contains(id); });
}

Peer* PeerTable::Find(ProcessId process) {
  auto it = peers_.find(process);
  return it == peers_.end() || it->second->links.empty() ? nullptr : it->second.get();
}

Peer& PeerTable::GetOrCreate(ProcessId process) {
  std::unique_ptr<Peer>& slot = peers_[process];
  if (slot == nullptr) {
    slot = std::make_unique<Peer>();
    slot->process = process;
    slot->epoch = ++last_epoch_;
  }
  return *slot;
}

void PeerTable::With(const ProcessAddress& address, absl::AnyInvocable<void(absl::StatusOr<Peer*>)> handler) {
  if (closed_) return handler(MakeError(Cause::kDisconnected, "this process's cluster is shut down"));
  Peer& peer = GetOrCreate(address.process);
  if (!peer.links.empty()) {
    if (!peer.address.process) peer.address = address;  // it has dialled us
    return handler(&peer);
  }
  peer.waiting.push_back(std::move(handler));
  if (peer.waiting.size() == 1) Dial(peer, address);
}

void PeerTable::Dial(Peer& peer, const ProcessAddress& address) {
  const bool near = address.machine == machine_ && !address.local_address.empty();
  const std::string& door = near ? address.local_address : address.node_address;
  const ProcessId process = peer.process;
  peer.address = address;
  if (door.empty()) {
    const absl::Status error =
        MakeError(Cause::kDisconnected,
                  absl::StrCat("process ", process.ToString(), " is on a node without an address for other machines"));
    env_.executor().Post([this, process, error, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) Dialled(process, error);
    });
    return;
  }
  peer.dialling =
      env_.network().Dial(door, Preamble{.target = Target::kProcess, .id = process.value()}, kPeerDialTimeout,
                          [this, process](auto connection) { Dialled(process, std::move(connection)); });
}

void PeerTable::Dialled(ProcessId process, absl::StatusOr<std::unique_ptr<Connection>> connection) {
  auto it = peers_.find(process);
  if (it == peers_.end()) return;
  it->second->dialling = nullptr;
  if (!connection.ok()) {
    if (it->second->links.empty())
      Gone(process, WithContext(connection.status(), "can't reach a process of the cluster"));
    return;
  }
  PeerLink& link = AddLink(*std::move(connection), Channel::Side::kDialler);
  expected_[link.channel.get()] = process;
}

PeerLink& PeerTable::AddLink(std::unique_ptr<Connection> connection, Channel::Side side) {
  auto link = std::make_unique<PeerLink>();
  link->channel = std::make_unique<Channel>(env_, std::move(connection), side, self_, *this);
  PeerLink& added = *link;
  added.id = ++last_link_;
  added.side = side;
  links_by_id_[added.id] = &added;
  links_[added.channel.get()] = std::move(link);
  return added;
}

void PeerTable::Accept(std::unique_ptr<Connection> connection) {
  if (!closed_) AddLink(std::move(connection), Channel::Side::kAcceptor);
}

void PeerTable::OnReady(Channel& channel, const Hello& hello) {
  auto it = links_.find(&channel);
  if (it == links_.end()) return;
  if (auto dialled = expected_.find(&channel); dialled != expected_.end() && dialled->second != hello.process) {
    channel.Close(MakeError(Cause::kDisconnected, "this is not the process that was dialled"));
    OnClosed(channel, MakeError(Cause::kDisconnected, "another process answered"));
    return;
  }
  expected_.erase(&channel);
  // A peer that dials a second time has lost its first connection, though that has not been noticed here.
  if (it->second->side == Channel::Side::kAcceptor && DialledBefore(hello.process)) {
    Gone(hello.process, MakeError(Cause::kDisconnected, "it has dialled again"));
    it = links_.find(&channel);
  }
  Peer& peer = GetOrCreate(hello.process);
  it->second->peer = &peer;
  peer.was_connected = true;
  peer.links.push_back(it->second.get());
  peer.description = channel.description();
  peer.node = hello.node;
  auto waiting = std::exchange(peer.waiting, {});
  for (auto& handler : waiting) handler(&peer);
}

bool PeerTable::DialledBefore(ProcessId process) const {
  const auto found = peers_.find(process);
  return found != peers_.end() &&
         std::any_of(found->second->links.begin(), found->second->links.end(),
                     [](const PeerLink* link) { return link->side == Channel::Side::kAcceptor; });
}

absl::Status PeerTable::OnMessage(Channel& channel, FrameView frame) {
  auto it = links_.find(&channel);
  if (it == links_.end() || it->second->peer == nullptr) return absl::OkStatus();
  return hooks_.OnPeerMessage(*it->second, frame);
}

void PeerTable::OnClosed(Channel& channel, const absl::Status& why) {
  auto it = links_.find(&channel);
  if (it == links_.end()) return;
  std::unique_ptr<PeerLink> link = std::move(it->second);
  links_.erase(it);
  links_by_id_.erase(link->id);
  ProcessId process;
  if (link->peer != nullptr) {
    process = link->peer->process;
    std::erase(link->peer->links, link.get());
  } else if (auto dialled = expected_.find(&channel); dialled != expected_.end()) {
    process = dialled->second;
    expected_.erase(dialled);
    if (Find(process) != nullptr) return;
  }
  if (process) Gone(process, why);
}

void PeerTable::OnNodeRemoved(NodeId node, std::string_view why) {
  std::vector<ProcessId> gone;
  for (const auto& [process, peer] : peers_) {
    if (peer->node == node || peer->address.node == node) gone.push_back(process);
  }
  std::sort(gone.begin(), gone.end());
  for (const ProcessId process : gone) Gone(process, MakeError(Cause::kDisconnected, why));
}

void PeerTable::Gone(ProcessId process, const absl::Status& why) {
  auto it = peers_.find(process);
  if (it == peers_.end()) return;
  std::unique_ptr<Peer> peer = std::move(it->second);
  peers_.erase(it);
  std::vector<std::unique_ptr<PeerLink>> others;  // closed when everybody has heard
  for (PeerLink* link : std::exchange(peer->links, {})) {
    auto other = links_.extract(link->channel.get());
    links_by_id_.erase(link->id);
    others.push_back(std::move(other.mapped()));
  }
  auto waiting = std::exchange(peer->waiting, {});
  // Whatever stood in the way, a timeout say: those who wait must not take it for an answer of the process.
  const absl::Status unreachable =
      CauseOf(why) == Cause::kDisconnected ? why : MakeError(Cause::kDisconnected, std::string(why.message()));
  for (auto& handler : waiting) handler(unreachable);
  if (peer->was_connected) hooks_.OnPeerGone(*peer, why);
}

}  // namespace ioc

// The other processes that this one talks to: workers that run its tasks, owners of what it borrows, borrowers of what
// it owns, callers of its actors.
//
// A peer is known by its process id, however many connections there are to it (each side may have dialled). It is gone
// when one of them breaks, since what was sent on it may be lost: the others are closed, and what was bound to the peer
// (leases, borrows, holds) ends. Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_PEERS_H_
#define IOCLUSTER_RUNTIME_CLIENT_PEERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "lib/env/env.h"
#include "lib/rpc/channel.h"

namespace ioc {

inline constexpr absl::Duration kPeerDialTimeout = absl::Seconds(10);
// Functions that one peer may number on one connection.
inline constexpr size_t kMaxNumberedFunctions = 1 << 16;

struct Peer;

// One connection with a peer. Functions are numbered a connection and direction.
struct PeerLink {
  uint64_t id = 0;       // never used again, unlike the address of a link
  Peer* peer = nullptr;  // null until the Hello
  Channel::Side side = Channel::Side::kDialler;
  std::unique_ptr<Channel> channel;
  absl::flat_hash_map<const internal::FunctionInfo*, uint32_t> sent_functions;
  std::vector<absl::StatusOr<const internal::FunctionInfo*>> received_functions;  // by number
};

struct Peer {
  ProcessId process;
  uint64_t epoch = 0;      // of this connectedness: the process gets another one when it comes back
  ProcessAddress address;  // once we wanted a connection
  bool was_connected = false;
  std::string description;
  NodeId node;                   // where it runs, once connected
  bool lends = false;            // something was borrowed from it
  std::vector<PeerLink*> links;  // the first is used to send
  std::unique_ptr<Dialling> dialling;
  std::vector<absl::AnyInvocable<void(absl::StatusOr<Peer*>)>> waiting;
  absl::flat_hash_map<ObjectId, uint32_t> borrowed;    // objects of ours that it refers to
  absl::flat_hash_map<ObjectId, uint32_t> in_transit;  // references sent to it, held until it says RefsReceived

  Channel& channel() { return *links.front()->channel; }
};

class PeerHooks {
 public:
  virtual absl::Status OnPeerMessage(PeerLink& link, FrameView frame) = 0;
  // The peer is out of the table already, and destroyed on return.
  virtual void OnPeerGone(Peer& peer, const absl::Status& why) = 0;

 protected:
  ~PeerHooks() = default;
};

class PeerTable final : public ChannelDelegate {
 public:
  // `self` and `machine` are set before the first connection.
  PeerTable(Env& env, PeerHooks& hooks);
  ~PeerTable();

  void SetSelf(Hello self, uint64_t machine);

  // Connects if need be. `handler` may be called at once; with kDisconnected if the process can't be reached.
  void With(const ProcessAddress& address, absl::AnyInvocable<void(absl::StatusOr<Peer*>)> handler);
  Peer* Find(ProcessId process);
  PeerLink* FindLink(uint64_t id);
  // Those that have borrowed the object from us, in the order of their ids.
  std::vector<Peer*> BorrowersOf(ObjectId id);
  // Whether a reference to it is on its way to anybody.
  bool IsInTransit(ObjectId id) const;
  // A connection that our node handed to us.
  void Accept(std::unique_ptr<Connection> connection);
  // The node has ended, and all its processes are gone.
  void OnNodeRemoved(NodeId node, std::string_view why);
  // Closes them all, for good. No hooks are called.
  void Clear();
  void Count(ProcessCensus& census) const;

 private:
  void OnReady(Channel& channel, const Hello& hello) override;
  absl::Status OnMessage(Channel& channel, FrameView frame) override;
  void OnClosed(Channel& channel, const absl::Status& why) override;

  Peer& GetOrCreate(ProcessId process);
  void Dial(Peer& peer, const ProcessAddress& address);
  void Dialled(ProcessId process, absl::StatusOr<std::unique_ptr<Connection>> connection);
  PeerLink& AddLink(std::unique_ptr<Connection> connection, Channel::Side side);
  bool DialledBefore(ProcessId process) const;
  void Gone(ProcessId process, const absl::Status& why);

  Env& env_;
  PeerHooks& hooks_;
  Hello self_;
  uint64_t machine_ = 0;
  bool closed_ = false;
  absl::flat_hash_map<ProcessId, std::unique_ptr<Peer>> peers_;
  absl::flat_hash_map<Channel*, std::unique_ptr<PeerLink>> links_;
  absl::flat_hash_map<uint64_t, PeerLink*> links_by_id_;
  absl::flat_hash_map<Channel*, ProcessId> expected_;  // whom we dialled
  uint64_t last_link_ = 0;
  uint64_t last_epoch_ = 0;
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for callbacks that outlive this
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_PEERS_H_

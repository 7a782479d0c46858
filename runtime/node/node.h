// The node role: one a machine. Reports the hardware, grants leases on its own resources, starts workers, holds the
// object store, and is the machine's one door to the network.
//
// Lives on its Env's executor; every function with its mutex held. Made of parts with one job each (see README.md
// here); this class wires them and dispatches messages.
#ifndef IOCLUSTER_RUNTIME_NODE_NODE_H_
#define IOCLUSTER_RUNTIME_NODE_NODE_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/env/env.h"
#include "lib/objects/slab_allocator.h"
#include "lib/protocol/common.h"

namespace ioc {

// What an object store has if nobody says: kStoreShare of the machine's memory, and not too little.
inline constexpr double kStoreShare = 0.3;
uint64_t DefaultStoreBytes(const HostInfo& host);
// A store that is smaller is refused: every process that makes small objects leases a slab of it, and there have to be
// some for a driver and a few workers.
inline constexpr uint64_t kMinStoreBytes = 4 * kSlabBytes;
// InvalidArgument, with the minimum and why.
absl::Status CheckStoreBytes(uint64_t bytes);

inline constexpr uint64_t kDefaultProgramCacheBytes = uint64_t{4} << 30;

struct NodeOptions {
  std::string head_address = {};  // HOST:PORT or unix:NAME; empty: `local_head` is in this process, behind our own door
  std::string listen_address = "127.0.0.1:0";  // for other machines; empty: none (an embedded cluster)
  std::string advertise_address = {};          // what others dial, if not what is listened on
  bool find_resources = true;                  // take the machine's CPUs and memory where no resources are declared
  NodeInfo declared = {};                      // name, total, labels, ...; what is left empty is found or made up
  uint64_t store_bytes = 0;                    // at least kMinStoreBytes; 0: DefaultStoreBytes
  std::string spill_directory = {};            // of objects that the store has no room for; empty: the system's own
  std::optional<uint64_t> spill_limit = {};    // bytes there; 0: nothing is spilled; unset: half of what is free
  uint64_t program_cache_limit = kDefaultProgramCacheBytes;  // bytes of other nodes' programs, beside those in use
  absl::Duration store_patience = absl::Seconds(10);  // an allocation waits so long for room without any progress
  int max_workers = 512;
  int prestart_workers = -1;  // idle workers kept ready once a job is known; -1: as many as CPUs, at most 4
  absl::Duration worker_start_timeout = absl::Seconds(10);
  ClusterId cluster = {};  // if set, a head of another cluster is refused
};

class Node {
 public:
  // Listens and dials the head; `on_ready` is called once: registered (OK), or why not.
  // `on_stopped` is called when the node must end: its head told it to, or can't be reached again.
  Node(Env& env, NodeOptions options, absl::AnyInvocable<void(absl::Status)> on_ready,
       absl::AnyInvocable<void(absl::Status)> on_stopped);
  // Kills the workers.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Connections that ask for Target::kHead on the node's own listeners go here (`up`, an embedded cluster).
  void set_head_door(AcceptHandler head);

  const NodeAddress& address() const;
  const NodeInfo& info() const;
  uint32_t worker_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_NODE_H_

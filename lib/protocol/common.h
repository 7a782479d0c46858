// Plain structs for what travels in several messages. Encoding and decoding is in codec.h.
#ifndef IOCLUSTER_LIB_PROTOCOL_COMMON_H_
#define IOCLUSTER_LIB_PROTOCOL_COMMON_H_

#include <absl/status/status.h>

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "iocluster/ids.h"
#include "iocluster/options.h"
#include "lib/base/resources.h"

namespace ioc {

using LeaseId = Id64<struct LeaseIdTag>;  // unique: random bits of the granting node and a counter

// Stands for the head where a process is named: the owner of detached actors, and of the leases on which they live.
inline constexpr ProcessId kHeadProcess{~uint64_t{0}};

// Where a process is and how to reach it: through its node's door, by Unix socket on the same machine.
struct ProcessAddress {
  ProcessId process;
  NodeId node;
  uint64_t machine = 0;       // HostInfo::machine of the node
  std::string local_address;  // the node's, for processes of the same machine ("unix:NAME")
  std::string node_address;   // the node's, for all others ("HOST:PORT"); empty: it has none

  friend bool operator==(const ProcessAddress&, const ProcessAddress&) = default;
};

struct NodeAddress {
  NodeId node;
  uint64_t machine = 0;
  std::string local_address;
  std::string node_address;
  std::string name = {};  // for messages; may be missing, and does not count when two are compared

  friend bool operator==(const NodeAddress& a, const NodeAddress& b) {
    return std::tie(a.node, a.machine, a.local_address, a.node_address) ==
           std::tie(b.node, b.machine, b.local_address, b.node_address);
  }
  // "node beta", or by its id where nobody has told its name.
  std::string Label() const { return "node " + (name.empty() ? node.ToString() : name); }
};

// With the name of the node, where that is known.
inline NodeAddress NodeOf(const ProcessAddress& process, const std::string& name = "") {
  return {process.node, process.machine, process.local_address, process.node_address, name};
}

// A reference in a message: enough for the receiver to register as a borrower.
struct RefInfo {
  ObjectId id;
  ProcessAddress owner;

  friend bool operator==(const RefInfo&, const RefInfo&) = default;
};

// To a detached actor: nobody counts who refers to it.
inline RefInfo DetachedRef(const ObjectId& actor) {
  RefInfo ref{.id = actor, .owner = {}};
  ref.owner.process = kHeadProcess;
  return ref;
}

// A node that holds a copy of an object in its store.
struct ObjectCopy {
  NodeAddress node;

  friend bool operator==(const ObjectCopy&, const ObjectCopy&) = default;
};

// What makes tasks interchangeable for placement. Equal ones share leases.
struct SchedulingClass {
  JobId job;
  NodeAddress job_origin;  // the driver's node, where the program can be fetched
  ResourceSet resources;
  Where where;
  Strategy strategy = Strategy::kDefault;
  bool dedicated = false;  // the worker hosts one actor and ends with the lease
  absl::Duration placement_timeout = absl::Seconds(30);
  bool outlives_driver = false;  // a detached actor's, or what one has submitted: goes on when the driver has ended

  friend bool operator==(const SchedulingClass&, const SchedulingClass&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const SchedulingClass& c) {
    return H::combine(std::move(h), c.job, c.job_origin.node, c.resources.amounts(), c.where, c.strategy, c.dedicated,
                      c.placement_timeout, c.outlives_driver);
  }
};

// A machine as it is declared and found.
struct NodeInfo {
  NodeAddress address;
  std::string name;  // unique in the cluster
  std::string hostname;
  int64_t pid = 0;
  ResourceSet total;
  std::map<std::string, std::string> labels;
  std::string gpu_model;
  uint64_t gpu_memory = 0;  // bytes a card
  std::string region;
  double down_mbps = 0;
  double up_mbps = 0;
  double price_per_hour = 0;  // US dollars
  std::string arch;
  std::string os;
  uint64_t store_bytes = 0;
  std::string release;  // of iocluster

  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

// A shared library that a program has loaded and that machines don't have by themselves.
struct LibraryInfo {
  std::string name;  // by which the loader looks for it: a file name
  std::string path;  // on the machine of the driver
  uint64_t size = 0;
  std::string sha256;  // hexadecimal; as ProgramInfo's

  friend bool operator==(const LibraryInfo&, const LibraryInfo&) = default;
};

// The executable that a job's workers run, as its driver started it.
struct ProgramInfo {
  std::string path;      // on the machine of the driver
  std::string build_id;  // of the executable, hexadecimal; may be empty
  uint64_t size = 0;
  std::string sha256;                  // hexadecimal; computed by the driver's node when another node first asks
  std::vector<std::string> arguments;  // argv[1] and on
  std::string directory;
  std::vector<LibraryInfo> libraries;
  std::vector<std::string> library_path;  // directories that the loader searches first: the driver's LD_LIBRARY_PATH

  friend bool operator==(const ProgramInfo&, const ProgramInfo&) = default;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_COMMON_H_

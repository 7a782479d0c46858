// What every role holds, counted: for `iocluster objects`, Cluster::ObjectsJson, and whoever looks for what was not let
// go. The head asks its nodes, a node its processes; who does not answer in time is listed as silent.
#ifndef IOCLUSTER_LIB_PROTOCOL_CENSUS_MESSAGES_H_
#define IOCLUSTER_LIB_PROTOCOL_CENSUS_MESSAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/protocol/method.h"
#include "lib/protocol/node_messages.h"

namespace ioc {

struct ProcessCensus {
  ProcessId process;
  Role role = Role::kDriver;
  std::string name;     // "worker pid 4711 on host7"
  bool silent = false;  // it did not answer in time: the rest is not known

  // Objects and actors that it refers to.
  uint64_t owned = 0;
  uint64_t borrowed = 0;
  uint64_t in_use = 0;      // of both, those that user code refers to
  uint64_t pending = 0;     // of both, those without a value yet
  uint64_t lent = 0;        // borrows that others have of its own
  uint64_t in_transit = 0;  // references on their way to others
  uint64_t answering = 0;   // questions of others for values that are not there yet
  uint64_t actors = 0;      // of its own, that have not ended

  uint64_t pins = 0;   // stored objects that it has mapped
  uint64_t slabs = 0;  // leased, to write small stored objects in

  uint64_t tasks = 0;    // its calls without an answer
  uint64_t classes = 0;  // scheduling classes with tasks or leases
  uint64_t leases = 0;   // of workers, for its tasks
  uint64_t streams = 0;
  uint64_t peers = 0;  // processes that it is connected with

  // Of a worker.
  uint64_t jobs = 0;     // tasks and calls that wait or run here
  uint64_t answers = 0;  // to calls of its actor, kept until their callers have heard them

  friend bool operator==(const ProcessCensus&, const ProcessCensus&) = default;
};

struct NodeCensus {
  std::string name;
  NodeId node;
  bool silent = false;

  uint64_t sessions = 0;  // connections to it: of processes, other nodes, tools
  uint64_t workers = 0;
  uint64_t leases = 0;
  uint64_t waiting = 0;  // leases that are wanted and not granted
  uint64_t demands = 0;  // scheduling classes that it knows of

  // The object store.
  uint64_t objects = 0;
  uint64_t bytes = 0;        // in use, slabs included
  uint64_t pins = 0;         // by processes and transfers
  uint64_t extents = 0;      // leased to processes and transfers, to write in
  uint64_t copies = 0;       // objects pulled from other nodes
  uint64_t transfers = 0;    // on their way here
  uint64_t allocations = 0;  // that wait for room

  std::vector<ProcessCensus> processes;  // in the order of their ids

  friend bool operator==(const NodeCensus&, const NodeCensus&) = default;
};

// node -> process.
struct TakeProcessCensus {
  struct Reply {
    ProcessCensus census;
  };
  static constexpr Method kMethod = Method::kTakeProcessCensus;
};

// head -> node.
struct TakeNodeCensus {
  struct Reply {
    NodeCensus census;
  };
  static constexpr Method kMethod = Method::kTakeNodeCensus;
};

// A process or a tool -> head.
struct ListObjects {
  struct Reply {
    std::vector<NodeCensus> nodes;  // by name
    uint64_t names = 0;             // of actors
    uint64_t waiting = 0;           // leases wanted and not placed
    uint64_t demands = 0;           // scheduling classes that the head knows of
  };
  static constexpr Method kMethod = Method::kListObjects;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_CENSUS_MESSAGES_H_

// Messages between a node and the head. Those marked * also come from processes and tools; a node passes a process's
// on, body untouched.
#ifndef IOCLUSTER_LIB_PROTOCOL_HEAD_MESSAGES_H_
#define IOCLUSTER_LIB_PROTOCOL_HEAD_MESSAGES_H_

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lib/protocol/common.h"
#include "lib/protocol/method.h"

namespace ioc {

// A node that can't reach its head for this long ends, and all its processes with it.
inline constexpr absl::Duration kHeadLostTimeout = absl::Seconds(30);

// node -> head, first.
struct RegisterNode {
  struct Reply {
    ClusterId cluster;
    uint64_t term = 0;   // of this head; nodes refuse lower ones
    uint32_t nodes = 0;  // registered, this one included
  };
  static constexpr Method kMethod = Method::kRegisterNode;
  NodeInfo info;
  ResourceSet free;
};

// node -> head, when something changed (gathered over a few milliseconds) and at least every kHeartbeatPeriod.
struct ReportResources {
  static constexpr Method kMethod = Method::kReportResources;
  uint64_t version = 0;  // counts up; an older one than known is dropped
  ResourceSet free;
  uint32_t workers = 0;
  uint32_t leases = 0;
  uint32_t waiting = 0;     // leases wanted here and not granted
  uint64_t store_used = 0;  // bytes in memory
  uint32_t objects = 0;     // there or on disk
  uint64_t spilled = 0;     // bytes on disk
  bool full = false;        // no worker may be started or used for another lease
};

// node -> head: what it can't grant itself. Absolute, like SetDemand; 0 withdraws.
struct ForwardDemand {
  static constexpr Method kMethod = Method::kForwardDemand;
  ProcessId client;
  uint32_t class_id = 0;
  SchedulingClass spec;
  uint32_t wanted = 0;
  uint32_t depth = 0;
};

// head -> the node chosen: grant one lease of this class to a client elsewhere. Refused (FailedPrecondition) if its
// resources are not free any more; the head then chooses anew.
struct PlaceLease {
  struct Reply {
    LeaseId lease;
    ProcessAddress worker;
    ResourceSet free;  // after it
    uint64_t version = 0;
  };
  static constexpr Method kMethod = Method::kPlaceLease;
  uint64_t term = 0;
  ProcessId client;
  SchedulingClass spec;
};

// head -> the client's node -> (LeaseGranted) client. Lowers the forwarded demand by one.
struct ForwardGrant {
  static constexpr Method kMethod = Method::kForwardGrant;
  ProcessId client;
  uint32_t class_id = 0;
  LeaseId lease;
  ProcessAddress worker;
  std::string node_name;
};

// head -> the client's node -> (DemandRefused) client.
struct ForwardRefusal {
  static constexpr Method kMethod = Method::kForwardRefusal;
  ProcessId client;
  uint32_t class_id = 0;
  absl::Status error;
};

// head -> the client's node -> (DemandWarning) client.
struct ForwardWarning {
  static constexpr Method kMethod = Method::kForwardWarning;
  ProcessId client;
  uint32_t class_id = 0;
  std::string reason;
};

// What waits at the head for room on a node: leases that clients of other nodes want.
struct WaitingDemand {
  JobId job;
  ResourceSet resources;
  uint32_t wanted = 0;
};

// An Outlook's demands count for this long.
inline constexpr absl::Duration kOutlookLasts = absl::Milliseconds(500);

// head -> a node with kFeatureOutlook: what it can't see by itself. In place of what it was told before.
struct Outlook {
  static constexpr Method kMethod = Method::kOutlook;
  bool others = false;                 // further nodes are registered
  std::vector<WaitingDemand> waiting;  // what it could run if it had room
};

// node -> head: its demands and the names it registered end. Passed on to all other nodes, which free what it owned and
// tell their workers: an actor keeps its answers to the process no longer.
struct ProcessGone {
  static constexpr Method kMethod = Method::kProcessGone;
  ProcessId process;
};

// node -> head: processes that have registered there. All of them if `complete`, which the first one after RegisterNode
// is. So the head knows whose end to tell to the others if the node can't.
struct ProcessesHere {
  static constexpr Method kMethod = Method::kProcessesHere;
  std::vector<ProcessId> processes;
  bool complete = false;
};

struct NodeStatus {
  NodeInfo info;
  ReportResources report;
  bool alive = true;
  int64_t age_ms = 0;  // since the last report
};

struct ListNodes {  // *
  struct Reply {
    std::vector<NodeStatus> nodes;  // by name
  };
  static constexpr Method kMethod = Method::kListNodes;
};

// A driver looks for a node on its own machine. NotFound if there is none.
struct FindLocalNode {  // *
  struct Reply {
    ClusterId cluster;
    NodeAddress node;
  };
  static constexpr Method kMethod = Method::kFindLocalNode;
  uint64_t machine = 0;
};

struct RegisterActorName {  // *; kInvalidArgument names the holder
  struct Reply {};
  static constexpr Method kMethod = Method::kRegisterActorName;
  std::string name_space;
  std::string name;
  std::string type;  // the actor's class, as the compiler names it
  RefInfo actor;
};

struct FindActorName {  // *; kActorDied if nobody has it
  struct Reply {
    std::string type;
    RefInfo actor;
  };
  static constexpr Method kMethod = Method::kFindActorName;
  std::string name_space;
  std::string name;
};

struct ReleaseActorName {  // *
  static constexpr Method kMethod = Method::kReleaseActorName;
  std::string name_space;
  std::string name;
  ObjectId actor;
};

// tool -> head: stop the head and every node (or, sent to a node: that node).
struct Stop {  // *
  struct Reply {};
  static constexpr Method kMethod = Method::kStop;
};

// head -> nodes -> their processes: a node has left, or was lost too long ago to live; connections to it are dead.
struct NodeRemoved {
  static constexpr Method kMethod = Method::kNodeRemoved;
  NodeId node;
  std::string reason;
};

struct Ping {  // *
  struct Reply {};
  static constexpr Method kMethod = Method::kPing;
};

struct GetStatus {  // *
  struct Reply {
    ClusterId cluster;
    std::string release;
    std::string address;
    int64_t uptime_ms = 0;
    uint32_t nodes = 0;
    uint32_t actors = 0;   // named ones
    uint32_t waiting = 0;  // leases wanted and not placed
    ResourceSet total;
    ResourceSet free;
    uint64_t objects = 0;      // in the nodes' stores
    uint64_t store_used = 0;   // bytes in their memory
    uint64_t store_bytes = 0;  // that there are
    uint64_t spilled = 0;      // bytes on their disks
  };
  static constexpr Method kMethod = Method::kGetStatus;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_HEAD_MESSAGES_H_

// Messages between a process and its node, and between nodes. A message with a Reply is a request; the others want no
// answer.
#ifndef IOCLUSTER_LIB_PROTOCOL_NODE_MESSAGES_H_
#define IOCLUSTER_LIB_PROTOCOL_NODE_MESSAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/protocol/common.h"
#include "lib/protocol/method.h"

namespace ioc {

enum class Role : uint8_t { kHead = 1, kNode = 2, kDriver = 3, kWorker = 4, kTool = 5 };

// Of a process: it knows TakeOver and OwnerMoved.
inline constexpr uint64_t kFeatureOwnerMoves = 1;
// Of a node: it knows Outlook.
inline constexpr uint64_t kFeatureOutlook = 2;

// The first frame each way on every connection (a request by the dialler; the acceptor answers with its own).
struct Hello {
  static constexpr Method kMethod = Method::kHello;
  using Reply = Hello;

  uint16_t major = 0;
  uint16_t minor = 0;
  uint64_t features = 0;  // bits; a feature is used only if both have it
  ClusterId cluster;      // 0: not known yet
  Role role = Role::kTool;
  NodeId node;        // of a node: itself; of a process: its node
  ProcessId process;  // of a process
  std::string name;   // for messages: "driver pid 4711 on host7"
  std::string release;
  std::string credential;  // authentication's place; empty in this release
};

// process -> its node, first. Attachments of the reply: the object store's memory; for a worker then its status page.
struct RegisterProcess {
  struct Reply {
    ClusterId cluster;
    ProcessAddress address;  // the process's own
    JobId job;               // a worker's, as its node started it
    NodeAddress job_origin;
    std::string node_name;
  };
  static constexpr Method kMethod = Method::kRegisterProcess;

  ProcessId process;
  Role role = Role::kDriver;
  int64_t pid = 0;
  ProgramInfo program;  // a driver's
};

// Classes that a client wants leases of at a time; it keeps further ones to itself meanwhile.
inline constexpr size_t kMaxDemandedClasses = 1024;

// client -> its node: how many leases of a class it wants to hold beyond those it was granted. Absolute, so that saying
// it twice does no harm; 0 withdraws.
struct SetDemand {
  static constexpr Method kMethod = Method::kSetDemand;
  uint32_t class_id = 0;  // the client's number for the class
  SchedulingClass spec;
  uint32_t wanted = 0;
  uint32_t depth = 0;  // of the deepest task that waits: 0 for a driver's own; deeper goes first
};

// node -> client. Lowers the demand that the node knows of by one.
struct LeaseGranted {
  static constexpr Method kMethod = Method::kLeaseGranted;
  uint32_t class_id = 0;
  LeaseId lease;
  ProcessAddress worker;
  std::string node_name;
};

// node -> client: nothing registered can ever satisfy the class (for placement_timeout long), or its program can't be
// run. All that waits for it fails with `error`. The demand is withdrawn.
struct DemandRefused {
  static constexpr Method kMethod = Method::kDemandRefused;
  uint32_t class_id = 0;
  absl::Status error;
};

// node -> client: nothing registered can satisfy the class just now. It will be refused when that has been so for its
// placement_timeout. `reason` says which condition fails, and what is on offer.
struct DemandWarning {
  static constexpr Method kMethod = Method::kDemandWarning;
  uint32_t class_id = 0;
  std::string reason;
};

// node -> worker: from now on `client` may push under `lease`. Answered before the client hears of it.
struct AssignLease {
  struct Reply {};
  static constexpr Method kMethod = Method::kAssignLease;
  LeaseId lease;
  ProcessId client;
  bool dedicated = false;
  uint32_t cpus = 1;             // whole ones of the class, at least 1: for OMP_NUM_THREADS
  bool outlives_driver = false;  // so does what is submitted under it
};

// worker -> node: the client returned the lease, or its connection broke, or it never came (kLeaseConnectTimeout).
struct LeaseEnded {
  static constexpr Method kMethod = Method::kLeaseEnded;
  LeaseId lease;
};

// node -> worker: others wait; have the client return it (passed on as LeaseRecalled).
struct RecallLease {
  static constexpr Method kMethod = Method::kRecallLease;
  LeaseId lease;
};

// worker -> node: the running task of `lease` waits (its CPU is free for others) or goes on (it takes it back at once).
struct TaskBlocked {
  static constexpr Method kMethod = Method::kTaskBlocked;
  LeaseId lease;
};
struct TaskUnblocked {
  static constexpr Method kMethod = Method::kTaskUnblocked;
  LeaseId lease;
};

// node -> process, with one attachment: a connection that asked for this process.
struct HandOver {
  static constexpr Method kMethod = Method::kHandOver;
};

// client -> its node -> the worker's node: how did it end? (Of a driver only whether it is there.) Answered when the
// end is known, or with DeadlineExceeded.
struct GetWorkerFate {
  struct Reply {
    bool running = false;  // it has not ended (its connection broke)
    bool known = false;    // false: no such worker was ever here
    int32_t exit_code = 0;
    int32_t signal = 0;
    std::string stderr_tail;
    std::string reason;    // why the node ended it, if the node did
    uint64_t started = 0;  // sequence, in its caller, of the task that it began last
    ProcessId caller;      // of that task
  };
  static constexpr Method kMethod = Method::kGetWorkerFate;
  NodeAddress node;
  ProcessId process;
};

// node -> worker: finish nothing, leave. (Closing the connection does the same.)
struct StopWorker {
  static constexpr Method kMethod = Method::kStopWorker;
  std::string reason;
};

// process -> its node: its part in the cluster has ended. What it leases and pins in the object store stays until it
// closes the connection, for somebody in it may still read or write there. (What a driver has whose connection ends
// without this stays until its process has ended.)
struct LeaveCluster {
  static constexpr Method kMethod = Method::kLeaveCluster;
};

// node -> the job's origin node.
struct DescribeProgram {
  struct Reply {
    ProgramInfo program;
  };
  static constexpr Method kMethod = Method::kDescribeProgram;
  JobId job;
};

// node -> the job's origin node. The bytes are the reply's trailer.
struct ReadProgram {
  struct Reply {};
  static constexpr Method kMethod = Method::kReadProgram;
  JobId job;
  uint64_t offset = 0;
  uint32_t length = 0;
  uint32_t library = 0;  // of its libraries, from 1; 0: the program itself
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_NODE_MESSAGES_H_

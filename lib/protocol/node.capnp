# Messages between a process and its node, and between nodes; mirrors node_messages.h.
@0x8c0d400b79e3fa8f;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::wire");

using Common = import "common.capnp";

enum Role {
  none @0;
  head @1;
  node @2;
  driver @3;
  worker @4;
  tool @5;
}

struct Hello {
  major @0 :UInt16;
  minor @1 :UInt16;
  features @2 :UInt64;
  cluster @3 :UInt64;
  role @4 :Role;
  node @5 :UInt64;
  process @6 :UInt64;
  name @7 :Text;
  release @8 :Text;
  credential @9 :Data;
}

struct RegisterProcess {
  process @0 :UInt64;
  role @1 :Role;
  pid @2 :Int64;
  program @3 :Common.ProgramInfo;

  struct Reply {
    cluster @0 :UInt64;
    address @1 :Common.ProcessAddress;
    job @2 :UInt64;
    jobOrigin @3 :Common.NodeAddress;
    nodeName @4 :Text;
  }
}

struct SetDemand {
  classId @0 :UInt32;
  spec @1 :Common.SchedulingClass;
  wanted @2 :UInt32;
  depth @3 :UInt32;
}

struct LeaseGranted {
  classId @0 :UInt32;
  lease @1 :UInt64;
  worker @2 :Common.ProcessAddress;
  nodeName @3 :Text;
}

struct DemandRefused {
  classId @0 :UInt32;
  error @1 :Common.Status;
}

struct DemandWarning {
  classId @0 :UInt32;
  reason @1 :Text;
}

struct AssignLease {
  lease @0 :UInt64;
  client @1 :UInt64;
  dedicated @2 :Bool;
  cpus @3 :UInt32 = 1;
  outlivesDriver @4 :Bool;

  struct Reply {}
}

struct LeaseEnded {
  lease @0 :UInt64;
}

struct RecallLease {
  lease @0 :UInt64;
}

struct TaskBlocked {
  lease @0 :UInt64;
}

struct TaskUnblocked {
  lease @0 :UInt64;
}

struct HandOver {}

struct GetWorkerFate {
  node @0 :Common.NodeAddress;
  process @1 :UInt64;

  struct Reply {
    running @0 :Bool;
    known @1 :Bool;
    exitCode @2 :Int32;
    signal @3 :Int32;
    stderrTail @4 :Data;
    reason @5 :Text;
    started @6 :UInt64;
    caller @7 :UInt64;
  }
}

struct StopWorker {
  reason @0 :Text;
}

struct LeaveCluster {}

struct DescribeProgram {
  job @0 :UInt64;

  struct Reply {
    program @0 :Common.ProgramInfo;
  }
}

struct ReadProgram {
  job @0 :UInt64;
  offset @1 :UInt64;
  length @2 :UInt32;
  library @3 :UInt32;

  struct Reply {}
}

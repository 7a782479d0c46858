# Messages between a node and the head; mirrors head_messages.h.
@0xc1caa8c446e04b6c;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::wire");

using Common = import "common.capnp";

struct RegisterNode {
  info @0 :Common.NodeInfo;
  free @1 :List(Common.Resource);

  struct Reply {
    cluster @0 :UInt64;
    term @1 :UInt64;
    nodes @2 :UInt32;
  }
}

struct ReportResources {
  version @0 :UInt64;
  free @1 :List(Common.Resource);
  workers @2 :UInt32;
  leases @3 :UInt32;
  waiting @4 :UInt32;
  storeUsed @5 :UInt64;
  objects @6 :UInt32;
  spilled @7 :UInt64;
  full @8 :Bool;
}

struct ForwardDemand {
  client @0 :UInt64;
  classId @1 :UInt32;
  spec @2 :Common.SchedulingClass;
  wanted @3 :UInt32;
  depth @4 :UInt32;
}

struct PlaceLease {
  term @0 :UInt64;
  client @1 :UInt64;
  spec @2 :Common.SchedulingClass;

  struct Reply {
    lease @0 :UInt64;
    worker @1 :Common.ProcessAddress;
    free @2 :List(Common.Resource);
    version @3 :UInt64;
  }
}

struct ForwardGrant {
  client @0 :UInt64;
  classId @1 :UInt32;
  lease @2 :UInt64;
  worker @3 :Common.ProcessAddress;
  nodeName @4 :Text;
}

struct ForwardRefusal {
  client @0 :UInt64;
  classId @1 :UInt32;
  error @2 :Common.Status;
}

struct ForwardWarning {
  client @0 :UInt64;
  classId @1 :UInt32;
  reason @2 :Text;
}

struct WaitingDemand {
  job @0 :UInt64;
  resources @1 :List(Common.Resource);
  wanted @2 :UInt32;
}

struct Outlook {
  others @0 :Bool;
  waiting @1 :List(WaitingDemand);
}

struct ProcessGone {
  process @0 :UInt64;
}

struct ProcessesHere {
  processes @0 :List(UInt64);
  complete @1 :Bool;
}

struct NodeStatus {
  info @0 :Common.NodeInfo;
  report @1 :ReportResources;
  alive @2 :Bool = true;
  ageMs @3 :Int64;
}

struct ListNodes {
  struct Reply {
    nodes @0 :List(NodeStatus);
  }
}

struct FindLocalNode {
  machine @0 :UInt64;

  struct Reply {
    cluster @0 :UInt64;
    node @1 :Common.NodeAddress;
  }
}

struct RegisterActorName {
  nameSpace @0 :Text;
  name @1 :Text;
  type @2 :Text;
  actor @3 :Common.RefInfo;

  struct Reply {}
}

struct FindActorName {
  nameSpace @0 :Text;
  name @1 :Text;

  struct Reply {
    type @0 :Text;
    actor @1 :Common.RefInfo;
  }
}

struct ReleaseActorName {
  nameSpace @0 :Text;
  name @1 :Text;
  actor @2 :Common.ObjectId;
}

struct Stop {
  struct Reply {}
}

struct NodeRemoved {
  node @0 :UInt64;
  reason @1 :Text;
}

struct Ping {
  struct Reply {}
}

struct GetStatus {
  struct Reply {
    cluster @0 :UInt64;
    release @1 :Text;
    address @2 :Text;
    uptimeMs @3 :Int64;
    nodes @4 :UInt32;
    actors @5 :UInt32;
    waiting @6 :UInt32;
    total @7 :List(Common.Resource);
    free @8 :List(Common.Resource);
    objects @9 :UInt64;
    storeUsed @10 :UInt64;
    storeBytes @11 :UInt64;
    spilled @12 :UInt64;
  }
}

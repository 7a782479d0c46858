# What every role holds; mirrors census_messages.h.
@0xd3f0a1c25b7e4961;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::wire");

using Node = import "node.capnp";

struct ProcessCensus {
  process @0 :UInt64;
  role @1 :Node.Role;
  name @2 :Text;
  silent @3 :Bool;
  owned @4 :UInt64;
  borrowed @5 :UInt64;
  inUse @6 :UInt64;
  pending @7 :UInt64;
  lent @8 :UInt64;
  inTransit @9 :UInt64;
  answering @10 :UInt64;
  actors @11 :UInt64;
  pins @12 :UInt64;
  slabs @13 :UInt64;
  tasks @14 :UInt64;
  leases @15 :UInt64;
  streams @16 :UInt64;
  peers @17 :UInt64;
  jobs @18 :UInt64;
  answers @19 :UInt64;
  classes @20 :UInt64;
}

struct NodeCensus {
  name @0 :Text;
  node @1 :UInt64;
  silent @2 :Bool;
  sessions @3 :UInt64;
  workers @4 :UInt64;
  leases @5 :UInt64;
  waiting @6 :UInt64;
  objects @7 :UInt64;
  bytes @8 :UInt64;
  pins @9 :UInt64;
  extents @10 :UInt64;
  copies @11 :UInt64;
  transfers @12 :UInt64;
  allocations @13 :UInt64;
  processes @14 :List(ProcessCensus);
  demands @15 :UInt64;
}

struct TakeProcessCensus {
  struct Reply {
    census @0 :ProcessCensus;
  }
}

struct TakeNodeCensus {
  struct Reply {
    census @0 :NodeCensus;
  }
}

struct ListObjects {
  struct Reply {
    nodes @0 :List(NodeCensus);
    names @1 :UInt64;
    waiting @2 :UInt64;
    demands @3 :UInt64;
  }
}

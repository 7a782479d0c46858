# Messages about the object store; mirrors store_messages.h.
@0xc0aaf26f6bc8cbb5;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::wire");

using Common = import "common.capnp";

struct AllocateExtent {
  length @0 :UInt64;

  struct Reply {
    offset @0 :UInt64;
    length @1 :UInt64;
  }
}

struct ReleaseExtent {
  offset @0 :UInt64;
}

struct SealObject {
  id @0 :Common.ObjectId;
  offset @1 :UInt64;
  size @2 :UInt64;
}

struct PinObject {
  id @0 :Common.ObjectId;
  size @1 :UInt64;
  copies @2 :List(Common.NodeAddress);

  struct Reply {
    offset @0 :UInt64;
    size @1 :UInt64;
  }
}

struct UnpinObjects {
  ids @0 :List(Common.ObjectId);
}

struct FreeObjects {
  node @0 :Common.NodeAddress;
  ids @1 :List(Common.ObjectId);
  owner @2 :UInt64;

  struct Reply {}
}

struct AdoptObjects {
  node @0 :Common.NodeAddress;
  ids @1 :List(Common.ObjectId);
  owner @2 :UInt64;

  struct Reply {}
}

struct DescribeObject {
  id @0 :Common.ObjectId;

  struct Reply {
    size @0 :UInt64;
  }
}

struct ReadObject {
  id @0 :Common.ObjectId;
  offset @1 :UInt64;
  length @2 :UInt32;

  struct Reply {}
}

struct ReleaseUnused {}

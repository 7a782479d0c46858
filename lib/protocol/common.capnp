# What travels in several messages; mirrors common.h, where the meaning of each field is. Fields are only added, with the
# next number: old and new releases of one major version understand each other.
@0xb2fa0a8292da0211;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::wire");

struct ObjectId {
  maker @0 :UInt64;
  sequence @1 :UInt64;
}

struct Status {
  # A null pointer is OK.
  code @0 :UInt16;   # absl::StatusCode
  cause @1 :UInt16;  # ioc::Cause; 0 is none, and then the code counts
  message @2 :Text;
}

struct NodeAddress {
  node @0 :UInt64;
  machine @1 :UInt64;
  localAddress @2 :Text;
  nodeAddress @3 :Text;
  name @4 :Text;
}

struct ProcessAddress {
  process @0 :UInt64;
  node @1 :NodeAddress;
}

struct RefInfo {
  # A reference alone. Many in one message are AddressTable's.
  id @0 :ObjectId;
  owner @1 :ProcessAddress;
}

struct AddressTable {
  # The nodes and processes that a message names again and again, once each. Others refer to them by index.
  struct Process {
    process @0 :UInt64;
    node @1 :UInt32;  # index in `nodes`
  }
  nodes @0 :List(NodeAddress);
  processes @1 :List(Process);
}

struct Resource {
  name @0 :Text;
  ticks @1 :Int64;  # ten-thousandths
}

struct LabelCondition {
  enum Op {
    in @0;
    notIn @1;
    exists @2;
    notExists @3;
    less @4;
    greater @5;
  }
  key @0 :Text;
  op @1 :Op;
  values @2 :List(Text);
}

struct Where {
  gpuModels @0 :List(Text);
  minGpuMemory @1 :UInt64;
  regions @2 :List(Text);
  minDownMbps @3 :Float64;
  minUpMbps @4 :Float64;
  maxPricePerHour @5 :Float64;
  architectures @6 :List(Text);
  systems @7 :List(Text);
  nodes @8 :List(Text);
  labels @9 :List(LabelCondition);
}

enum Strategy {
  default @0;
  pack @1;
  spread @2;
}

struct SchedulingClass {
  job @0 :UInt64;
  jobOrigin @1 :NodeAddress;
  resources @2 :List(Resource);  # sorted by name, each once
  where @3 :Where;
  strategy @4 :Strategy;
  dedicated @5 :Bool;
  placementTimeoutNs @6 :Int64;  # the greatest value is without end
  outlivesDriver @7 :Bool;
}

struct Label {
  key @0 :Text;
  value @1 :Text;
}

struct NodeInfo {
  address @0 :NodeAddress;
  name @1 :Text;
  hostname @2 :Text;
  pid @3 :Int64;
  total @4 :List(Resource);
  labels @5 :List(Label);
  gpuModel @6 :Text;
  gpuMemory @7 :UInt64;
  region @8 :Text;
  downMbps @9 :Float64;
  upMbps @10 :Float64;
  pricePerHour @11 :Float64;
  arch @12 :Text;
  os @13 :Text;
  storeBytes @14 :UInt64;
  release @15 :Text;
}

struct LibraryInfo {
  name @0 :Text;
  path @1 :Text;
  size @2 :UInt64;
  sha256 @3 :Text;
}

struct ProgramInfo {
  path @0 :Text;
  buildId @1 :Text;
  size @2 :UInt64;
  sha256 @3 :Text;
  arguments @4 :List(Text);
  directory @5 :Text;
  libraries @6 :List(LibraryInfo);
  libraryPath @7 :List(Text);
}

# Messages between processes; mirrors peer_messages.h.
@0xb8dc60893e167f52;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::wire");

using Common = import "common.capnp";

struct FunctionNumber {
  number @0 :UInt32;
  buildId @1 :Text;
  offset @2 :UInt64;
  name @3 :Text;
  label @4 :Text;
}

struct Ref {
  id :group {
    maker @0 :UInt64;
    sequence @1 :UInt64;
  }
  owner @2 :UInt32;  # index in AddressTable.processes
}

enum ValueKind {
  inline @0;
  stored @1;
}

struct Value {
  id :group {
    maker @0 :UInt64;
    sequence @1 :UInt64;
  }
  kind @2 :ValueKind;
  bytes @3 :Data;
  size @4 :UInt64;
  copies @5 :List(UInt32);  # indices in AddressTable.nodes
  refs @6 :List(Ref);
}

enum TaskKind {
  task @0;
  createActor @1;
  actorCall @2;
}

struct Task {
  kind @0 :TaskKind;
  sequence @1 :UInt64;
  attempt @2 :UInt32;
  function @3 :UInt32;
  numReturns @4 :UInt32 = 1;
  depth @5 :UInt32;
  name @6 :Data;
  payload @7 :Data;
  payloadStored @8 :List(Value);
  dependencies @9 :List(Value);
  refs @10 :List(Ref);
  actor :group {
    maker @11 :UInt64;
    sequence @12 :UInt64;
  }
  callSequence @13 :UInt64;
  maxConcurrency @14 :UInt32 = 1;
  split @15 :Bool;
  streamWindow @16 :UInt32;
  streamSkip @17 :UInt64;
  session @18 :UInt64;
  answered @19 :UInt64;
  group @20 :Data;
  concurrencyGroups @21 :List(ConcurrencyGroup);
  shared @22 :Bool;
  incarnation @23 :UInt32;
  checkpointIds @24 :UInt64;
  checkpointEvery @25 :UInt32;
  checkpointPeriodNs @26 :Int64;
  checkpoint @27 :List(Checkpoint);
}

struct SavedCall {
  caller @0 :UInt64;
  result @1 :TaskResult;
  items @2 :List(SavedItem);
}

struct SavedItem {
  index @0 :UInt64;
  size @1 :UInt64;
  value @2 :Value;
}

struct Checkpoint {
  state @0 :Value;
  calls @1 :List(SavedCall);
}

struct ConcurrencyGroup {
  name @0 :Data;
  limit @1 :UInt32;
}

struct PushTasks {
  lease @0 :UInt64;
  functions @1 :List(FunctionNumber);
  tasks @2 :List(Task);
  addresses @3 :Common.AddressTable;
}

enum TaskOutcome {
  done @0;
  failed @1;
  returned @2;
}

struct TaskResult {
  sequence @0 :UInt64;
  attempt @1 :UInt32;
  outcome @2 :TaskOutcome;
  blocked @3 :Bool;
  error @4 :Common.Status;
  returns @5 :List(Value);
  runNs @6 :UInt64;
  gone @7 :Bool;
  given @8 :List(Value);
}

struct TaskResults {
  results @0 :List(TaskResult);
  addresses @1 :Common.AddressTable;
}

struct ReturnLease {
  lease @0 :UInt64;
}

struct LeaseRecalled {
  lease @0 :UInt64;
}

struct RecallTasks {
  lease @0 :UInt64;
  count @1 :UInt32;
}

struct CancelTask {
  sequence @0 :UInt64;
  force @1 :Bool;
  actor @2 :Common.ObjectId;
}

struct ResolveObjects {
  ids @0 :List(Common.ObjectId);

  struct Reply {
    values @0 :List(Value);
    failed @1 :List(FailedObject);
    pending @2 :List(Common.ObjectId);
    addresses @3 :Common.AddressTable;
  }
}

struct ObjectsResolved {
  values @0 :List(Value);
  failed @1 :List(FailedObject);
  addresses @2 :Common.AddressTable;
}

struct BorrowsRestored {}

struct AddBorrower {
  ids @0 :List(Common.ObjectId);
  sentByOwner @1 :Bool;

  struct Reply {
    unknown @0 :List(Common.ObjectId);
  }
}

struct ReleaseBorrows {
  ids @0 :List(Common.ObjectId);
}

struct RefsReceived {
  ids @0 :List(Common.ObjectId);
}

struct ResolveActor {
  actor @0 :Common.ObjectId;

  struct Reply {
    worker @0 :Common.ProcessAddress;
    incarnation @1 :UInt32;
    nodeName @2 :Text;
    maxTaskRetries @3 :Int32;
  }
}

struct StreamItem {
  sequence @0 :UInt64;
  attempt @1 :UInt32;
  index @2 :UInt64;
  value @3 :Value;
  addresses @4 :Common.AddressTable;
}

struct StreamCredit {
  sequence @0 :UInt64;
  taken @1 :UInt64;
}

struct WaitLink {
  process @0 :UInt64;
  job @1 :UInt64;
  blocks @2 :Bool;
  what @3 :Text;
}

struct FollowWait {
  object @0 :Common.ObjectId;
  actor @1 :Common.ObjectId;
  atWorker @2 :Bool;
  chain @3 :List(WaitLink);
}

struct KeepCheckpoint {
  actor @0 :Common.ObjectId;
  incarnation @1 :UInt32;
  checkpoint @2 :Checkpoint;
  addresses @3 :Common.AddressTable;

  struct Reply {}
}

struct FailedObject {
  id @0 :Common.ObjectId;
  error @1 :Common.Status;
}

struct TakeOver {
  values @0 :List(Value);
  failed @1 :List(FailedObject);
  addresses @2 :Common.AddressTable;

  struct Reply {
    taken @0 :List(Common.ObjectId);
    owner @1 :Common.ProcessAddress;
  }
}

struct OwnerMoved {
  ids @0 :List(Common.ObjectId);
  owner @1 :Common.ProcessAddress;
}

struct AnswersHeard {
  actor @0 :Common.ObjectId;
  session @1 :UInt64;
  answered @2 :UInt64;
}

struct KillActor {
  actor @0 :Common.ObjectId;
  noRestart @1 :Bool;

  struct Reply {}
}

struct StopActor {
  actor @0 :Common.ObjectId;
  force @1 :Bool;
  incarnation @2 :UInt32;

  struct Reply {}
}

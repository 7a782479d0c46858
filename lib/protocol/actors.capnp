# Messages about detached actors, which the head owns; mirrors actor_messages.h.
@0xd0c6b7a4f2e81953;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ioc::wire");

using Common = import "common.capnp";

struct DetachedActor {
  id @0 :Common.ObjectId;
  nameSpace @1 :Text;
  name @2 :Text;
  type @3 :Text;
  spec @4 :Common.SchedulingClass;
  constructor @5 :Data;
  maxRestarts @6 :Int32;
  maxTaskRetries @7 :Int32;
}

struct CreateDetachedActor {
  actor @0 :DetachedActor;

  struct Reply {}
}

struct LocateActor {
  actor @0 :Common.ObjectId;

  struct Reply {
    worker @0 :Common.ProcessAddress;
    incarnation @1 :UInt32;
    nodeName @2 :Text;
    type @3 :Text;
    maxTaskRetries @4 :Int32;
  }
}

struct KillDetachedActor {
  actor @0 :Common.ObjectId;
  noRestart @1 :Bool;

  struct Reply {}
}

struct HostActor {
  actor @0 :Common.ObjectId;
  incarnation @1 :UInt32;
  lease @2 :UInt64;
  constructor @3 :Data;

  struct Reply {}
}

struct ConstructActor {
  actor @0 :Common.ObjectId;
  incarnation @1 :UInt32;
  constructor @2 :Data;
}

struct ActorConstructed {
  actor @0 :Common.ObjectId;
  incarnation @1 :UInt32;
  error @2 :Common.Status;
}

enum HostedState {
  constructing @0;
  alive @1;
  failed @2;
  ended @3;
}

struct ReportActor {
  actor @0 :Common.ObjectId;
  incarnation @1 :UInt32;
  state @2 :HostedState;
  worker @3 :Common.ProcessAddress;
  error @4 :Common.Status;

  struct Reply {
    unwanted @0 :Bool;
  }
}

enum ActorPhase {
  placing @0;
  constructing @1;
  alive @2;
  cutOff @3;
}

struct ActorStatus {
  id @0 :Common.ObjectId;
  nameSpace @1 :Text;
  name @2 :Text;
  type @3 :Text;
  phase @4 :ActorPhase;
  nodeName @5 :Text;
  restarts @6 :UInt32;
  detached @7 :Bool;
}

struct ListActors {
  oneSpace @0 :Bool;
  nameSpace @1 :Text;
  afterSpace @2 :Text;
  afterName @3 :Text;

  struct Reply {
    actors @0 :List(ActorStatus);
    more @1 :Bool;
  }
}

struct NoteActor {
  nameSpace @0 :Text;
  name @1 :Text;
  actor @2 :Common.ObjectId;
  phase @3 :ActorPhase;
  nodeName @4 :Text;
  restarts @5 :UInt32;
}

struct FetchProgram {
  job @0 :UInt64;
  origin @1 :Common.NodeAddress;

  struct Reply {}
}

struct EndActor {
  actor @0 :Common.ObjectId;
  incarnation @1 :UInt32;
}

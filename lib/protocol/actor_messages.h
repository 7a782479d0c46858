// Messages about detached actors, which the head owns: it has them made, again if they die, and knows where they are.
// Those marked * come from processes; a node passes them on, body untouched.
#ifndef IOCLUSTER_LIB_PROTOCOL_ACTOR_MESSAGES_H_
#define IOCLUSTER_LIB_PROTOCOL_ACTOR_MESSAGES_H_

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/protocol/common.h"
#include "lib/protocol/method.h"

namespace ioc {

// Arguments of a detached actor's constructor, all together: the head keeps them.
inline constexpr size_t kMaxConstructorBytes = size_t{1} << 20;

// An actor's name, and its name space.
inline constexpr size_t kMaxActorNameBytes = 1024;

// All that it takes to make a detached actor, and to make it again.
struct DetachedActor {
  ObjectId id;
  std::string name_space;
  std::string name;
  std::string type;          // its class, as the compiler names it
  SchedulingClass spec;      // dedicated
  std::string constructor;   // an encoded PushTasks with one task, of kind kCreateActor; for a worker to decode
  int32_t max_restarts = 0;  // -1: without end
  int32_t max_task_retries = 0;
};

// * -> head. Answered when the name is the actor's, before it is made. Saying it twice does no harm. Errors: the name
// is taken (names the holder), or the request makes no sense.
struct CreateDetachedActor {
  struct Reply {};
  static constexpr Method kMethod = Method::kCreateDetachedActor;
  DetachedActor actor;
};

// * -> head. Answered when the actor is up; kDeadline when the call's time is over before. Errors: kActorDied and how,
// or why it can't be made.
struct LocateActor {
  struct Reply {
    ProcessAddress worker;
    uint32_t incarnation = 0;
    std::string node_name;
    std::string type;
    int32_t max_task_retries = 0;
  };
  static constexpr Method kMethod = Method::kLocateActor;
  ObjectId actor;
};

// * -> head: end it at once. Without `no_restart` it is made again if it may be. OK if it has ended already.
struct KillDetachedActor {
  struct Reply {};
  static constexpr Method kMethod = Method::kKillDetachedActor;
  ObjectId actor;
  bool no_restart = true;
};

// head -> node: have the worker of `lease`, which the node has placed for the head, make the actor. Answered when the
// worker has been told; FailedPrecondition if the lease has ended. How it went comes with ReportActor.
struct HostActor {
  struct Reply {};
  static constexpr Method kMethod = Method::kHostActor;
  ObjectId actor;
  uint32_t incarnation = 0;  // counts up with each attempt to make it
  LeaseId lease;
  std::string constructor;
};

// node -> worker.
struct ConstructActor {
  static constexpr Method kMethod = Method::kConstructActor;
  ObjectId actor;
  uint32_t incarnation = 0;
  std::string constructor;
};

// worker -> node: the constructor has run, or `error` says what came of it; the worker then ends.
struct ActorConstructed {
  static constexpr Method kMethod = Method::kActorConstructed;
  ObjectId actor;
  uint32_t incarnation = 0;
  absl::Status error;
};

enum class HostedState : uint8_t {
  kConstructing = 0,
  kAlive = 1,
  kFailed = 2,  // its constructor threw, or could not be run
  kEnded = 3,   // its process has
};

// node -> head: what became of an actor that it hosts. Said again until it is answered, and, of all that the node
// hosts, to every head that it registers with.
struct ReportActor {
  struct Reply {
    bool unwanted = false;  // another incarnation has taken its place, or it was killed: end it
  };
  static constexpr Method kMethod = Method::kReportActor;
  ObjectId actor;
  uint32_t incarnation = 0;
  HostedState state = HostedState::kConstructing;
  ProcessAddress worker;
  absl::Status error;  // of kFailed and kEnded
};

enum class ActorPhase : uint8_t {
  kPlacing = 0,  // for the first time, or again
  kConstructing = 1,
  kAlive = 2,
  kCutOff = 3,  // its node can't be reached just now
};

// An actor with a name.
struct ActorStatus {
  ObjectId id;
  std::string name_space;
  std::string name;
  std::string type;
  ActorPhase phase = ActorPhase::kPlacing;
  std::string node_name;  // where it lives or lived last; empty if nowhere yet
  uint32_t restarts = 0;
  bool detached = false;
};

// * or a tool -> head: the next actors with names, in the order of name spaces and names, at most kMaxListedActors.
struct ListActors {
  struct Reply {
    std::vector<ActorStatus> actors;
    bool more = false;  // ask again, after the last one
  };
  static constexpr Method kMethod = Method::kListActors;
  bool one_space = false;  // only those of `name_space`
  std::string name_space;
  std::string after_space;
  std::string after_name;  // empty: from the beginning
};
inline constexpr size_t kMaxListedActors = 1000;

// * -> head: what becomes of an actor with a name that the process owns; for listings.
struct NoteActor {
  static constexpr Method kMethod = Method::kNoteActor;
  std::string name_space;
  std::string name;
  ObjectId actor;
  ActorPhase phase = ActorPhase::kPlacing;
  std::string node_name;
  uint32_t restarts = 0;
};

// head -> node: have the job's program ready, in case that the nodes that have it go. Answered when it is.
struct FetchProgram {
  struct Reply {};
  static constexpr Method kMethod = Method::kFetchProgram;
  JobId job;
  NodeAddress origin;
};

// head -> node: it was killed.
struct EndActor {
  static constexpr Method kMethod = Method::kEndActor;
  ObjectId actor;
  uint32_t incarnation = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_ACTOR_MESSAGES_H_

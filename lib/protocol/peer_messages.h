// Messages between processes: a client and the worker that runs its tasks; a borrower and the owner of an object.
//
// The hot ones (PushTasks, TaskResults) hold views into the frame when decoded, valid during the callback only, and are
// decoded into a struct that is used again, so that the steady state allocates little.
#ifndef IOCLUSTER_LIB_PROTOCOL_PEER_MESSAGES_H_
#define IOCLUSTER_LIB_PROTOCOL_PEER_MESSAGES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/protocol/common.h"
#include "lib/protocol/method.h"

namespace ioc {

// What a function is called across processes (DESIGN section 1): by build id and offset within one build, by name
// across builds.
struct FunctionKey {
  std::string build_id;  // of the module, hexadecimal; empty: none
  uint64_t offset = 0;   // of the entry in the module
  std::string name;      // the mangled name of the entry
  std::string label;     // for people

  friend bool operator==(const FunctionKey&, const FunctionKey&) = default;
};

// Gives a function a number on this connection, in this direction. Sent once, before its first use.
struct FunctionNumber {
  uint32_t number = 0;
  FunctionKey key;
};

enum class ValueKind : uint8_t { kInline = 0, kStored = 1 };

// An encoded value on the way: its bytes, or where they are stored.
struct WireValue {
  ObjectId id;  // the object; for a task's result left out (it follows from the task)
  ValueKind kind = ValueKind::kInline;
  std::string_view bytes;          // kInline
  uint64_t size = 0;               // kStored
  std::vector<ObjectCopy> copies;  // kStored
  std::vector<RefInfo> refs;       // the references inside the value, in the order that its encoding counts them
};

// Of an actor: of the calls that name this group, so many run at a time.
struct ConcurrencyGroup {
  std::string_view name;
  uint32_t limit = 1;
};

enum class TaskKind : uint8_t { kTask = 0, kCreateActor = 1, kActorCall = 2 };

enum class TaskOutcome : uint8_t {
  kDone = 0,
  kFailed = 1,    // `error` says how; user code may have run
  kReturned = 2,  // not started, and not to be: push it elsewhere, for free
};

struct TaskResult {
  uint64_t sequence = 0;
  uint32_t attempt = 0;
  TaskOutcome outcome = TaskOutcome::kDone;
  bool blocked = false;  // of kReturned: the worker's running task waits; push nothing until its result has come
  absl::Status error;
  std::vector<WireValue> returns;  // kDone: num_returns many
  uint64_t run_ns = 0;             // user code's time
  // Of an actor's call: the actor does not live there (any more); ask its owner where it does. With kFailed it had
  // begun the call.
  bool gone = false;
  // kDone: objects among the references in `returns`, and inside each other, that are the receiver's own from now on.
  std::vector<WireValue> given;
};

// An item of an actor's stream that its caller has not taken.
struct SavedItem {
  uint64_t index = 0;
  uint64_t size = 0;  // as it counts towards the window
  WireValue value;
};

// A call that was answered before the checkpoint, by the sequence in `result`. Its caller may not have heard.
struct SavedCall {
  ProcessId caller;
  TaskResult result;
  std::vector<SavedItem> items;
};

// What an actor is made from again.
struct Checkpoint {
  WireValue state;  // what its Checkpoint returned
  std::vector<SavedCall> calls;
};

struct TaskSpec {
  TaskKind kind = TaskKind::kTask;
  uint64_t sequence = 0;  // first result: ObjectId{client, sequence}; the i-th: sequence + i
  uint32_t attempt = 0;   // counts up from 0; an answer to another attempt is dropped
  uint32_t function = 0;  // by FunctionNumber
  uint32_t num_returns = 1;
  uint32_t depth = 0;
  std::string_view name;                  // the user's, or empty
  std::string_view payload;               // encoded arguments; empty if stored
  std::vector<WireValue> payload_stored;  // one, if the payload is too large to travel: an object
  std::vector<WireValue> dependencies;    // values for the payload's placeholders, in order
  std::vector<RefInfo> refs;              // references that the payload carries as such, in order
  ObjectId actor;                         // kCreateActor: itself; kActorCall: whom
  uint64_t call_sequence = 0;             // kActorCall: counts up from 1 in one session and one incarnation
  uint32_t max_concurrency = 1;           // kCreateActor: of the calls that name no group
  bool split = false;                     // the function returns a vector of num_returns elements, each a result
  uint32_t stream_window = 0;             // items that may be ahead of the reader; 0: this is no stream
  uint64_t stream_skip = 0;               // items that an earlier attempt has sent, and the caller kept
  uint64_t session = 0;                   // kActorCall: of the caller; its calls are numbered anew in a later one
  uint64_t answered = 0;                  // kActorCall: up to this call_sequence the caller has all answers
  std::string_view group;                 // kActorCall: of the actor's concurrency groups; empty: the default one
  std::vector<ConcurrencyGroup> concurrency_groups;  // kCreateActor: beside the default one
  bool shared = false;                               // kCreateActor: others live in the same process
  // Of an actor: counts up from 1 each time that it is made. kCreateActor: which this makes; kActorCall: which is
  // meant.
  uint32_t incarnation = 0;
  // kCreateActor, of one that may be made again: the sequence of the first of the ids that its owner has set apart for
  // checkpoints that are stored (0: it wants none), and when it wants them (ActorOptions).
  uint64_t checkpoint_ids = 0;
  uint32_t checkpoint_every = 0;
  int64_t checkpoint_period_ns = 0;
  std::vector<Checkpoint> checkpoint;  // kCreateActor: one, to make it from
};

// client -> worker.
struct PushTasks {
  static constexpr Method kMethod = Method::kPushTasks;
  LeaseId lease;  // none for actor calls
  std::vector<FunctionNumber> functions;
  std::vector<TaskSpec> tasks;
};

// worker -> client.
struct TaskResults {
  static constexpr Method kMethod = Method::kTaskResults;
  std::vector<TaskResult> results;
};

// worker -> client: the next item of a stream. Its object is ObjectId{client, sequence + 1 + index}.
struct StreamItem {
  static constexpr Method kMethod = Method::kStreamItem;
  uint64_t sequence = 0;  // of the task
  uint32_t attempt = 0;
  uint64_t index = 0;  // from 0
  WireValue value;
};

// client -> worker: so many items of the stream have been taken by its reader, since it began.
struct StreamCredit {
  static constexpr Method kMethod = Method::kStreamCredit;
  uint64_t sequence = 0;
  uint64_t taken = 0;
};

// client -> worker: no more pushes under it.
struct ReturnLease {
  static constexpr Method kMethod = Method::kReturnLease;
  LeaseId lease;
};

// worker -> client: others wait for the resources; finish what runs and return the lease.
struct LeaseRecalled {
  static constexpr Method kMethod = Method::kLeaseRecalled;
  LeaseId lease;
};

// client -> worker: give back (kReturned) up to `count` tasks that have not started, the last ones first.
struct RecallTasks {
  static constexpr Method kMethod = Method::kRecallTasks;
  LeaseId lease;
  uint32_t count = 0;
};

// client -> worker: ioc::Cancelled() turns true in it; one that has not started is answered kFailed with kCancelled;
// with `force` a worker that does not stop by itself within kForceGrace ends.
struct CancelTask {
  static constexpr Method kMethod = Method::kCancelTask;
  uint64_t sequence = 0;
  bool force = false;
  ObjectId actor;  // of an actor's call
};

// An object whose value will never be.
struct FailedObject {
  ObjectId id;
  absl::Status error;
};

// borrower -> owner: what are their values? Answered at once, with those that are there, as far as one message holds
// them, and the errors (kObjectLost if one is not known). The owner tells the values of those in `pending` when they
// are there (ObjectsResolved), as long as the connection lives; what is not named in the answer is to be asked again.
// References in values are covered by the sender until RefsReceived.
struct ResolveObjects {
  struct Reply {
    std::vector<WireValue> values;
    std::vector<FailedObject> failed;
    std::vector<ObjectId> pending;
  };
  static constexpr Method kMethod = Method::kResolveObjects;
  std::vector<ObjectId> ids;
};

// owner -> a borrower that has asked for them.
struct ObjectsResolved {
  static constexpr Method kMethod = Method::kObjectsResolved;
  std::vector<WireValue> values;
  std::vector<FailedObject> failed;
};

// borrower -> owner: the process on this connection refers to them now (one count each), until it says ReleaseBorrows,
// or has ended. `sent_by_owner`: they came from the owner itself on this connection, and the reply also stands for
// RefsReceived. `unknown` of the reply: those that the owner does not have any more.
struct AddBorrower {
  struct Reply {
    std::vector<ObjectId> unknown;
  };
  static constexpr Method kMethod = Method::kAddBorrower;
  std::vector<ObjectId> ids;
  bool sent_by_owner = false;
};

// borrower -> owner.
struct ReleaseBorrows {
  static constexpr Method kMethod = Method::kReleaseBorrows;
  std::vector<ObjectId> ids;
};

// receiver -> sender: the references that came with `sequence` (a task's results, or its arguments) are registered with
// their owners; the sender needs to hold them no longer. Once for each reference sent.
struct RefsReceived {
  static constexpr Method kMethod = Method::kRefsReceived;
  std::vector<ObjectId> ids;
};

// borrower -> owner, after their connection broke: all that it still refers to is registered anew.
struct BorrowsRestored {
  static constexpr Method kMethod = Method::kBorrowsRestored;
};

// owner -> a borrower: own these from now on (runtime/client/owner_moves.h). What lies inside a value comes after it.
// The references inside are covered by the sender until RefsReceived. The sender is a borrower of those that are taken.
struct TakeOver {
  struct Reply {
    std::vector<ObjectId> taken;
    ProcessAddress owner;  // who answers
  };
  static constexpr Method kMethod = Method::kTakeOver;
  std::vector<WireValue> values;
  std::vector<FailedObject> failed;
};

// who was the owner -> its borrowers: the process that owns these now; the sender itself, if it has taken them back.
struct OwnerMoved {
  static constexpr Method kMethod = Method::kOwnerMoved;
  std::vector<ObjectId> ids;
  ProcessAddress owner;
};

// handle holder -> owner of the actor. Answered when the actor is up. Errors: kActorDied, or why it can't be made.
struct ResolveActor {
  struct Reply {
    ProcessAddress worker;
    uint32_t incarnation = 0;
    std::string node_name;
    int32_t max_task_retries = 0;
  };
  static constexpr Method kMethod = Method::kResolveActor;
  ObjectId actor;
};

// A call or a task that waits for what the next one in its chain is to make.
struct WaitLink {
  ProcessId process;    // where it runs
  uint64_t job = 0;     // the process's number for it
  bool blocks = false;  // what the one before it waits for is queued behind it
  std::string what;     // for people
};

// waiting process -> owner of the object that it waits for -> the worker that is to make that: whom does the chain lead
// to? The worker of a call that can't begin before one of the chain has ended fails it.
struct FollowWait {
  static constexpr Method kMethod = Method::kFollowWait;
  ObjectId object;
  ObjectId actor;          // whose call makes it; none of a task
  bool at_worker = false;  // the receiver runs what makes it; otherwise it owns it
  std::vector<WaitLink> chain;
};

// the actor's worker -> its owner. Answered when the owner has it, and has forgotten the one before.
struct KeepCheckpoint {
  struct Reply {};
  static constexpr Method kMethod = Method::kKeepCheckpoint;
  ObjectId actor;
  uint32_t incarnation = 0;
  Checkpoint checkpoint;
};

// caller -> the actor's worker: it has all answers up to this call_sequence; the worker may forget them.
struct AnswersHeard {
  static constexpr Method kMethod = Method::kAnswersHeard;
  ObjectId actor;
  uint64_t session = 0;
  uint64_t answered = 0;
};

// handle holder -> owner of the actor: end it at once. Without `no_restart` it is made again if it may be.
struct KillActor {
  struct Reply {};
  static constexpr Method kMethod = Method::kKillActor;
  ObjectId actor;
  bool no_restart = true;
};

// owner -> the actor's worker: end when the calls that have come are answered, or, with `force`, at once. In a shared
// process only the actor ends, and only this incarnation of it; what it runs is cancelled.
struct StopActor {
  struct Reply {};
  static constexpr Method kMethod = Method::kStopActor;
  ObjectId actor;
  bool force = false;
  uint32_t incarnation = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_PEER_MESSAGES_H_

// Actors as this process sees them: makes its own (over a dedicated lease), finds where others' are (their owner
// knows), and sends calls in order.
//
// A caller's calls reach an actor in the order they were made: one connection, and a call whose arguments are not there
// holds back those behind it (one whose arguments failed does not: it is never sent). When the actor's worker dies, its
// owner makes it again if it may; calls that had not started go to the next incarnation, the one that had fails unless
// it may be retried.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_
#define IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {

// Calls sent to one actor and not answered; more wait here.
inline constexpr size_t kMaxActorCallsInFlight = 16384;
inline constexpr absl::Duration kReResolveDelay = absl::Milliseconds(50);
// How long an actor may be out of reach while its owner says that it lives.
inline constexpr absl::Duration kActorOutOfReach = absl::Seconds(60);

// What a process knows of an actor. Shared by its record and by callbacks on their way.
struct ActorState {
  enum class Phase { kStarting, kConnecting, kAlive, kDead };

  ObjectRecord* record = nullptr;  // null once nobody refers to the actor
  std::string type;
  Phase phase = Phase::kStarting;
  bool owned = false;
  bool resolving = false;
  ProcessAddress worker;
  std::string node_name;
  uint32_t incarnation = 0;
  Peer* peer = nullptr;
  absl::Time out_of_reach = absl::InfiniteFuture();  // since when its worker can't be dialled
  absl::Status error;                                // of kDead
  std::deque<TaskRecord*> waiting;                   // in the order called
  std::deque<TaskRecord*> in_flight;                 // in the order sent
  std::vector<TaskRecord*> batch;                    // the last of in_flight, not sent yet
  size_t batch_bytes = 0;
  bool dirty = false;
  uint64_t last_call = 0;

  // Of one that this process owns:
  ActorOptions options;
  SchedulingClass spec;
  LeaseId lease;
  internal::Call constructor;  // without references: those are in the records below
  std::vector<ObjectRecord*> dependencies;
  std::vector<ObjectRecord*> refs;
  int restarts_left = 0;
  std::map<uint64_t, FrameHeader> asking;  // ResolveActor calls that wait, by link
};

class ActorCaller final : public TaskSink, public ActorEvents, public Deferred {
 public:
  ActorCaller(Env& env, NodeLink& node, PeerTable& peers, ObjectTable& objects, TaskBook& book, Borrowing& borrowing,
              TaskDispatcher& dispatcher);
  ~ActorCaller();

  // A new actor; the record comes unheld. `constructor` keeps its references.
  ObjectRecord& Create(internal::Call& constructor, const ActorOptions& options, std::string_view type);
  // `task` is new and of kind kActorCall, its actor held.
  void Call(TaskRecord& task);

  void OnResult(TaskRecord& task, PeerLink& link, TaskResult& result);
  void OnResolveActor(PeerLink& link, const FrameHeader& request, const ResolveActor& message);
  void OnPeerGone(Peer& peer);
  // Nobody refers to the actor any more: it ends.
  void OnDead(ObjectRecord& record);
  void Cancel(TaskRecord& task);
  // Forgets all actors; the calls fail by the book, from now on or already.
  void Clear();

 private:
  using State = std::shared_ptr<ActorState>;

  void OnTaskReady(TaskRecord& task) override;
  void OnTaskDoomed(TaskRecord& task) override;
  void OnActorConstructed(TaskRecord& creation, const ProcessAddress& worker, const std::string& node_name,
                          LeaseId lease) override;
  void OnActorFailed(TaskRecord& creation, const absl::Status& error) override;
  void RunDeferred() override;

  const State& StateOf(ObjectRecord& record);
  void Construct(const State& state);
  void RegisterName(const State& state);
  void Resolve(const State& state);
  void Connect(const State& state);
  void Pump(const State& state);
  void SendBatch(ActorState& state);
  void Lost(const State& state, const absl::Status& why);
  void AfterLoss(const State& state, std::vector<uint64_t> suspects, const WorkerEnd& end);
  void Die(ActorState& state, const absl::Status& error);
  bool OutOfReachTooLong(ActorState& state);
  void AnswerAsking(ActorState& state);
  void FailWaiting(ActorState& state, const absl::Status& error);
  void ReleaseConstructor(ActorState& state);

  Env& env_;
  NodeLink& node_;
  PeerTable& peers_;
  ObjectTable& objects_;
  TaskBook& book_;
  Borrowing& borrowing_;
  TaskDispatcher& dispatcher_;
  std::vector<State> active_;  // those with a worker: to be told when it goes
  std::vector<State> dirty_;
  PushTasks push_;
  bool closed_ = false;
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for timers that outlive this
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_

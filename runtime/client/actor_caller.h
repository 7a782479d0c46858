// Actors as this process sees them: makes its own (over a dedicated lease), has the head make detached ones, finds
// where others' are (their owner knows; of a detached one the head does), and sends calls in order.
//
// A caller's calls reach an actor in the order they were made: one connection, and a call whose arguments are not there
// holds back those behind it (one whose arguments failed does not: it is never sent). They are numbered, and the worker
// keeps its answers until it has heard that they came. So when only the connection breaks, all calls without an answer
// are sent again under their numbers, and none runs twice; that the worker can't be reached is no proof of its end,
// which its node and the actor's owner know. When the actor's worker dies, its owner makes it again if it may; calls
// that had not started go to the next incarnation, the one that had fails unless it may be retried.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_
#define IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/actor_state.h"
#include "runtime/client/detached_client.h"
#include "runtime/client/fates.h"
#include "runtime/client/reach.h"
#include "runtime/client/shared_hosts.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {

// Calls sent to one actor and not answered; more wait here.
inline constexpr size_t kMaxActorCallsInFlight = 16384;
inline constexpr absl::Duration kReResolveDelay = absl::Milliseconds(50);
// A worker that could not be told to end its actor is told again after this.
inline constexpr absl::Duration kStopAgainDelay = absl::Milliseconds(500);
// How long an actor may be out of reach while its owner says that it lives.
inline constexpr absl::Duration kActorOutOfReach = absl::Seconds(60);
// How often in a row, kReResolveDelay apart, an actor may not be found where its owner says that it lives.
inline constexpr int kMaxMisplaced = 200;
// When no call follows that would carry it, a worker is told this late which answers have come, so that it can forget
// them.
inline constexpr absl::Duration kAnswersHeardDelay = absl::Milliseconds(100);

class ActorCaller final : public TaskSink, public ActorEvents, public Deferred {
 public:
  ActorCaller(Env& env, NodeLink& node, PeerTable& peers, ObjectTable& objects, TaskBook& book, Borrowing& borrowing,
              Fates& fates, Reach& reach, TaskDispatcher& dispatcher, SharedHosts& hosts, DetachedClient& detached);
  ~ActorCaller();

  // A new actor; the record comes unheld. `constructor` keeps its references.
  ObjectRecord& Create(internal::Call& constructor, const ActorOptions& options, std::string_view type);
  // The same for one that the head is to own.
  ObjectRecord& CreateDetached(internal::Call& constructor, const ActorOptions& options, std::string_view type);
  // `task` is new and of kind kActorCall, its actor held.
  void Call(TaskRecord& task);

  void OnResult(TaskRecord& task, PeerLink& link, TaskResult& result);
  void OnResolveActor(PeerLink& link, const FrameHeader& request, const ResolveActor& message);
  void OnPeerGone(Peer& peer);
  // Nobody refers to the actor any more: it ends.
  void OnDead(ObjectRecord& record);
  void Cancel(TaskRecord& task);
  // Ends the actor at once, wherever it lives; `done` hears whether that worked.
  void Kill(ObjectRecord& record, bool no_restart, absl::AnyInvocable<void(absl::Status)> done);
  // An encoded KeepCheckpoint, of an actor of ours.
  absl::Status OnKeepCheckpoint(PeerLink& link, const FrameHeader& request, std::span<const std::byte> body);
  void OnKillActor(PeerLink& link, const FrameHeader& request, const KillActor& kill);
  // Forgets all actors; the calls fail by the book, from now on or already.
  void Clear();

 private:
  using State = std::shared_ptr<ActorState>;
  // Of an actor, as its owner says.
  struct Whereabouts {
    ProcessAddress worker;
    std::string node_name;
    uint32_t incarnation = 0;
    int32_t max_task_retries = 0;
  };
  struct Stopping {
    ProcessAddress worker;
    std::string node_name;
    ObjectId actor;
    uint32_t incarnation = 0;
    bool force = false;
  };

  void OnTaskReady(TaskRecord& task) override;
  void OnTaskDoomed(TaskRecord& task, const absl::Status& error) override;
  void OnActorConstructed(TaskRecord& creation, const ProcessAddress& worker, const std::string& node_name,
                          LeaseId lease) override;
  void OnActorFailed(TaskRecord& creation, const absl::Status& error) override;
  void RunDeferred() override;

  const State& StateOf(ObjectRecord& record);
  void Construct(const State& state);
  void RegisterName(const State& state);
  void Created(const State& state, const absl::Status& status);
  static void StopWaiting(ActorState& state, const TaskRecord& task);
  void Pump(const State& state);
  void AppendBatch(ActorState& state);
  void SendPush();
  void SendBatch(ActorState& state);
  void SendCancel(ActorState& state, const TaskRecord& task);
  // actor_caller_reach.cc
  void Ask(const State& state);
  void Resolve(const State& state);
  void Located(const State& state, const absl::StatusOr<LocateActor::Reply>& reply);
  void Found(const State& state, const Whereabouts& found);
  void LearnRetries(ActorState& state, int32_t max_task_retries);
  void Connect(const State& state);
  void Connected(const State& state, Peer* peer);
  void CantConnect(const State& state, const absl::Status& why);
  void GiveUpWaiting(ActorState& state, const absl::Status& error);
  void Later(const State& state, void (ActorCaller::*next)(const State&));
  bool OutOfReachTooLong(ActorState& state);
  void AnswerAsking(ActorState& state);

  void Lost(const State& state);
  void TakeBackUnsent(ActorState& state);
  void Activate(const State& state);
  void Deactivate(ActorState& state);
  void NewSession(ActorState& state);
  // Has the actor's worker end; its lease ends with it.
  void Stop(const ActorState& state, ObjectId actor, bool force);
  void Stop(const Stopping& stopping, absl::Time until);
  void StopLater(const Stopping& stopping, absl::Time until);
  void KillOwn(const State& state, bool no_restart);
  // actor_caller_checkpoints.cc
  bool WantsCheckpoints(const ActorState& state) const;
  void SetIdsApart(ActorState& state);
  void Release(KeptCheckpoint& kept);
  void ReleaseCheckpoint(ActorState& state);
  void DropCheckpointIfLost(ActorState& state, const WorkerEnd& end);
  // actor_caller_shared.cc: actors that leave a worker that lives on
  void LeaveHost(ActorState& state, bool force);
  void Remake(const State& state);
  void Gone(const State& state, TaskRecord& task, const TaskResult& result);
  void Relocate(const State& state);
  void TellHeard();
  void TellHeard(const ObjectRecord& record, ActorState& state);
  void AfterLoss(const State& state, const WorkerEnd& end);
  void ChargeSent(ActorState& state, const WorkerEnd& end, bool may_live);
  static absl::Status DeathOf(const ActorState& state, const WorkerEnd& end);
  void Die(ActorState& state, const absl::Status& error);
  void FailWaiting(ActorState& state, const absl::Status& error);
  void ReleaseConstructor(ActorState& state);
  // What listings are to say of it, if it has a name.
  void Note(const ActorState& state, ActorPhase phase);

  Env& env_;
  NodeLink& node_;
  PeerTable& peers_;
  ObjectTable& objects_;
  TaskBook& book_;
  Borrowing& borrowing_;
  Fates& fates_;
  Reach& reach_;
  TaskDispatcher& dispatcher_;
  SharedHosts& hosts_;
  DetachedClient& detached_;
  std::vector<State> active_;  // those with a worker: to be told when it goes
  std::vector<State> dirty_;
  std::vector<State> unheard_;
  PushTasks push_;
  Peer* push_peer_ = nullptr;  // whom what is in `push_` is for
  size_t push_bytes_ = 0;
  TimerId heard_timer_ = 0;
  uint64_t last_session_ = 0;
  bool closed_ = false;
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for timers that outlive this
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_

// Sends this process's calls to actors, in order: finds out where each lives, keeps a connection with its worker, and
// numbers what goes there.
//
// Where an actor lives is its owner's to say. An actor of another process's is asked of that process, a detached one of
// the head (which makes it, too, if told to). One of this process's own is the ActorOwner's, which says so itself
// (Found), and has this class watch the actor's worker, also while there are no calls: how it ends is told to the
// ActorCallerHooks, once the calls that were sent there are accounted for.
//
// A caller's calls reach an actor in the order they were made: one connection, and a call whose arguments are not there
// holds back those behind it (one whose arguments failed does not: it is never sent). They are numbered, and the worker
// keeps its answers until it has heard that they came. So when only the connection breaks, all calls without an answer
// are sent again under their numbers, and none runs twice; that the worker can't be reached is no proof of its end,
// which its node and the actor's owner know. When an incarnation is over, calls that had not started go to the next
// one; the one that had fails unless it may be retried.
//
// Lives on the client's executor. Invariants:
// 1. A call is in its actor's `waiting` or `in_flight`, or in nobody's once it was failed or answered.
// 2. What is in `in_flight` has a number, was sent to `at` (or is in `batch`), and there is a `peer`.
// 3. Numbers count up in one session, which is of one incarnation.
#ifndef IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_
#define IOCLUSTER_RUNTIME_CLIENT_ACTOR_CALLER_H_

#include <absl/functional/any_invocable.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/actor_state.h"
#include "runtime/client/detached_client.h"
#include "runtime/client/fates.h"
#include "runtime/client/peer_reach.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {

// Calls sent to one actor and not answered; more wait here.
inline constexpr size_t kMaxActorCallsInFlight = 16384;
inline constexpr absl::Duration kReResolveDelay = absl::Milliseconds(50);
// How long an actor may be out of reach while its owner says that it lives.
inline constexpr absl::Duration kActorOutOfReach = absl::Seconds(60);
// How often in a row, kReResolveDelay apart, an actor may not be found where its owner says that it lives.
inline constexpr int kMaxMisplaced = 200;
// When no call follows that would carry it, a worker is told this late which answers have come, so that it can forget
// them.
inline constexpr absl::Duration kAnswersHeardDelay = absl::Milliseconds(100);

// Hears of the workers of this process's own actors.
class ActorCallerHooks {
 public:
  // Whether it would be made again if its incarnation were over now.
  virtual bool MayLive(const ObjectRecord& actor) const = 0;
  // There is a connection with its worker.
  virtual void OnActorReached(ObjectRecord& actor) = 0;
  // The incarnation is over, as `end` says (`running`: it has left its worker, which lives on), and so is what was sent
  // to it. The next one is to be Found, or the actor is to Die.
  virtual void OnActorOver(ObjectRecord& actor, const WorkerEnd& end) = 0;

 protected:
  ~ActorCallerHooks() = default;
};

class ActorCaller final : public TaskSink, public Deferred {
 public:
  ActorCaller(Env& env, PeerTable& peers, ObjectTable& objects, TaskBook& book, Fates& fates, PeerReach& reach,
              TaskDispatcher& dispatcher, DetachedClient& detached, ActorCallerHooks& own);
  ~ActorCaller();

  // `task` is new and of kind kActorCall, its actor held.
  void Call(TaskRecord& task);
  void Cancel(TaskRecord& task);
  void OnResult(TaskRecord& task, PeerLink& link, TaskResult& result);
  void OnPeerGone(Peer& peer);
  // Nobody refers to the actor any more.
  void OnDead(ObjectRecord& record);
  // Forgets all actors; the calls fail by the book, from now on or already.
  void Clear();

  // Has the head make an actor; the record comes unheld. `constructor` keeps its references.
  ObjectRecord& CreateDetached(internal::Call& constructor, const ActorOptions& options, std::string_view type);
  // Has the owner of an actor that is not this process's end it at once; `done` hears whether that worked.
  void KillOthers(ObjectRecord& record, bool no_restart, absl::AnyInvocable<void(absl::Status)> done);

  // Of an actor whose owner is in this process:
  // It is being made; calls wait until it is Found or Dies.
  void Begin(ObjectRecord& record, std::string_view type, const ActorOptions& options);
  void Found(ObjectRecord& record, const ActorPlace& place);
  bool IsReached(const ObjectRecord& record) const;
  // Tries again, if that was given up.
  void Reach(ObjectRecord& record);
  // It is leaving its worker: OnActorOver comes when what was sent there is accounted for.
  void Leave(ObjectRecord& record);
  // For good; its calls fail.
  void Die(ObjectRecord& record, const absl::Status& error);

 private:
  using State = std::shared_ptr<ActorState>;

  void OnTaskReady(TaskRecord& task) override;
  void OnTaskDoomed(TaskRecord& task, const absl::Status& error) override;
  void RunDeferred() override;

  State NewState(ObjectRecord& record, std::string_view type);
  State StateOf(ObjectRecord& record);
  static void StopWaiting(ActorState& state, const TaskRecord& task);
  void Pump(const State& state);
  void FailWaiting(ActorState& state, const absl::Status& error);
  void NewSession(ActorState& state);
  // actor_caller_send.cc
  void AppendBatch(ActorState& state);
  void SendPush();
  void SendBatch(ActorState& state);
  void SendCancel(ActorState& state, const TaskRecord& task);
  void TellHeard();
  void TellHeard(const ObjectRecord& record, ActorState& state);
  // actor_caller_find.cc
  void Ask(const State& state);
  void Resolve(const State& state);
  void CantAsk(const State& state, const absl::Status& why);
  void Resolved(const State& state, absl::Time asked, const absl::StatusOr<ResolveActor::Reply>& reply);
  void Located(const State& state, const absl::StatusOr<LocateActor::Reply>& reply);
  void Found(const State& state, const ActorPlace& place);
  void LearnRetries(ActorState& state, int32_t max_task_retries);
  void Created(const State& state, const absl::Status& status);
  // actor_caller_reach.cc
  void Connect(const State& state);
  void Connected(const State& state, Peer* peer);
  void CantConnect(const State& state, const absl::Status& why);
  bool OutOfReachTooLong(ActorState& state);
  void GiveUpWaiting(ActorState& state, const absl::Status& error);
  void Later(const State& state, void (ActorCaller::*next)(const State&));
  void Activate(const State& state);
  void Deactivate(ActorState& state);
  void Lost(const State& state);
  // actor_caller_over.cc
  void AfterLoss(const State& state, const WorkerEnd& end);
  void ChargeSent(ActorState& state, const WorkerEnd& end);
  bool MayLive(const ActorState& state) const;
  void TakeBackUnsent(ActorState& state);
  void StartLeaving(ActorState& state);
  void Gone(const State& state, TaskRecord& task, const TaskResult& result);
  void Relocate(const State& state);
  void Over(const State& state, const WorkerEnd& end);

  Env& env_;
  PeerTable& peers_;
  ObjectTable& objects_;
  TaskBook& book_;
  Fates& fates_;
  PeerReach& reach_;
  TaskDispatcher& dispatcher_;
  DetachedClient& detached_;
  ActorCallerHooks& own_;
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

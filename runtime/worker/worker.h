// The worker role: runs the tasks that a lease's client pushes, and the calls of the actors that it hosts.
//
// Tasks run on the thread that called Run, which between them leads the executor's loop: it reads a task, runs it at
// stack depth zero when the loop call has returned, and writes the answer with the next wait (DESIGN section 3). While
// a task runs long, the executor's background thread flushes answers and serves cancels and recalls. Where an actor may
// run several calls at a time, more threads are started when they are needed. Coroutines share one thread of their own.
//
// A worker becomes a host when its client makes a shared actor there. Its threads then are a pool: about as many as
// CPUs run at a time, and one that waits is replaced. An actor of a host ends alone; nothing but the loss of the owner
// or of the node ends the process.
//
// Its parts: worker.cc has the threads and what runs next, worker_run.cc runs one task, worker_coroutines.cc one that
// is a coroutine, worker_answers.cc answers, worker_actors.cc has the actors, worker_host.cc those that share the
// process, worker_service.cc serves the node and the clients.
//
// Invariants: only the lease's client may push tasks; only calls of actors hosted here are run, each once. An answer
// that lists references is sent after those that this worker keeps are registered with their owners.
#ifndef IOCLUSTER_RUNTIME_WORKER_WORKER_H_
#define IOCLUSTER_RUNTIME_WORKER_WORKER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/client.h"
#include "runtime/worker/hosted_actor.h"
#include "runtime/worker/job.h"
#include "runtime/worker/omp_threads.h"

namespace ioc {

inline constexpr absl::Duration kLeaseConnectTimeout = absl::Seconds(5);
inline constexpr absl::Duration kForceGrace = absl::Milliseconds(200);
// Threads of a process that hosts shared actors. When all of them wait, what is ready waits as well.
inline constexpr size_t kMaxHostThreads = 256;
// A call that has waited this long for others is followed, to see whether they wait for it; and again after as long.
inline constexpr absl::Duration kFollowWaitsAfter = absl::Milliseconds(250);
// What ends by itself that soon needs no help.
inline constexpr absl::Duration kShortWait = absl::Seconds(5);
inline constexpr size_t kAnswerBytes = size_t{64} << 10;
// Processes that have ended and are remembered: their last calls may still be on their way.
inline constexpr size_t kMaxEndedCallers = 256;
// How long an actor waits for its owner's process, when the connection with it has broken, before it ends.
inline constexpr absl::Duration kOwnerAbsence = absl::Seconds(30);

class Worker final : public WorkerHooks, public Deferred {
 public:
  // `exit_now` ends the process at once, with this code.
  Worker(std::shared_ptr<Env> env, absl::AnyInvocable<void(int)> exit_now);
  ~Worker();

  // Registers with the node that started this process. Blocks.
  absl::Status Connect(absl::Duration timeout);
  // Serves until told to stop, or the node is gone. Blocks.
  void Run();

  Client& client() { return *client_; }

 private:
  using Job = WorkerJob;
  using Answer = WorkerAnswer;
  class Results;
  struct Coroutine;
  struct ReturnedValue {
    std::unique_ptr<internal::WritableValue> written;
    std::string text;
    std::vector<internal::Ref> refs;
  };

  // WorkerHooks
  void OnAssignLease(const AssignLease& lease) override;
  void OnConstructActor(const ConstructActor& construct) override;
  void OnRecallLease(LeaseId lease) override;
  void OnStop(std::string_view reason) override;
  void OnPushTasks(PeerLink& link, std::shared_ptr<PushFrame> frame) override;
  void OnReturnLease(PeerLink& link, LeaseId lease) override;
  void OnRecallTasks(PeerLink& link, const RecallTasks& recall) override;
  void OnCancelTask(PeerLink& link, const CancelTask& cancel) override;
  void OnStreamCredit(PeerLink& link, const StreamCredit& credit) override;
  void OnAnswersHeard(PeerLink& link, const AnswersHeard& heard) override;
  void OnStopActor(PeerLink& link, const FrameHeader& request, const StopActor& stop) override;
  void OnPeerGone(Peer& peer) override;
  void OnProcessGone(ProcessId process) override;
  void OnFollowWait(PeerLink& link, const FollowWait& follow) override;
  uint64_t OnBlocked(const std::vector<ObjectRecord*>* awaited, absl::Time deadline) override;
  void OnUnblocked(uint64_t job) override;
  bool CancelRequested(uint64_t job) override;
  absl::Status OnSaveCheckpoint(uint64_t job) override;
  void Count(ProcessCensus& census) const override;

  void RunDeferred() override;

  // worker.cc: threads, and what they run next
  void RunLoop();
  void JoinThreads();
  // Without the mutex.
  void DestroyActors();
  std::unique_ptr<Job> NextJob();
  // Tasks run one at a time, also those that are coroutines.
  bool MayBeginTask() const { return !queue_.empty() && coroutine_tasks_ == 0; }
  // A job has become ready: a thread shall take it. If it is `brief`, any that comes soon will do.
  void WakeOne(bool brief = false);
  void List(CallGroup& group);
  bool AtLimit() const { return running_.size() - blocked_ >= most_active_; }
  void TellBlocked();
  void NoteStarted(const Job& job);
  Job* FindRunning(uint64_t number);
  void Stop();

  // worker_run.cc: one task
  void Execute(std::unique_ptr<Job> owned, internal::RunContext& context);
  absl::Status Gather(Job& job, internal::Invocation& invocation, std::vector<ObjectRecord*>& covered);
  absl::StatusOr<internal::EncodedValue> Import(Job& job, const WireValue& value, std::vector<ObjectRecord*>& covered);
  void ImportRefs(const WireValue& value, internal::EncodedValue& imported, std::vector<ObjectRecord*>& covered);
  absl::StatusOr<internal::EncodedValue> ReadArgument(Job& job, const WireValue& value);
  // All of them, or none: a task that waits for memory keeps none that another one waits for. Lets go of the mutex.
  absl::StatusOr<std::vector<internal::EncodedValue>> ReadArguments(Job& job,
                                                                    const std::vector<const WireValue*>& values);
  absl::Status Invoke(Job& job, internal::Invocation& invocation, Results& results);
  absl::Status CheckResults(const Job& job, const Results& results) const;
  void Finish(Job& job, const absl::Status& status, Results& results, uint64_t run_ns,
              const std::vector<ObjectRecord*>& covered);
  void AddResult(Answer& answer, ReturnedValue& value, ObjectId id);
  // It was answered, and does not run any more.
  void Ended(Job& job);

  // worker_coroutines.cc
  void StartCoroutine(std::unique_ptr<Job> job, std::unique_ptr<internal::CoroutineCall> call,
                      std::vector<ObjectRecord*> covered);
  void OnCoroutineDone(Coroutine& coroutine, const absl::Status& returned);
  void EndLoop();

  // worker_answers.cc
  absl::Status Located(const absl::Status& error, const Job& job) const;
  static std::shared_ptr<Answer> AnswerTo(const Job& job);
  void Reply(std::shared_ptr<Answer> answer);
  void ReplyReturned(const Job& job, bool blocked);
  // The actor does not live here (any more).
  void ReplyGone(const Job& job, bool begun);
  void ReplyFailed(const Job& job, const absl::Status& error);
  // Drops what a kept answer holds.
  void Forget(Answer& answer);

  // worker_actors.cc
  HostedActor* FindActor(ObjectId id);
  std::vector<HostedActor*> ActorsInOrder();
  // Queues a call, or answers it, or knows it.
  void TakeCall(PeerLink& link, std::unique_ptr<Job> job);
  static absl::Status WrongClass(const Job& job);
  bool IsNewCall(PeerLink& link, const Job& job);
  void AnswerAgain(PeerLink& link, const Job& call);
  void MoveToLink(PeerLink& link, const Job& call);
  void ForgetHeard(HostedActor& actor, ProcessId caller, uint64_t session, uint64_t answered);
  void AdoptActor(Job& job, const internal::Invocation& invocation, std::vector<ObjectRecord*>& covered);
  void CallEnded(CallGroup& group);

  // worker_host.cc: shared actors
  // Whether it is new: what comes again is answered again.
  bool TakeConstructor(PeerLink& link, const Job& job);
  HostedActor* FindBeingMade(const TaskSpec& constructor);
  void ConstructorFailed(const TaskSpec& constructor);
  void EndActor(HostedActor& actor, bool force);
  void AbandonCall(Job& job);
  void LoseWithheld(Checkpoints& checkpoints);
  void BuryIfDone(HostedActor& actor);
  void Bury();

  // worker_checkpoints.cc
  void RestoreAnswers(HostedActor& actor, Job& constructor, std::vector<ObjectRecord*>& covered);
  std::shared_ptr<Answer> Restored(const SavedCall& call, std::vector<ObjectRecord*>& covered);
  // Null if the call was not answered before the restart.
  std::shared_ptr<Answer> TakeRestored(const Job& call);
  void StartCheckpoints(HostedActor& actor, const TaskSpec& constructor, const internal::Invocation& constructed);
  // A call has ended and is answered; says whether the answer is to wait for the next checkpoint.
  bool NoteChange(const Job& call, const std::shared_ptr<Answer>& answer);
  void TakeCheckpoint(HostedActor& actor);
  absl::Status SendCheckpoint(HostedActor& actor, Results& state,
                              const std::vector<std::pair<ProcessId, std::shared_ptr<Answer>>>& unheard);
  void CheckpointSaved(ObjectId actor, uint32_t incarnation, absl::Duration away, const absl::Status& status);
  void AskForCheckpoint(HostedActor& actor);
  // It is looked at after `delay`.
  void SaveLater(ObjectId actor, absl::Duration delay);
  void WatchCheckpoints(absl::Duration delay);
  void LookAtCheckpoints();
  void ReleaseWithheld(std::vector<std::shared_ptr<Answer>> answers);

  // worker_waits.cc: calls that wait for each other
  void WatchWaits();
  void FollowWaitOf(const Job& job, std::vector<WaitLink> chain, bool blocks);
  static std::string Describe(const Job& job);
  void FollowQueued(CallGroup& group, const Job& queued, const std::vector<WaitLink>& chain);

  // worker_service.cc
  void NumberFunctions(PeerLink& link, const PushTasks& push);
  bool Accepts(const PeerLink& link, const PushTasks& push) const;
  void Enqueue(PeerLink& link, const std::shared_ptr<PushFrame>& frame, const TaskSpec& spec);
  bool SetFunction(PeerLink& link, Job& job);
  // How the construction of a detached actor went.
  void TellConstructed(const absl::Status& status);
  bool LeaseIsUsed() const;
  void EndLease();
  void AwaitOwner();
  void CancelJob(Job& job, bool force);
  void EndJobsOf(ProcessId caller);
  void EndSoon(Job& job, int exit_code);

  const std::shared_ptr<Env> env_;
  absl::AnyInvocable<void(int)> exit_now_;
  Client* const client_;

  // The lease, if any.
  LeaseId lease_;
  ProcessId lease_client_;
  bool dedicated_ = false;
  bool lease_ending_ = false;   // as soon as nothing runs
  bool recall_untold_ = false;  // called back before its client was connected
  TimerId connect_timer_ = 0;
  TimerId absence_timer_ = 0;
  absl::flat_hash_map<uint64_t, TimerId> end_timers_;  // EndSoon's, by the jobs' numbers
  OmpThreads omp_threads_;
  TimerId waits_timer_ = 0;
  TimerId checkpoint_timer_ = 0;
  std::vector<ObjectId> to_save_;  // actors that have changed, or whose owner was out of reach; once each

  uint64_t last_job_ = 0;
  std::deque<std::unique_ptr<Job>> queue_;  // tasks and constructors
  std::deque<CallGroup*> callable_;         // of which a thread may take a call
  std::vector<Job*> running_;
  size_t blocked_ = 0;         // of those in `running_`
  bool told_blocked_ = false;  // the node knows that all of them are
  bool stopping_ = false;
  absl::flat_hash_map<ProcessId, uint64_t> started_calls_;  // the latest of each caller, where several actors may run

  // The detached actor that the node has told this worker to make, until that is done.
  ObjectId constructing_;
  uint32_t incarnation_ = 0;

  std::vector<Waiter*> idle_;        // threads with nothing to do
  size_t thread_limit_ = 1;          // with that of Run
  size_t waking_ = 0;                // threads that were woken or started, and have not come yet
  size_t most_active_ = ~size_t{0};  // threads that run and don't wait
  bool calls_first_ = false;         // the turn of calls and constructors
  std::vector<std::unique_ptr<Thread>> threads_;

  // Coroutines that run, on a loop and a thread that the first one makes.
  std::vector<std::unique_ptr<Coroutine>> coroutines_;
  size_t coroutine_tasks_ = 0;  // of them that are tasks: 1 at most
  std::unique_ptr<internal::CoroutineLoop> loop_;
  std::unique_ptr<Thread> loop_thread_;

  absl::flat_hash_map<ObjectId, std::unique_ptr<HostedActor>> actors_;
  std::deque<ProcessId> ended_callers_;                // the last kMaxEndedCallers
  bool shared_ = false;                                // they share this process
  std::vector<std::unique_ptr<HostedActor>> leaving_;  // killed, while they run or are made
  std::vector<std::unique_ptr<HostedActor>> dead_;     // their objects are to be destroyed

  std::vector<std::shared_ptr<Answer>> answers_;  // to be sent at the end of the turn
  size_t answer_bytes_ = 0;
  TaskResults results_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_WORKER_H_

// The worker role: runs the tasks that a lease's client pushes, or hosts one actor.
//
// Tasks run on the thread that called Run, which between them leads the executor's loop: it reads a task, runs it at
// stack depth zero when the loop call has returned, and writes the answer with the next wait (DESIGN section 3). While
// a task runs long, the executor's background thread flushes answers and serves cancels and recalls. An actor with
// max_concurrency > 1 gets that many threads.
//
// Invariants: only the lease's client may push tasks; only calls of the actor hosted here are run, each once. An answer
// that lists references is sent after those that this worker keeps are registered with their owners.
#ifndef IOCLUSTER_RUNTIME_WORKER_WORKER_H_
#define IOCLUSTER_RUNTIME_WORKER_WORKER_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/client.h"
#include "runtime/worker/answered_calls.h"
#include "runtime/worker/job.h"

namespace ioc {

inline constexpr absl::Duration kLeaseConnectTimeout = absl::Seconds(5);
inline constexpr absl::Duration kForceGrace = absl::Milliseconds(200);
inline constexpr size_t kAnswerBytes = size_t{64} << 10;
// How long an actor waits for its owner's process, when the connection with it has broken, before it ends.
inline constexpr absl::Duration kOwnerAbsence = absl::Seconds(30);
inline constexpr uint32_t kMaxActorThreads = 256;

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
  struct ReturnedValue {
    std::unique_ptr<internal::WritableValue> written;
    std::string text;
    std::vector<internal::Ref> refs;
  };

  // WorkerHooks
  void OnAssignLease(const AssignLease& lease) override;
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
  bool OnBlocked() override;
  void OnUnblocked() override;
  bool CancelRequested(uint64_t job) override;

  void RunDeferred() override;

  void RunLoop();
  void Execute(Job& job, internal::RunContext& context);
  absl::Status Gather(Job& job, internal::Invocation& invocation, std::vector<ObjectRecord*>& covered);
  absl::StatusOr<internal::EncodedValue> Import(Job& job, const WireValue& value, std::vector<ObjectRecord*>& covered);
  absl::Status Invoke(Job& job, internal::Invocation& invocation, Results& results);
  void Finish(Job& job, const absl::Status& status, Results& results, uint64_t run_ns,
              const std::vector<ObjectRecord*>& covered);
  void AddResult(Answer& answer, ReturnedValue& value, ObjectId id);
  void AdoptActor(Job& job, const internal::Invocation& invocation);
  // Drops what a kept answer holds.
  void Forget(Answer& answer);
  void Reply(std::shared_ptr<Answer> answer);
  void ReplyReturned(const Job& job, bool blocked);
  void ReplyFailed(const Job& job, const absl::Status& error);
  void NumberFunctions(PeerLink& link, const PushTasks& push);
  bool Accepts(const PeerLink& link, const PushTasks& push) const;
  void Enqueue(PeerLink& link, const std::shared_ptr<PushFrame>& frame, const TaskSpec& spec);
  // Whether a call of the actor is to be run: it is the actor's, and has not come before.
  bool TakeCall(PeerLink& link, const Job& job);
  void AnswerAgain(PeerLink& link, const Job& call);
  void MoveToLink(PeerLink& link, const Job& call);
  void ForgetHeard(ProcessId caller, uint64_t session, uint64_t answered);
  void EndLease();
  void AwaitOwner();
  void CancelJob(Job& job, bool force);
  void EndSoon(Job& job, int exit_code);
  void WakeOne();
  void Stop();

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

  uint64_t last_job_ = 0;
  std::deque<std::unique_ptr<Job>> queue_;
  std::vector<Job*> running_;
  std::vector<Waiter*> idle_;
  size_t blocked_ = 0;
  bool gathering_ = false;
  bool stopping_ = false;

  // The actor, if one is hosted.
  ObjectId actor_;
  AnsweredCalls answered_;
  void* actor_object_ = nullptr;
  void (*destroy_actor_)(void*) = nullptr;
  std::vector<std::unique_ptr<Thread>> threads_;

  std::vector<std::shared_ptr<Answer>> answers_;  // to be sent at the end of the turn
  size_t answer_bytes_ = 0;
  TaskResults results_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_WORKER_H_

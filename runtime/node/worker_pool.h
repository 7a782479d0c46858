// The worker processes of this node: started when a job needs them, kept while they are idle for a little, and their
// ends remembered.
//
// Owned by the node, on its executor. A worker belongs to one job for its whole life: it runs that job's program. It is
// starting (until it has registered), idle, leased, or ending (told to leave, or its connection broke).
#ifndef IOCLUSTER_RUNTIME_NODE_WORKER_POOL_H_
#define IOCLUSTER_RUNTIME_NODE_WORKER_POOL_H_

#include <absl/functional/any_invocable.h>
#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/node/life.h"
#include "runtime/node/program_store.h"
#include "runtime/node/sessions.h"
#include "runtime/node/worker_fates.h"

namespace ioc {

inline constexpr absl::Duration kIdleWorkerTimeout = absl::Seconds(10);
// From StopWorker, or from the loss of its connection, until it is killed.
inline constexpr absl::Duration kWorkerStopGrace = absl::Seconds(2);
// Starts that fail one after the other, while the job has no other worker here, until it is refused...
inline constexpr int kMaxStartFailures = 3;
// ... for this long.
inline constexpr absl::Duration kRefuseJobFor = absl::Seconds(30);
// After the first failure; doubled after each.
inline constexpr absl::Duration kStartRetryDelay = absl::Milliseconds(50);
inline constexpr absl::Duration kMaxStartRetryDelay = absl::Seconds(2);

class WorkerPool {
 public:
  struct Options {
    int max_workers = 512;  // kMaxWorkersFactor times as many where leases need them: the others wait, or own objects
    int prestart = 0;       // workers kept for a job whose driver is here
    absl::Duration start_timeout = absl::Seconds(10);
  };
  struct Registration {
    JobId job;
    NodeAddress origin;
    std::shared_ptr<SharedMemory> page;
  };
  using Handler = absl::AnyInvocable<void(const absl::StatusOr<ProcessId>&)>;

  class Listener {
   public:
    // A registered worker can't serve any more; then, later or at once, its process has ended. `worker` is null if it
    // never registered.
    virtual void OnWorkerLost(ProcessId worker) = 0;
    virtual void OnWorkerExited(SessionId session, ProcessId worker) = 0;

   protected:
    ~Listener() = default;
  };

  WorkerPool(Env& env, Options options, Sessions& sessions, ProgramStore& programs, Listener& listener);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // A driver of this node: its workers are prestarted, and end with it.
  void AddJob(JobId job, const NodeAddress& origin);
  // Its workers end, but for those that are leased and `outlives`.
  void EndJob(JobId job, absl::FunctionRef<bool(ProcessId)> outlives);

  // What the worker is for.
  struct Purpose {
    bool outlives_driver = false;  // EndJob does not take it back
    bool ends_with_lease = false;  // it must not be one that others' references live in
  };
  // A worker for a lease; `handler` is called once, maybe before this returns. Errors: kProgramMissing (the program
  // can't run here), FailedPrecondition (no worker can be started now), kDisconnected.
  void Acquire(JobId job, const NodeAddress& origin, Purpose purpose, Handler handler);
  // The lease is over. One that is not `reusable` is told to leave.
  void Release(ProcessId worker, bool reusable);

  // The session's process says that it is `process`. Errors: it is none of our workers, or it registers twice.
  absl::StatusOr<Registration> Register(SessionId session, ProcessId process);
  // It has heard the answer, and can take leases.
  void Registered(SessionId session);
  void SessionClosed(SessionId session);
  // Whether it is a worker's whose process has not ended.
  bool Runs(SessionId session) const { return by_session_.contains(session); }

  void AskFate(ProcessId process, absl::Duration timeout, WorkerFates::Handler handler);
  uint32_t count() const { return static_cast<uint32_t>(workers_.size()); }
  int max_workers() const { return options_.max_workers; }

 private:
  // Why a worker could not be started.
  enum class Fault {
    kProgram,    // the program, for all that is known
    kAccident,   // maybe the program
    kResources,  // this machine
  };
  enum class State { kStarting, kIdle, kLeased, kEnding };
  struct Worker {
    JobId job;
    SessionId session = 0;
    ProcessId process;
    State state = State::kStarting;
    std::unique_ptr<Child> child;
    std::shared_ptr<SharedMemory> page;
    TimerId timer = 0;  // start timeout, or the kill after the grace
    absl::Time idle_since;
    std::string reason;  // why the node ended it
  };
  struct Job {
    NodeAddress origin;
    bool has_driver = false;  // on this node
    bool locating = false;
    std::optional<ProgramInfo> program;
    std::unique_ptr<ProcessTemplate> processes;  // of `program`; once one is wanted
    bool ever_registered = false;                // a worker of it, here: the program can run
    int start_failures = 0;                      // in a row
    absl::Time retry_at = absl::InfinitePast();
    absl::Status refused;
    absl::Time refused_until;
  };
  struct Waiting {
    JobId job;
    Purpose purpose;
    Handler handler;
  };
  using Workers = std::map<uint64_t, Worker>;

  // Whether it owns objects that somebody refers to, or refers to others'.
  static bool IsReferredTo(const Worker& worker);
  void Pump();
  void ServeWaiting();
  void StartMissing();
  void StartWorkers(JobId job, int missing);
  int CountWorkers(JobId job, std::optional<State> state) const;
  int CountStarting() const;
  bool IsWaitedFor(JobId job) const;
  void LocateProgram(JobId job);
  ProcessTemplate& TemplateOf(Job& job);
  bool StartWorker(JobId job);
  // Whether another worker may be started. If not, lets idle ones of other jobs go: `places` are wanted.
  bool MakeRoom(JobId job, int places);
  void StartTimedOut(uint64_t number);
  void StartFailed(JobId job, const absl::Status& why, Fault fault);
  bool HasRegisteredWorker(JobId job) const;
  // Those that outlive the driver as well, or not.
  void FailWaiting(JobId job, const absl::Status& why, bool all = true);
  void Stop(Worker& worker, std::string_view reason);
  void KillAfterGrace(Worker& worker, std::string_view reason);
  void Exited(uint64_t number, const ExitStatus& exit);
  void ReapIdle();
  void ForgetJobs();
  Workers::iterator FindBySession(SessionId session);
  Workers::iterator FindByProcess(ProcessId process);

  Env& env_;
  const Options options_;
  Sessions& sessions_;
  ProgramStore& programs_;
  Listener& listener_;
  std::map<JobId, Job> jobs_;
  uint64_t last_worker_ = 0;
  Workers workers_;
  std::map<ProcessId, uint64_t> by_process_;
  std::map<SessionId, uint64_t> by_session_;
  std::vector<std::unique_ptr<Child>> ended_;  // until the end of the turn: they run the callback that says so
  std::deque<Waiting> waiting_;
  TimerId reap_timer_ = 0;
  WorkerFates fates_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_WORKER_POOL_H_

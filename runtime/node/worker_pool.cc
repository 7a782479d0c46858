#include "runtime/node/worker_pool.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/objects/worker_page.h"
#include "runtime/node/local_scheduler.h"

namespace ioc {
namespace {

std::string StderrTail(const ExitStatus& exit) {
  const absl::string_view words = absl::StripTrailingAsciiWhitespace(exit.stderr_tail);
  return words.empty() ? "" : absl::StrCat("; its last words: ", words);
}

}  // namespace

WorkerPool::WorkerPool(Env& env, Options options, Sessions& sessions, ProgramStore& programs, Listener& listener)
    : env_(env), options_(options), sessions_(sessions), programs_(programs), listener_(listener), fates_(env) {}

WorkerPool::~WorkerPool() {
  for (auto& [number, worker] : workers_) env_.executor().CancelTimer(worker.timer);
  env_.executor().CancelTimer(reap_timer_);
}

void WorkerPool::AddJob(JobId job, const NodeAddress& origin) {
  Job& known = jobs_[job];
  known.origin = origin;
  known.has_driver = true;
  Pump();
}

void WorkerPool::EndJob(JobId job, absl::FunctionRef<bool(ProcessId)> outlives) {
  auto found = jobs_.find(job);
  if (found == jobs_.end()) return;
  found->second.has_driver = false;
  for (auto& [number, worker] : workers_) {
    const bool goes_on = worker.state == State::kLeased && outlives(worker.process);
    if (worker.job == job && !goes_on) Stop(worker, "its driver has ended");
  }
  FailWaiting(job, MakeError(Cause::kDisconnected, absl::StrCat("the driver of job ", job.ToString(), " has ended")),
              /*all=*/false);
  if (!IsWaitedFor(job) && CountWorkers(job, std::nullopt) == 0) {
    jobs_.erase(job);
    return programs_.Unused(job);
  }
  Pump();
}

bool WorkerPool::IsWaitedFor(JobId job) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [job](const Waiting& waiting) { return waiting.job == job; });
}

void WorkerPool::Acquire(JobId job, const NodeAddress& origin, Purpose purpose, Handler handler) {
  Job& wanted = jobs_[job];
  // The last one to ask knows best where it is now.
  if (!wanted.has_driver && !wanted.program && !wanted.locating) wanted.origin = origin;
  if (!wanted.refused.ok() && env_.executor().Now() >= wanted.refused_until) {
    wanted.refused = absl::OkStatus();
    wanted.start_failures = 0;
    wanted.program.reset();
    wanted.processes = nullptr;
  }
  waiting_.push_back({job, purpose, std::move(handler)});
  Pump();
  const auto known = jobs_.find(job);
  if (known != jobs_.end() && !known->second.refused.ok()) FailWaiting(job, absl::Status(known->second.refused));
}

void WorkerPool::Release(ProcessId process, bool reusable) {
  auto found = FindByProcess(process);
  if (found == workers_.end() || found->second.state != State::kLeased) return;
  Worker& worker = found->second;
  if (!reusable || !jobs_.contains(worker.job)) return Stop(worker, "its lease has ended");
  worker.state = State::kIdle;
  worker.idle_since = env_.executor().Now();
  if (reap_timer_ == 0) reap_timer_ = env_.executor().Schedule(kIdleWorkerTimeout, life_.Bind([this] { ReapIdle(); }));
  Pump();
}

void WorkerPool::Pump() {
  ServeWaiting();
  StartMissing();
}

void WorkerPool::ServeWaiting() {
  // Handlers may come back here, so they run when the books are straight.
  std::vector<std::pair<Handler, ProcessId>> served;
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    auto best = workers_.end();  // the one that worked last: its caches are warm, and the others can be reaped
    for (auto worker = workers_.begin(); worker != workers_.end(); ++worker) {
      if (worker->second.job != waiting->job || worker->second.state != State::kIdle) continue;
      if (waiting->purpose.ends_with_lease && IsReferredTo(worker->second)) continue;
      if (best == workers_.end() || worker->second.idle_since > best->second.idle_since) best = worker;
    }
    if (best == workers_.end()) {
      ++waiting;
      continue;
    }
    best->second.state = State::kLeased;
    served.emplace_back(std::move(waiting->handler), best->second.process);
    waiting = waiting_.erase(waiting);
  }
  for (auto& [handler, process] : served) handler(process);
}

bool WorkerPool::IsReferredTo(const Worker& worker) {
  return WorkerPageIn(*worker.page).owned.load(std::memory_order_acquire) > 0;
}

int WorkerPool::CountWorkers(JobId job, std::optional<State> state) const {
  return static_cast<int>(std::count_if(workers_.begin(), workers_.end(), [&](const auto& entry) {
    const Worker& worker = entry.second;
    return worker.job == job && (state ? worker.state == *state : worker.state != State::kEnding);
  }));
}

int WorkerPool::CountStarting() const {
  return static_cast<int>(std::count_if(workers_.begin(), workers_.end(),
                                        [](const auto& entry) { return entry.second.state == State::kStarting; }));
}

void WorkerPool::StartMissing() {
  std::map<JobId, int> missing;
  for (const Waiting& waiting : waiting_) ++missing[waiting.job];
  for (auto& [job, count] : missing) count -= CountWorkers(job, State::kStarting);
  for (const auto& [job, known] : jobs_) {
    if (known.has_driver) {
      missing[job] = std::max(missing[job], options_.prestart - CountWorkers(job, std::nullopt));
    }
  }
  for (const auto& [job, count] : missing) StartWorkers(job, count);
}

void WorkerPool::StartWorkers(JobId job, int missing) {
  const auto known = jobs_.find(job);
  if (missing <= 0 || known == jobs_.end()) return;
  if (!known->second.refused.ok() || env_.executor().Now() < known->second.retry_at) return;
  if (!known->second.program) return LocateProgram(job);
  // More at a time would only make each of them slower.
  const int max_starting = 2 * env_.host().cpus + 2;
  for (; missing > 0 && CountStarting() < max_starting; --missing) {
    if (!MakeRoom(job, missing) || !StartWorker(job)) return;
  }
}

bool WorkerPool::MakeRoom(JobId job, int places) {
  if (workers_.size() < static_cast<size_t>(options_.max_workers)) return true;
  if (!IsWaitedFor(job)) return false;
  int leaving = 0;
  for (const auto& [number, worker] : workers_) leaving += worker.state == State::kEnding ? 1 : 0;
  for (auto& [number, worker] : workers_) {
    if (leaving >= places) break;
    if (worker.state != State::kIdle || worker.job == job || IsReferredTo(worker)) continue;
    Stop(worker, "another job needs its place");
    ++leaving;
  }
  return leaving == 0 && workers_.size() < kMaxWorkersFactor * static_cast<size_t>(options_.max_workers);
}

void WorkerPool::LocateProgram(JobId job) {
  auto found = jobs_.find(job);
  if (found == jobs_.end() || found->second.locating) return;
  found->second.locating = true;
  programs_.Locate(job, found->second.origin, life_.Bind([this, job](const absl::StatusOr<ProgramInfo>& program) {
    auto found = jobs_.find(job);
    if (found == jobs_.end()) return programs_.Unused(job);
    found->second.locating = false;
    if (!program.ok()) {
      // If only the connection broke, it is tried again.
      const bool is_cut_off = CauseOf(program.status()) == Cause::kDisconnected;
      return StartFailed(job, program.status(), is_cut_off ? Fault::kAccident : Fault::kProgram);
    }
    found->second.program = *program;
    Pump();
  }));
}

ProcessTemplate& WorkerPool::TemplateOf(Job& job) {
  if (job.processes == nullptr) {
    job.processes = env_.processes().MakeTemplate({.program = job.program->path,
                                                   .arguments = job.program->arguments,
                                                   .environment = {{"IOCLUSTER_WORKER", "1"}},
                                                   .defaults = {{"OMP_NUM_THREADS", "1"}},
                                                   .directory = job.program->directory,
                                                   .library_path = job.program->library_path});
  }
  return *job.processes;
}

bool WorkerPool::StartWorker(JobId job) {
  ProcessTemplate& processes = TemplateOf(jobs_.at(job));
  const uint64_t number = ++last_worker_;
  absl::StatusOr<std::shared_ptr<SharedMemory>> page = env_.CreateSharedMemory("ioc-worker-page", kWorkerPageBytes);
  absl::Status ready = page.ok() ? (*page)->Commit(0, kWorkerPageBytes) : page.status();
  if (!ready.ok()) {
    StartFailed(job, ready, Fault::kResources);
    return false;
  }
  auto child = processes.Fork({}, life_.Bind([this, number](const ExitStatus& exit) { Exited(number, exit); }));
  if (!child.ok()) {
    const bool is_program = CauseOf(child.status()) == Cause::kProgramMissing;
    StartFailed(job, child.status(), is_program ? Fault::kProgram : Fault::kResources);
    return false;
  }
  Worker& worker = workers_[number];
  worker.job = job;
  worker.child = *std::move(child);
  worker.page = *std::move(page);
  worker.session = sessions_.AcceptOwn(worker.child->TakeConnection());
  by_session_[worker.session] = number;
  worker.timer =
      env_.executor().Schedule(options_.start_timeout, life_.Bind([this, number] { StartTimedOut(number); }));
  return true;
}

void WorkerPool::StartTimedOut(uint64_t number) {
  auto found = workers_.find(number);
  if (found == workers_.end() || found->second.state != State::kStarting) return;
  Worker& worker = found->second;
  worker.timer = 0;
  worker.state = State::kEnding;
  worker.reason = "it did not call ioc::Cluster::Connect in time";
  worker.child->Kill();
  const JobId job = worker.job;
  const std::string path = jobs_.contains(job) && jobs_[job].program ? jobs_[job].program->path : "";
  StartFailed(job,
              MakeError(Cause::kProgramMissing,
                        absl::StrCat("the program ", path,
                                     " was started as a worker but did not call ioc::Cluster::Connect within ",
                                     absl::FormatDuration(options_.start_timeout), "; call it first thing in main")),
              Fault::kProgram);
}

// A program that has run here, or a machine that has no more of something, is tried again in a while. The job's leases
// go elsewhere where it has no worker here that could take them.
void WorkerPool::StartFailed(JobId job, const absl::Status& why, Fault fault) {
  auto found = jobs_.find(job);
  if (found == jobs_.end()) return;
  Job& failed = found->second;
  const absl::Time now = env_.executor().Now();
  const std::string message(why.message());
  const int failures = ++failed.start_failures;
  env_.Log(LogLevel::kWarning, absl::StrCat("job ", job.ToString(), ": ", message));
  const bool is_programs = fault != Fault::kResources && !failed.ever_registered;
  const bool is_hopeless = is_programs && fault == Fault::kProgram;
  if (!is_hopeless && (failures < kMaxStartFailures || HasRegisteredWorker(job))) {
    const absl::Duration delay = std::min(kStartRetryDelay * (1 << std::min(failures - 1, 10)), kMaxStartRetryDelay);
    failed.retry_at = now + delay;
    env_.executor().Schedule(delay, life_.Bind([this] { Pump(); }));
    return;
  }
  failed.refused = is_programs ? MakeError(Cause::kProgramMissing, message)
                               : absl::FailedPreconditionError(absl::StrCat("can't start a worker now: ", message));
  failed.refused_until = now + kRefuseJobFor;
  FailWaiting(job, absl::Status(failed.refused));
}

bool WorkerPool::HasRegisteredWorker(JobId job) const {
  return std::any_of(workers_.begin(), workers_.end(), [job](const auto& entry) {
    const State state = entry.second.state;
    return entry.second.job == job && (state == State::kIdle || state == State::kLeased);
  });
}

void WorkerPool::FailWaiting(JobId job, const absl::Status& why, bool all) {
  std::vector<Handler> failed;
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    const bool fails = waiting->job == job && (all || !waiting->purpose.outlives_driver);
    if (fails) failed.push_back(std::move(waiting->handler));
    waiting = fails ? waiting_.erase(waiting) : std::next(waiting);
  }
  for (Handler& handler : failed) handler(why);
}

absl::StatusOr<WorkerPool::Registration> WorkerPool::Register(SessionId session, ProcessId process) {
  auto found = FindBySession(session);
  if (found == workers_.end()) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("process ", process.ToString(),
                                  " registers as a worker, but this node did not start it; unset IOCLUSTER_WORKER"));
  }
  Worker& worker = found->second;
  if (worker.state != State::kStarting || worker.process) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("worker ", process.ToString(), " registers too late"));
  }
  worker.process = process;
  by_process_[process] = found->first;
  return Registration{worker.job, jobs_.contains(worker.job) ? jobs_[worker.job].origin : NodeAddress{}, worker.page};
}

void WorkerPool::Registered(SessionId session) {
  auto found = FindBySession(session);
  if (found == workers_.end() || found->second.state != State::kStarting) return;
  Worker& worker = found->second;
  env_.executor().CancelTimer(std::exchange(worker.timer, 0));
  if (auto job = jobs_.find(worker.job); job != jobs_.end()) {
    job->second.ever_registered = true;
    job->second.start_failures = 0;
    job->second.retry_at = absl::InfinitePast();
  }
  worker.state = State::kLeased;
  Release(worker.process, /*reusable=*/true);
}

void WorkerPool::Stop(Worker& worker, std::string_view reason) {
  if (worker.state == State::kEnding) return;
  if (Session* session = sessions_.Find(worker.session)) {
    session->channel().Notify(StopWorker{.reason = std::string(reason)});
  }
  KillAfterGrace(worker, reason);
}

void WorkerPool::KillAfterGrace(Worker& worker, std::string_view reason) {
  if (worker.state == State::kEnding) return;
  worker.state = State::kEnding;
  worker.reason = reason;
  env_.executor().CancelTimer(worker.timer);
  const uint64_t number = by_session_.at(worker.session);
  worker.timer = env_.executor().Schedule(kWorkerStopGrace, life_.Bind([this, number] {
    auto found = workers_.find(number);
    if (found == workers_.end()) return;
    found->second.timer = 0;
    found->second.child->Kill();
  }));
}

void WorkerPool::SessionClosed(SessionId session) {
  auto found = FindBySession(session);
  if (found == workers_.end()) return;
  const ProcessId process = found->second.process;
  // One that was starting has ended or is about to; its exit says how.
  if (found->second.state != State::kStarting) KillAfterGrace(found->second, "");
  if (process) listener_.OnWorkerLost(process);
}

void WorkerPool::Exited(uint64_t number, const ExitStatus& exit) {
  auto found = workers_.find(number);
  if (found == workers_.end()) return;
  Worker worker = std::move(found->second);
  workers_.erase(found);
  by_session_.erase(worker.session);
  env_.executor().CancelTimer(worker.timer);
  if (worker.process) {
    by_process_.erase(worker.process);
    const WorkerPage& page = WorkerPageIn(*worker.page);
    fates_.Remember(worker.process, {.running = false,
                                     .known = true,
                                     .exit_code = exit.code,
                                     .signal = exit.signal,
                                     .stderr_tail = exit.stderr_tail,
                                     .reason = worker.reason,
                                     .started = page.started.load(std::memory_order_acquire),
                                     .caller = ProcessId(page.caller.load(std::memory_order_acquire))});
  }
  listener_.OnWorkerExited(worker.session, worker.process);
  const bool is_late = worker.process || worker.state != State::kStarting;
  if (!is_late && !exit.not_started.ok()) {
    const bool is_program = CauseOf(exit.not_started) == Cause::kProgramMissing;
    StartFailed(worker.job, exit.not_started, is_program ? Fault::kAccident : Fault::kResources);
  } else if (!is_late) {
    const std::string path = jobs_.contains(worker.job) && jobs_[worker.job].program
                                 ? jobs_[worker.job].program->path
                                 : absl::StrCat("of job ", worker.job.ToString());
    StartFailed(worker.job,
                MakeError(Cause::kProgramMissing,
                          absl::StrCat("the program ", path, " was started as a worker and ", Describe(exit),
                                       " before it called ioc::Cluster::Connect; call it first thing in main",
                                       StderrTail(exit))),
                Fault::kAccident);
  }
  ended_.push_back(std::move(worker.child));
  // In a turn of its own: the job's template may be what says this.
  if (ended_.size() == 1) {
    env_.executor().Post(life_.Bind([this] {
      ended_.clear();
      ForgetJobs();
    }));
  }
  Pump();
}

void WorkerPool::ReapIdle() {
  reap_timer_ = 0;
  const absl::Time now = env_.executor().Now();
  bool any_idle = false;
  for (auto& [number, worker] : workers_) {
    if (worker.state != State::kIdle) continue;
    auto job = jobs_.find(worker.job);
    const int keep = job != jobs_.end() && job->second.has_driver ? options_.prestart : 0;
    const bool is_needed = IsReferredTo(worker);
    if (is_needed || now - worker.idle_since < kIdleWorkerTimeout || CountWorkers(worker.job, std::nullopt) <= keep) {
      any_idle = any_idle || keep == 0 || CountWorkers(worker.job, std::nullopt) > keep;
      continue;
    }
    Stop(worker, "it was idle");
  }
  ForgetJobs();
  if (any_idle) reap_timer_ = env_.executor().Schedule(absl::Seconds(1), life_.Bind([this] { ReapIdle(); }));
}

// Jobs without a driver here are forgotten with their last worker.
void WorkerPool::ForgetJobs() {
  const absl::Time now = env_.executor().Now();
  std::erase_if(jobs_, [&](const auto& entry) {
    const bool is_over = !entry.second.has_driver && !IsWaitedFor(entry.first) && !entry.second.locating &&
                         CountWorkers(entry.first, std::nullopt) == 0 && now >= entry.second.refused_until;
    if (is_over) programs_.Unused(entry.first);
    return is_over;
  });
}

void WorkerPool::AskFate(ProcessId process, absl::Duration timeout, WorkerFates::Handler handler) {
  fates_.Ask(process, FindByProcess(process) != workers_.end(), timeout, std::move(handler));
}

WorkerPool::Workers::iterator WorkerPool::FindBySession(SessionId session) {
  auto found = by_session_.find(session);
  return found == by_session_.end() ? workers_.end() : workers_.find(found->second);
}

WorkerPool::Workers::iterator WorkerPool::FindByProcess(ProcessId process) {
  auto found = by_process_.find(process);
  return found == by_process_.end() ? workers_.end() : workers_.find(found->second);
}

}  // namespace ioc

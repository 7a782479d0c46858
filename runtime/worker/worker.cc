#include "runtime/worker/worker.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "lib/objects/worker_page.h"
#include "runtime/worker/results.h"

namespace ioc {

Worker::Worker(std::shared_ptr<Env> env, absl::AnyInvocable<void(int)> exit_now)
    : env_(std::move(env)), exit_now_(std::move(exit_now)), client_(new Client(env_, this)) {}

Worker::~Worker() {
  // Threads and actors are left by Run only if that was unwound.
  JoinThreads();
  client_->Shutdown();
  DestroyActors();
  {
    MutexLock lock(env_->executor().mutex());
    env_->executor().CancelTimer(connect_timer_);
    env_->executor().CancelTimer(absence_timer_);
    env_->executor().CancelTimer(waits_timer_);
    env_->executor().CancelTimer(checkpoint_timer_);
    for (const auto& [job, timer] : end_timers_) env_->executor().CancelTimer(timer);
    env_->executor().Undefer(*this);
  }
  client_->Release();
}

absl::Status Worker::Connect(absl::Duration timeout) {
  return client_->Connect({.role = Role::kWorker, .timeout = timeout});
}

void Worker::Run() {
  RunLoop();
  JoinThreads();
  EndLoop();
  DestroyActors();
}

void Worker::JoinThreads() {
  std::vector<std::unique_ptr<Thread>> threads;
  {
    MutexLock lock(env_->executor().mutex());
    thread_limit_ = 0;
    threads = std::move(threads_);
  }
  for (auto& thread : threads) thread.reset();
}

// In the order of their ids, since users see it.
void Worker::DestroyActors() {
  std::vector<HostedActor::Object> objects;
  {
    MutexLock lock(env_->executor().mutex());  // the node and the clients are still served
    for (HostedActor* actor : ActorsInOrder()) objects.push_back(actor->TakeObject());
  }
  for (const HostedActor::Object& object : objects) object.Destroy();
}

void Worker::RunLoop() {
  internal::RunContext context{.runtime = client_};
  internal::SetCurrentContext(&context);
  bool flushed = false;
  {
    MutexLock lock(env_->executor().mutex());
    while (true) {
      if (!dead_.empty()) Bury();
      if (waking_ > 0) --waking_;
      if (std::unique_ptr<Job> job = NextJob()) {
        if (job->is_checkpoint) {
          TakeCheckpoint(*job->actor);
          CallEnded(*job->group);
        } else {
          Execute(std::move(job), context);
        }
        flushed = false;
        continue;
      }
      if (stopping_ && coroutines_.empty()) break;
      client_->NoteOwned();
      // What tasks printed must not wait for the end of the process, which may be sudden. Its reader may be slow.
      if (!std::exchange(flushed, true)) {
        env_->executor().mutex().unlock();
        std::fflush(stdout);
        env_->executor().mutex().lock();
        continue;
      }
      Waiter waiter;
      idle_.push_back(&waiter);
      env_->executor().Await(waiter, absl::InfiniteFuture());
      std::erase(idle_, &waiter);
      flushed = false;
    }
    RunDeferred();
  }
  internal::SetCurrentContext(nullptr);
}

std::unique_ptr<Worker::Job> Worker::NextJob() {
  std::unique_ptr<Job> job;
  if (AtLimit()) return job;
  calls_first_ = shared_ && !calls_first_;
  if (MayBeginTask() && (!calls_first_ || callable_.empty())) {
    job = std::move(queue_.front());
    queue_.pop_front();
  }
  while (job == nullptr && !callable_.empty()) {
    CallGroup& group = *callable_.front();
    callable_.pop_front();
    group.listed = false;
    if (!group.CanRun()) continue;  // what waited was cancelled
    job = group.save ? std::make_unique<Job>() : group.waiting.Pop();
    if (std::exchange(group.save, false)) {
      job->is_checkpoint = true;
      job->actor = group.actor;
      job->group = &group;
    }
    ++group.running;
    List(group);
  }
  const bool more = MayBeginTask() || !callable_.empty();
  if (more && job != nullptr) WakeOne(/*brief=*/job->function->is_coroutine);
  return job;
}

void Worker::List(CallGroup& group) {
  if (group.listed || !group.CanRun()) return;
  group.listed = true;
  callable_.push_back(&group);
}

void Worker::WakeOne(bool brief) {
  if (brief && waking_ > 0) return;
  for (Waiter* waiter : idle_) {
    if (waiter->notified) continue;
    ++waking_;
    return env_->executor().Notify(*waiter);
  }
  if (threads_.size() + 1 >= thread_limit_ || AtLimit()) return;
  ++waking_;
  threads_.push_back(
      env_->executor().StartThread(absl::StrCat("ioc-call-", threads_.size() + 1), [this] { RunLoop(); }));
}

void Worker::Stop() {
  stopping_ = true;
  for (Waiter* waiter : idle_) env_->executor().Notify(*waiter);
}

Worker::Job* Worker::FindRunning(uint64_t number) {
  const auto found =
      std::find_if(running_.begin(), running_.end(), [number](const Job* job) { return job->number == number; });
  return found == running_.end() ? nullptr : *found;
}

// Calls of one caller may begin in another order than they were made, where several may run: then those before the
// latest one count as begun.
void Worker::NoteStarted(const Job& job) {
  // A detached actor's constructor is nobody's call.
  if (client_->registration().status_page == nullptr || job.caller == kHeadProcess) return;
  uint64_t sequence = job.spec->sequence;
  if (job.actor != nullptr || job.spec->shared) {
    uint64_t& latest = started_calls_[job.caller];
    sequence = latest = std::max(latest, sequence);
  }
  WorkerPage& page = WorkerPageIn(*client_->registration().status_page);
  page.started.store(sequence, std::memory_order_relaxed);
  page.caller.store(job.caller.value(), std::memory_order_relaxed);
}

// --- waiting tasks ---

uint64_t Worker::OnBlocked(const std::vector<ObjectRecord*>* awaited, absl::Time deadline) {
  Job* const job = FindRunning(internal::CurrentContext()->job);
  if (job == nullptr || (job->gathering && !shared_)) return 0;
  if (++job->waits > 1) return job->number;
  ++blocked_;
  job->awaited = awaited;
  job->waits_since = env_->executor().Now();
  job->waits_until = deadline;
  if (job->actor != nullptr && awaited != nullptr) WatchWaits();
  if (shared_) {
    if (!queue_.empty() || !callable_.empty()) WakeOne();
  } else if (actors_.empty()) {
    // Nobody shall wait behind a task that waits: hand back what has not started.
    for (const auto& waiting : std::exchange(queue_, {})) ReplyReturned(*waiting, true);
  }
  TellBlocked();
  return job->number;
}

void Worker::OnUnblocked(uint64_t number) {
  Job* const job = FindRunning(number);
  if (job == nullptr || --job->waits > 0) return;  // one that ended before its waits did does not count any more
  --blocked_;
  job->awaited = nullptr;
  TellBlocked();
}

// While all that runs here waits, the lease's CPUs are free for others.
void Worker::TellBlocked() {
  if (shared_) return;  // they hold none
  const bool all_blocked = blocked_ > 0 && blocked_ == running_.size();
  if (all_blocked == told_blocked_ || !lease_) return;
  told_blocked_ = all_blocked;
  if (all_blocked) {
    client_->node().Notify(TaskBlocked{.lease = lease_});
  } else {
    client_->node().Notify(TaskUnblocked{.lease = lease_});
  }
}

bool Worker::CancelRequested(uint64_t number) {
  const Job* const job = FindRunning(number);
  return job != nullptr && job->cancelled;
}

void Worker::Count(ProcessCensus& census) const {
  census.jobs = queue_.size() + running_.size();
  for (const auto& [id, actor] : actors_) {
    for (const auto& group : actor->groups()) census.jobs += group->waiting.size();
    census.answers += actor->answered().size();
  }
}

}  // namespace ioc

// The part of Worker that runs coroutines: on one loop and one thread for all of them, which the first one makes.
//
// A job's thread decodes the arguments and hands the call to the loop; whoever comes from the loop with its end answers
// it. So many calls run at a time as their group allows, and one task.
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/worker/results.h"

namespace ioc {

void Worker::StartCoroutine(std::unique_ptr<Job> job, std::unique_ptr<internal::CoroutineCall> call,
                            std::vector<ObjectRecord*> covered) {
  Coroutine& coroutine = *coroutines_.emplace_back(std::make_unique<Coroutine>(*client_));
  coroutine.job = std::move(job);
  coroutine.covered = std::move(covered);
  coroutine.call = std::move(call);
  coroutine.start = env_->executor().Now();
  Job& started = *coroutine.job;
  if (started.actor == nullptr) ++coroutine_tasks_;
  if (loop_ == nullptr) {
    loop_ = coroutine.call->MakeLoop();
    loop_thread_ = env_->executor().StartThread("ioc-coroutines", [this] {
      internal::RunContext context{.runtime = client_};
      internal::SetCurrentContext(&context);
      loop_->Run();
      internal::SetCurrentContext(nullptr);
    });
  }
  const internal::RunContext context{.runtime = client_, .job = started.number, .coroutine = started.function->label};
  coroutine.call->Start(*loop_, context, coroutine.results,
                        [this, &coroutine](const absl::Status& status) { OnCoroutineDone(coroutine, status); });
  started.coroutine = coroutine.call.get();
  if (started.cancelled) started.coroutine->Cancel();
}

// On the loop's thread, without the mutex.
void Worker::OnCoroutineDone(Coroutine& coroutine, const absl::Status& returned) {
  Job& job = *coroutine.job;
  const absl::Status status = returned.ok() ? CheckResults(job, coroutine.results) : returned;
  std::unique_ptr<internal::CoroutineCall> call;
  {
    MutexLock lock(env_->executor().mutex());
    job.coroutine = nullptr;
    call = std::move(coroutine.call);
  }
  call = nullptr;  // and with it the arguments, before it is looked at what is kept
  std::unique_ptr<Coroutine> ended;
  {
    MutexLock lock(env_->executor().mutex());
    const absl::Duration run = env_->executor().Now() - coroutine.start;
    Finish(job, status, coroutine.results, static_cast<uint64_t>(absl::ToInt64Nanoseconds(run)), coroutine.covered);
    const auto found = std::find_if(coroutines_.begin(), coroutines_.end(),
                                    [&](const auto& running) { return running.get() == &coroutine; });
    ended = std::move(*found);
    coroutines_.erase(found);
    if (job.actor == nullptr) --coroutine_tasks_;
    if (job.actor != nullptr && job.actor->checkpoints != nullptr && job.actor->checkpoints->due) {
      AskForCheckpoint(*job.actor);  // user code, which is not for this thread
    }
    Ended(job);
    if (stopping_) {
      Stop();  // those that waited for this one
    } else if (MayBeginTask() || !callable_.empty()) {
      WakeOne();
    }
    env_->executor().Expedite();
  }
}

void Worker::EndLoop() {
  if (loop_ == nullptr) return;
  loop_->Stop();
  loop_thread_ = nullptr;
  loop_ = nullptr;
}

}  // namespace ioc

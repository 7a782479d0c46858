#include "lib/env_asio/asio_background.h"

#include <pthread.h>

#include <utility>

namespace ioc {

AsioBackground::~AsioBackground() {
  if (!thread_.joinable()) return;
  WorkQueue<Job> dropped;  // destroyed without the lock: what they hold may be anything
  {
    MutexLock lock(mutex_);
    closing_ = true;
    std::swap(dropped, jobs_);
    wake_.notify_one();
  }
  thread_.join();
}

void AsioBackground::Add(Job job, bool is_first) {
  {
    MutexLock lock(mutex_);
    is_first ? jobs_.PushFirst(std::move(job)) : jobs_.Push(std::move(job));
    wake_.notify_one();
  }
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { Main(); });
  pthread_setname_np(thread_.native_handle(), "ioc-background");
}

void AsioBackground::Main() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::unique_lock lock(mutex_.native());
  while (true) {
    wake_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return closing_ || !jobs_.empty(); });
    if (closing_) return;
    Job job = jobs_.Pop();
    lock.unlock();
    absl::Status status = job.work();
    // What the work holds may live on the executor: it goes there, with the answer.
    executor_.Post([job = std::move(job), status = std::move(status)]() mutable { job.done(status); });
    lock.lock();
  }
}

}  // namespace ioc

#include "lib/env_asio/asio_background.h"

#include <pthread.h>

#include <utility>

namespace ioc {

AsioBackground::~AsioBackground() {
  if (!thread_.joinable()) return;
  std::deque<Job> dropped;  // destroyed without the lock: what they hold may be anything
  {
    MutexLock lock(mutex_);
    closing_ = true;
    dropped.swap(jobs_);
    wake_.notify_one();
  }
  thread_.join();
}

void AsioBackground::Run(uint64_t, Work work, Done done) {
  {
    MutexLock lock(mutex_);
    jobs_.push_back({std::move(work), std::move(done)});
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
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    absl::Status status = job.work();
    // What the work holds may live on the executor: it goes there, with the answer.
    executor_.Post([job = std::move(job), status = std::move(status)]() mutable { job.done(status); });
    lock.lock();
  }
}

}  // namespace ioc

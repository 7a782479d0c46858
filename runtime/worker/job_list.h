// Jobs that wait, in order. Small, because each of the thousands of actors of one process has one: it allocates
// nothing.
#ifndef IOCLUSTER_RUNTIME_WORKER_JOB_LIST_H_
#define IOCLUSTER_RUNTIME_WORKER_JOB_LIST_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "runtime/worker/job.h"

namespace ioc {

class JobList {
 public:
  JobList() = default;
  JobList(const JobList&) = delete;
  JobList& operator=(const JobList&) = delete;
  // One after the other: a long list must not be destroyed recursively.
  ~JobList() {
    while (!empty()) Pop();
  }

  bool empty() const { return first_ == nullptr; }
  size_t size() const {
    size_t count = 0;
    for (const WorkerJob* job = first_.get(); job != nullptr; job = job->next.get()) ++count;
    return count;
  }

  void Push(std::unique_ptr<WorkerJob> job) {
    WorkerJob* const added = job.get();
    (first_ == nullptr ? first_ : last_->next) = std::move(job);
    last_ = added;
  }

  std::unique_ptr<WorkerJob> Pop() {
    std::unique_ptr<WorkerJob> job = std::move(first_);
    first_ = std::move(job->next);
    if (first_ == nullptr) last_ = nullptr;
    return job;
  }

  // Takes out the first one that `matches`; null if none does.
  template <typename Matches>
  std::unique_ptr<WorkerJob> Take(const Matches& matches) {
    WorkerJob* before = nullptr;
    for (WorkerJob* job = first_.get(); job != nullptr; before = std::exchange(job, job->next.get())) {
      if (!matches(*job)) continue;
      std::unique_ptr<WorkerJob>& place = before == nullptr ? first_ : before->next;
      std::unique_ptr<WorkerJob> taken = std::move(place);
      place = std::move(taken->next);
      if (last_ == taken.get()) last_ = before;
      return taken;
    }
    return nullptr;
  }

  template <typename Visit>
  void ForEach(const Visit& visit) {
    for (WorkerJob* job = first_.get(); job != nullptr; job = job->next.get()) visit(*job);
  }

 private:
  std::unique_ptr<WorkerJob> first_;
  WorkerJob* last_ = nullptr;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_JOB_LIST_H_

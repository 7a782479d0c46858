// The order in which a Background does its work.
#ifndef IOCLUSTER_LIB_ENV_WORK_QUEUE_H_
#define IOCLUSTER_LIB_ENV_WORK_QUEUE_H_

#include <deque>
#include <utility>

namespace ioc {

// What is first may go before what waits so often in a row: so the others go on, however much is read.
inline constexpr int kMaxFirstInARow = 8;

template <typename Job>
class WorkQueue {
 public:
  void Push(Job job) { others_.push_back(std::move(job)); }
  void PushFirst(Job job) { first_.push_back(std::move(job)); }
  bool empty() const { return first_.empty() && others_.empty(); }

  // Not of an empty one.
  Job Pop() {
    const bool is_first = !first_.empty() && (others_.empty() || in_a_row_ < kMaxFirstInARow);
    in_a_row_ = is_first ? in_a_row_ + 1 : 0;
    std::deque<Job>& queue = is_first ? first_ : others_;
    Job job = std::move(queue.front());
    queue.pop_front();
    return job;
  }

 private:
  std::deque<Job> first_;
  std::deque<Job> others_;
  int in_a_row_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_WORK_QUEUE_H_

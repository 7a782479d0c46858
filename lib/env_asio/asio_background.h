// The real Background: one thread, started with the first work, whose results are posted to the executor.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_BACKGROUND_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_BACKGROUND_H_

#include <condition_variable>
#include <thread>
#include <utility>

#include "lib/base/mutex.h"
#include "lib/env/background.h"
#include "lib/env/executor.h"
#include "lib/env/work_queue.h"

namespace ioc {

class AsioBackground final : public Background {
 public:
  explicit AsioBackground(Executor& executor) : executor_(executor) {}
  // Waits for the work that runs; what has not begun never does.
  ~AsioBackground() override;
  AsioBackground(const AsioBackground&) = delete;
  AsioBackground& operator=(const AsioBackground&) = delete;

  void Run(uint64_t, Work work, Done done) override { Add({std::move(work), std::move(done)}, false); }
  void RunFirst(uint64_t, Work work, Done done) override { Add({std::move(work), std::move(done)}, true); }

 private:
  struct Job {
    Work work;
    Done done;
  };

  void Add(Job job, bool is_first);
  void Main();

  Executor& executor_;
  Mutex mutex_;
  std::condition_variable wake_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  WorkQueue<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // used with the executor's mutex held
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_BACKGROUND_H_

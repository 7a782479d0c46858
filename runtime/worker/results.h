// What a function that a worker runs returns, until it is answered, and what is kept of a coroutine until then.
#ifndef IOCLUSTER_RUNTIME_WORKER_RESULTS_H_
#define IOCLUSTER_RUNTIME_WORKER_RESULTS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/worker/worker.h"

namespace ioc {

// The job's thread's own, without the mutex: its references are let go outside of it.
class Worker::Results final : public internal::ReturnSink {
 public:
  explicit Results(Client& client) : client_(client) {}

  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Reserve(size_t bytes) override {
    return client_.Allocate(bytes);
  }
  void Return(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override {
    values.push_back({std::move(value), {}, std::move(refs)});
  }
  void ReturnInline(std::string bytes, std::vector<internal::Ref> refs) override {
    values.push_back({nullptr, std::move(bytes), std::move(refs)});
  }

  std::vector<ReturnedValue> values;

 private:
  Client& client_;
};

// A coroutine that runs.
struct Worker::Coroutine {
  explicit Coroutine(Client& client) : results(client) {}

  std::unique_ptr<Job> job;
  std::vector<ObjectRecord*> covered;
  Results results;
  std::unique_ptr<internal::CoroutineCall> call;
  absl::Time start;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_RESULTS_H_

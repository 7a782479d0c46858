// One task or call that a worker has taken, waiting or running.
#ifndef IOCLUSTER_RUNTIME_WORKER_JOB_H_
#define IOCLUSTER_RUNTIME_WORKER_JOB_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "runtime/client/client.h"

namespace ioc {

struct WorkerJob {
  std::shared_ptr<PushFrame> frame;  // keeps what `spec` views
  const TaskSpec* spec = nullptr;
  const internal::FunctionInfo* function = nullptr;
  uint64_t link = 0;
  ProcessId caller;
  LeaseId lease;
  bool cancelled = false;
};

// An answer that has not been sent.
struct WorkerAnswer {
  uint64_t link = 0;
  TaskResult result;
  std::vector<std::string> texts;                                // what result.returns view
  std::vector<std::unique_ptr<internal::WritableValue>> values;  // likewise
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_JOB_H_

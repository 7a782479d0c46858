// Child processes by posix_spawn and pidfd. Lives on the executor.
//
// A child finds its end of the connection under the number in IOCLUSTER_WORKER_FD, standard input from /dev/null,
// default signals, a process group of its own, and no other descriptor of ours.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_PROCESSES_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_PROCESSES_H_

#include <memory>

#include "lib/env/processes.h"
#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/error_output.h"
#include "lib/env_asio/reaper.h"

namespace ioc {

class AsioProcesses final : public Processes {
 public:
  // Children's standard error goes to `errors`.
  AsioProcesses(AsioExecutor& executor, ErrorOutput& errors) : executor_(executor), errors_(errors) {}

  absl::StatusOr<std::unique_ptr<Child>> Spawn(const SpawnOptions& options, ExitHandler on_exit) override;
  std::unique_ptr<ProcessTemplate> MakeTemplate(SpawnOptions options) override;
  std::unique_ptr<ProcessWatch> Watch(int64_t pid, Callback on_end) override;

 private:
  AsioExecutor& executor_;
  ErrorOutput& errors_;
  Reaper reaper_{executor_};
};

// In a child of Spawn, its end of the connection; null elsewhere, and the second time.
std::unique_ptr<Connection> TakeParentConnection(AsioExecutor& executor);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_PROCESSES_H_

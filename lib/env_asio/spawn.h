// Starting one process: the checks before, descriptors, environment. No executor in here.
#ifndef IOCLUSTER_LIB_ENV_ASIO_SPAWN_H_
#define IOCLUSTER_LIB_ENV_ASIO_SPAWN_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include "lib/env/processes.h"
#include "lib/env_asio/fd.h"

namespace ioc {

inline constexpr char kWorkerFdVariable[] = "IOCLUSTER_WORKER_FD";

struct Spawned {
  pid_t pid = 0;
  UniqueFd pidfd;   // readable once it has ended
  UniqueFd socket;  // our end; non-blocking
  UniqueFd errors;  // its standard error, to be read; non-blocking
};

absl::StatusOr<Spawned> SpawnProcess(const SpawnOptions& options);

// Takes the exit status of a process that has ended; false if it still runs. Never waits for others.
bool Reap(const UniqueFd& pidfd, ExitStatus& status);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_SPAWN_H_

// Starting one process: the checks before, descriptors, environment. No executor in here.
#ifndef IOCLUSTER_LIB_ENV_ASIO_SPAWN_H_
#define IOCLUSTER_LIB_ENV_ASIO_SPAWN_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <string>
#include <string_view>

#include "lib/env/processes.h"
#include "lib/env_asio/fd.h"

namespace ioc {

inline constexpr char kWorkerFdVariable[] = "IOCLUSTER_WORKER_FD";
// Of a process that shall fork others: where it finds the socket on which it is asked to (fork_server.h).
inline constexpr char kTemplateFdVariable[] = "IOCLUSTER_WORKER_TEMPLATE_FD";

// What was put in front of a child's LD_LIBRARY_PATH.
inline constexpr char kLibraryPathVariable[] = "IOCLUSTER_WORKER_LIBRARY_PATH";

// What a child is connected by: a socket, and its standard error.
struct ChildEnds {
  UniqueFd socket;
  UniqueFd errors;
};
struct ChildPlumbing {
  ChildEnds ours;  // non-blocking
  ChildEnds theirs;
};
// Of a system call that had to do with starting the program; `what` comes before its words. As Processes::Spawn has it.
absl::Status StartError(std::string_view program, std::string_view what, int error);
absl::StatusOr<ChildPlumbing> MakeChildPlumbing(const std::string& program);

struct Spawned {
  pid_t pid = 0;
  UniqueFd pidfd;  // readable once it has ended
};

// Starts the program, which is given `ends` and, if it is one, the descriptor `control`.
absl::StatusOr<Spawned> SpawnProcess(const SpawnOptions& options, ChildEnds ends, UniqueFd control = UniqueFd());

// In a child: LD_LIBRARY_PATH becomes what the parent had, for the programs that this one starts. The loader has read
// it.
void RestoreLibraryPath();

// Takes the exit status of a process that has ended; false if it still runs. Never waits for others.
bool Reap(const UniqueFd& pidfd, ExitStatus& status);
void KillProcess(const UniqueFd& pidfd);
// Whether the process has ended, by the time at the latest.
bool AwaitEnd(const UniqueFd& pidfd, int timeout_ms);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_SPAWN_H_

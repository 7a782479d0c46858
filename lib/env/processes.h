// Child processes: how a node starts workers.
#ifndef IOCLUSTER_LIB_ENV_PROCESSES_H_
#define IOCLUSTER_LIB_ENV_PROCESSES_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/network.h"

namespace ioc {

struct SpawnOptions {
  std::string program;                                           // a path
  std::vector<std::string> arguments;                            // argv[1] and on
  std::vector<std::pair<std::string, std::string>> environment;  // beside the parent's own; these win
  std::string directory;                                         // to run in; empty: the parent's
};

struct ExitStatus {
  int code = 0;             // of exit(), if signal is 0
  int signal = 0;           // that ended it, or 0
  std::string stderr_tail;  // the last lines it wrote there (kStderrTailBytes at most)
};
inline constexpr size_t kStderrTailBytes = 4096;

// "exited with code 41" or "was killed by signal 9 (Killed)".
std::string Describe(const ExitStatus& status);

// A running child. Destroying it kills the process (SIGKILL) and waits for it; the exit handler is then not called.
class Child {
 public:
  virtual ~Child() = default;
  virtual int64_t pid() const = 0;
  // The parent's end of a connection whose other end the child finds as Env::parent(). Once.
  virtual std::unique_ptr<Connection> TakeConnection() = 0;
  virtual void Kill() = 0;
};

using ExitHandler = absl::AnyInvocable<void(const ExitStatus&)>;

// Lives on the Env's executor: mutex held, callbacks likewise. Waits for its own children only, installs no handlers.
// The child's standard output is the parent's; its standard error is copied to the parent's and its tail kept.
class Processes {
 public:
  virtual ~Processes() = default;
  // Errors name the program: not there, not executable, built for another machine.
  virtual absl::StatusOr<std::unique_ptr<Child>> Spawn(const SpawnOptions& options, ExitHandler on_exit) = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_PROCESSES_H_

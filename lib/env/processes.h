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

#include "lib/env/executor.h"
#include "lib/env/network.h"

namespace ioc {

struct SpawnOptions {
  std::string program;                                           // a path
  std::vector<std::string> arguments;                            // argv[1] and on
  std::vector<std::pair<std::string, std::string>> environment;  // beside the parent's own; these win
  std::vector<std::pair<std::string, std::string>> defaults;     // of what the parent's own has not
  std::string directory;                                         // to run in; empty: the parent's
  std::vector<std::string> library_path;                         // where its loader looks first, before the parent's
};

// Tells a child which of its `defaults` hold, as "NAME=VALUE,NAME=VALUE".
inline constexpr char kWorkerDefaultsVariable[] = "IOCLUSTER_WORKER_DEFAULTS";

struct ExitStatus {
  int code = 0;              // of exit(), if signal is 0
  int signal = 0;            // that ended it, or 0
  std::string stderr_tail;   // the last lines it wrote there (kStderrTailBytes at most)
  absl::Status not_started;  // if there never was a process: why, as Processes::Spawn has it
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

// One program of which many children are wanted. The first is started; if it then offers to be the others' template (it
// has run up to Cluster::Connect, and has one thread and nothing that two processes can't share), the others are forked
// from it, which is quicker and shares its memory. If not, or not soon, they are started like the first. Nobody needs
// to know which.
//
// Children outlive it. The template process itself ends when this and its children are gone, or when its parent ends.
class ProcessTemplate {
 public:
  virtual ~ProcessTemplate() = default;
  // As Processes::Spawn, with `environment` on top of the template's. What is found out after it has returned goes to
  // `on_exit` like an end of the child, as ExitStatus::not_started.
  virtual absl::StatusOr<std::unique_ptr<Child>> Fork(
      const std::vector<std::pair<std::string, std::string>>& environment, ExitHandler on_exit) = 0;
};

// Destroying it ends the watch: its callback is then not called.
class ProcessWatch {
 public:
  virtual ~ProcessWatch() = default;
};

// Lives on the Env's executor: mutex held, callbacks likewise. Waits for its own children only, installs no handlers.
// The child's standard output is the parent's; its standard error is copied to the parent's and its tail kept.
class Processes {
 public:
  virtual ~Processes() = default;
  // Errors name the program: kProgramMissing if it is not there, not executable, or built for another machine;
  // ResourceExhausted without a cause if the machine is out of something just now (descriptors, processes, memory).
  virtual absl::StatusOr<std::unique_ptr<Child>> Spawn(const SpawnOptions& options, ExitHandler on_exit) = 0;
  // Starts nothing yet.
  virtual std::unique_ptr<ProcessTemplate> MakeTemplate(SpawnOptions options) = 0;
  // Calls `on_end` once, in a turn of its own, when the process `pid` of this machine, which need not be a child, has
  // ended; also if it had before. Null if that can't be known here.
  virtual std::unique_ptr<ProcessWatch> Watch(int64_t pid, Callback on_end) = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_PROCESSES_H_

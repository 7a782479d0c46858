// The world as a role sees it (DESIGN section 10). Real in lib/env_asio, simulated in tests/sim. A role takes an Env&
// and touches no clock, random device, thread, socket or process but through it, so the same code runs in both.
#ifndef IOCLUSTER_LIB_ENV_ENV_H_
#define IOCLUSTER_LIB_ENV_ENV_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/env/background.h"
#include "lib/env/executor.h"
#include "lib/env/files.h"
#include "lib/env/network.h"
#include "lib/env/processes.h"
#include "lib/env/shared_memory.h"

namespace ioc {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// The machine this process runs on, as found.
struct HostInfo {
  std::string hostname;
  uint64_t machine =
      0;  // equal for processes that can share memory and Unix sockets: same boot, network namespace, user
  int64_t pid = 0;
  int cpus = 1;               // hardware threads that this process may use
  uint64_t memory_bytes = 0;  // that this process may use
  std::string os;             // "linux"
  std::string arch;           // "x86_64"
};

class Env {
 public:
  virtual ~Env() = default;

  virtual Executor& executor() = 0;
  virtual Network& network() = 0;
  virtual Processes& processes() = 0;
  virtual Files& files() = 0;
  virtual Background& background() = 0;

  // A new region, sparse. Thread-safe.
  virtual absl::StatusOr<std::shared_ptr<SharedMemory>> CreateSharedMemory(std::string_view name, size_t size) = 0;

  // Uniform over all 64-bit values. Mutex held.
  virtual uint64_t Random() = 0;

  virtual const HostInfo& host() const = 0;

  // In a process that a node started: the connection to it; otherwise null. Once.
  virtual std::unique_ptr<Connection> TakeParent() = 0;

  // One line. Thread-safe.
  virtual void Log(LogLevel level, std::string_view message) = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ENV_H_

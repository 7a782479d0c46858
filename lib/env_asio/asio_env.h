// The real world: the Env over sockets, processes, files and time of this machine.
//
// Made by whoever wires roles together (the command line, Cluster::Connect); outlives them. Copes with several in one
// process, each with an executor of its own.
#ifndef IOCLUSTER_LIB_ENV_ASIO_ASIO_ENV_H_
#define IOCLUSTER_LIB_ENV_ASIO_ASIO_ENV_H_

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/env/env.h"

namespace ioc {

// Where log lines go instead of standard error. Called from any thread, one call at a time.
using LogSink = std::function<void(LogLevel, std::string_view message)>;

// "debug", "info", "warning" or "error"; InvalidArgument with what to write for anything else.
absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name);

struct AsioEnvOptions {
  // Least serious level that is logged; unset: $IOCLUSTER_LOG, or warning.
  std::optional<LogLevel> log_level = {};
  std::string log_name = "iocluster";  // begins every line, to tell roles apart
  // A thread of the Env's own drives the loop while no other does. Otherwise somebody calls Run or Await.
  bool background_thread = true;
  LogSink log_sink = {};
};

class AsioEnv final : public Env {
 public:
  explicit AsioEnv(AsioEnvOptions options = {});
  // All that was made with it is gone, and nobody awaits. Callbacks that have not run never will.
  ~AsioEnv() override;
  AsioEnv(const AsioEnv&) = delete;
  AsioEnv& operator=(const AsioEnv&) = delete;

  // The calling thread drives the loop until Stop. Without the mutex.
  void Run();
  // Ends Run, also one that comes later. Any thread, with or without the mutex.
  void Stop();

  Executor& executor() override;
  Network& network() override;
  Processes& processes() override;
  Files& files() override;
  Background& background() override;
  absl::StatusOr<std::shared_ptr<SharedMemory>> CreateSharedMemory(std::string_view name, size_t size) override;
  uint64_t Random() override;
  const HostInfo& host() const override;
  std::unique_ptr<Connection> TakeParent() override;
  void Log(LogLevel level, std::string_view message) override;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_ASIO_ENV_H_

#include "lib/env_asio/asio_env.h"

#include <absl/strings/str_cat.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/env_asio/asio_background.h"
#include "lib/env_asio/asio_executor.h"
#include "lib/env_asio/asio_network.h"
#include "lib/env_asio/asio_processes.h"
#include "lib/env_asio/error_output.h"
#include "lib/env_asio/host_info.h"
#include "lib/env_asio/memfd_memory.h"
#include "lib/env_asio/posix_files.h"

namespace ioc {
namespace {

LogLevel LevelFromEnvironment() {
  const char* value = std::getenv("IOCLUSTER_LOG");
  return ParseLogLevel(value == nullptr ? "" : value).value_or(LogLevel::kWarning);
}

uint64_t RandomSeed() {
  uint64_t seed = 0;
  IOC_CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed) << "the system has no random numbers";
  return seed;
}

// Splitmix64 (Steele, Lea, Flood 2014): a permutation of a counter, so that no number comes twice.
uint64_t NextRandom(uint64_t& state) {
  uint64_t x = state += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// "I 12:00:00.123 name] message"
std::string LogLine(LogLevel level, const std::string& name, std::string_view message) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  tm local = {};
  localtime_r(&now.tv_sec, &local);
  char stamp[32];
  std::snprintf(stamp, sizeof stamp, "%c %02d:%02d:%02d.%03d ", "DIWE"[static_cast<int>(level)], local.tm_hour,
                local.tm_min, local.tm_sec, static_cast<int>(now.tv_nsec / 1000000));
  std::string line = stamp;
  line.append(name).append("] ").append(message).append("\n");
  return line;
}

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return MakeError(Cause::kInvalidArgument, absl::StrCat("\"", std::string(name),
                                                         "\" is not a level; write debug, info, "
                                                         "warning or error"));
}

struct AsioEnv::Impl {
  Impl(AsioEnv& env, AsioEnvOptions given)
      : options(std::move(given)),
        level(options.log_level.has_value() ? *options.log_level : LevelFromEnvironment()),
        executor(options.background_thread),
        network(executor, [&env](std::string_view message) { env.Log(LogLevel::kWarning, message); }),
        processes(executor, errors),
        background(executor) {}

  const AsioEnvOptions options;
  const LogLevel level;
  Mutex sink_mutex;
  const HostInfo host = FindHostInfo();
  uint64_t random_state = RandomSeed();
  PosixFiles files;
  ErrorOutput errors{STDERR_FILENO};
  AsioExecutor executor;
  AsioNetwork network;
  AsioProcesses processes;
  AsioBackground background;
};

AsioEnv::AsioEnv(AsioEnvOptions options) : impl_(std::make_unique<Impl>(*this, std::move(options))) {}
AsioEnv::~AsioEnv() = default;

void AsioEnv::Run() { impl_->executor.Run(); }
void AsioEnv::Stop() { impl_->executor.Stop(); }

Executor& AsioEnv::executor() { return impl_->executor; }
Network& AsioEnv::network() { return impl_->network; }
Processes& AsioEnv::processes() { return impl_->processes; }
Files& AsioEnv::files() { return impl_->files; }
Background& AsioEnv::background() { return impl_->background; }

absl::StatusOr<std::shared_ptr<SharedMemory>> AsioEnv::CreateSharedMemory(std::string_view name, size_t size) {
  return MemfdMemory::Create(name, size);
}

uint64_t AsioEnv::Random() { return NextRandom(impl_->random_state); }
const HostInfo& AsioEnv::host() const { return impl_->host; }
std::unique_ptr<Connection> AsioEnv::TakeParent() { return TakeParentConnection(impl_->executor); }

void AsioEnv::Log(LogLevel level, std::string_view message) {
  if (level < impl_->level) return;
  if (impl_->options.log_sink == nullptr) {
    return impl_->errors.Write(LogLine(level, impl_->options.log_name, message));
  }
  MutexLock lock(impl_->sink_mutex);
  impl_->options.log_sink(level, message);
}

}  // namespace ioc

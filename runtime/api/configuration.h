// What is configured from where: the program's options or the command's flags, then the environment, then defaults. The
// one place that says which environment variables there are and what may be in them.
#ifndef IOCLUSTER_RUNTIME_API_CONFIGURATION_H_
#define IOCLUSTER_RUNTIME_API_CONFIGURATION_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iocluster/options.h"
#include "lib/env/env.h"

namespace ioc {

// What commands assume where no head is named, and where a head listens unless told otherwise.
inline constexpr char kDefaultHeadAddress[] = "127.0.0.1:6380";

// InvalidArgument unless it is "HOST:PORT", "[IPV6]:PORT" or "unix:NAME".
absl::Status CheckAddress(const std::string& address);

// `options` with what is not set in it taken from IOCLUSTER_ADDRESS, IOCLUSTER_OBJECT_STORE_MEMORY,
// IOCLUSTER_SPILL_DIRECTORY, IOCLUSTER_SPILL_LIMIT, IOCLUSTER_CPUS, IOCLUSTER_GPUS and IOCLUSTER_LOCAL_MODE.
// InvalidArgument names the variable or option, its value, and what it should be; likewise for what every process reads
// (IOCLUSTER_LOG, IOCLUSTER_CACHE, IOCLUSTER_CACHE_LIMIT).
absl::StatusOr<ConnectOptions> CompleteOptions(ConnectOptions options);

// For commands: what the variable holds, empty, 0 or the default if it is not set. InvalidArgument names the variable.
absl::StatusOr<std::string> AddressFromEnvironment();
absl::StatusOr<uint64_t> StoreBytesFromEnvironment();
absl::StatusOr<std::string> SpillDirectoryFromEnvironment();
absl::StatusOr<std::optional<uint64_t>> SpillLimitFromEnvironment();
absl::StatusOr<uint64_t> CacheLimitFromEnvironment();
// InvalidArgument unless it is the absolute path of a directory that this user can write to.
absl::Status CheckSpillDirectory(const std::string& path);
// Of what every process reads.
absl::Status CheckCommonEnvironment();

// One environment variable of iocluster's, or one that looks like it.
struct EnvironmentSetting {
  std::string name;
  std::string value;  // what holds: as it was set, or the default in words
  bool is_set = false;
  std::string about;    // what it is for; empty if that is nothing
  absl::Status status;  // InvalidArgument: why it can't be used, and what to write
};

// Every variable that users set, in the order of the guide; then whatever else is set and begins with IOCLUSTER_, by
// name, as an error that suggests the nearest.
std::vector<EnvironmentSetting> DescribeEnvironment(Env& env);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_API_CONFIGURATION_H_

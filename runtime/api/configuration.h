// What a driver is configured with: the program's options, then the environment, then defaults.
#ifndef IOCLUSTER_RUNTIME_API_CONFIGURATION_H_
#define IOCLUSTER_RUNTIME_API_CONFIGURATION_H_

#include <absl/status/statusor.h>

#include "iocluster/options.h"

namespace ioc {

// `options` with what is not set in it taken from IOCLUSTER_ADDRESS, IOCLUSTER_OBJECT_STORE_MEMORY, IOCLUSTER_CPUS and
// IOCLUSTER_GPUS. InvalidArgument names the variable or option, its value, and what it should be.
absl::StatusOr<ConnectOptions> CompleteOptions(ConnectOptions options);

// "2GiB", "500MB", "1048576".
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_API_CONFIGURATION_H_

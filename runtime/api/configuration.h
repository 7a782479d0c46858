// What a driver is configured with: the program's options, then the environment, then defaults.
#ifndef IOCLUSTER_RUNTIME_API_CONFIGURATION_H_
#define IOCLUSTER_RUNTIME_API_CONFIGURATION_H_

#include <absl/status/statusor.h>

#include "iocluster/options.h"

namespace ioc {

// `options` with what is not set in it taken from IOCLUSTER_ADDRESS, IOCLUSTER_OBJECT_STORE_MEMORY, IOCLUSTER_CPUS and
// IOCLUSTER_GPUS. InvalidArgument names the variable or option, its value, and what it should be.
absl::StatusOr<ConnectOptions> CompleteOptions(ConnectOptions options);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_API_CONFIGURATION_H_

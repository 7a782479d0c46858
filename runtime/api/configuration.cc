#include "runtime/api/configuration.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

absl::Status TakeAmount(const char* name, double& amount) {
  const std::string text = Variable(name);
  if (text.empty() || amount >= 0) return absl::OkStatus();
  if (!absl::SimpleAtod(text, &amount) || !std::isfinite(amount) || amount < 0) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat(name, " is \"", text, "\"; it must be a number that is not negative"));
  }
  return absl::OkStatus();
}

absl::Status CheckAmount(const char* name, double amount) {
  if (amount == -1 || (std::isfinite(amount) && amount >= 0)) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("ConnectOptions.", name, " is ", amount, "; it must not be negative"));
}

}  // namespace

absl::StatusOr<ConnectOptions> CompleteOptions(ConnectOptions options) {
  IOC_RETURN_IF_ERROR(CheckAmount("cpus", options.cpus));
  IOC_RETURN_IF_ERROR(CheckAmount("gpus", options.gpus));
  IOC_RETURN_IF_ERROR(TakeAmount("IOCLUSTER_CPUS", options.cpus));
  IOC_RETURN_IF_ERROR(TakeAmount("IOCLUSTER_GPUS", options.gpus));
  if (options.address.empty()) options.address = Variable("IOCLUSTER_ADDRESS");
  const std::string memory = Variable("IOCLUSTER_OBJECT_STORE_MEMORY");
  if (options.object_store_memory == 0 && !memory.empty()) {
    const absl::StatusOr<uint64_t> bytes = ParseBytes(memory);
    if (!bytes.ok()) return WithContext(bytes.status(), "IOCLUSTER_OBJECT_STORE_MEMORY");
    options.object_store_memory = *bytes;
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("ConnectOptions.timeout is ", absl::FormatDuration(options.timeout),
                                  "; it must be more than zero"));
  }
  return options;
}

}  // namespace ioc

#include "runtime/api/configuration.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "lib/base/status.h"

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

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  static constexpr std::array<std::pair<const char*, double>, 8> kSuffixes = {{{"KIB", 1024.0},
                                                                               {"MIB", 1048576.0},
                                                                               {"GIB", 1073741824.0},
                                                                               {"TIB", 1099511627776.0},
                                                                               {"KB", 1e3},
                                                                               {"MB", 1e6},
                                                                               {"GB", 1e9},
                                                                               {"TB", 1e12}}};
  std::string upper = absl::AsciiStrToUpper(absl::string_view(text.data(), text.size()));
  double scale = 1;
  for (const auto& [suffix, factor] : kSuffixes) {
    const std::string_view ending = suffix;
    if (upper.size() <= ending.size() || !upper.ends_with(ending)) continue;
    scale = factor;
    upper.resize(upper.size() - ending.size());
    break;
  }
  double number = 0;
  if (!absl::SimpleAtod(upper, &number) || !std::isfinite(number) || number < 0 || number * scale > 1e18) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("\"", std::string(text), "\" is no amount of memory; write 500MB or 2GiB"));
  }
  return static_cast<uint64_t>(number * scale);
}

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

#include "runtime/cli/command.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace ioc {

int ReportFailure(std::string_view command, const absl::Status& error) {
  const std::string message(error.message());
  std::fprintf(stderr, "iocluster %.*s: %s\n", static_cast<int>(command.size()), command.data(), message.c_str());
  return kExitFailure;
}

int ReportUsage(std::string_view command, const absl::Status& error) {
  ReportFailure(command, error);
  return kExitUsage;
}

Parsed ParseFlags(std::string_view command, Flags& flags, const std::vector<std::string>& arguments) {
  const absl::Status status = flags.Parse(arguments);
  if (flags.help_wanted()) {
    std::fputs(flags.Help().c_str(), stdout);
    return {.go_on = false, .exit_code = kExitOk};
  }
  if (!status.ok()) return {.go_on = false, .exit_code = ReportUsage(command, status)};
  return {.go_on = true};
}

Setting HeadAddress(const std::string& flag) {
  if (!flag.empty()) return {.value = flag, .source = "--address"};
  const char* environment = std::getenv("IOCLUSTER_ADDRESS");
  if (environment != nullptr && *environment != '\0') return {.value = environment, .source = "IOCLUSTER_ADDRESS"};
  return {.value = std::string(kDefaultHeadAddress), .source = "default"};
}

}  // namespace ioc

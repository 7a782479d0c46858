#include "runtime/cli/command.h"

#include <absl/strings/str_cat.h>

#include <cstdio>
#include <string>

#include "lib/base/status.h"

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

Parsed ParseDaemon(std::string_view command, Flags& flags, const std::vector<std::string>& arguments) {
  const Parsed parsed = ParseFlags(command, flags, arguments);
  if (!parsed.go_on) return parsed;
  absl::Status status = flags.ExpectNoOperands();
  if (status.ok()) status = CheckCommonEnvironment();
  if (!status.ok()) return {.go_on = false, .exit_code = ReportUsage(command, status)};
  return parsed;
}

void AddAddressFlag(Flags& flags, std::string* target) {
  flags.AddAddress("--address", target,
                   absl::StrCat("the cluster's head (default: IOCLUSTER_ADDRESS, or else ", kDefaultHeadAddress, ")"));
  for (const char* mistaken : {"--head", "--host", "--port", "--cluster"}) flags.Suggest(mistaken, "--address");
}

void AddJsonFlag(Flags& flags, bool* target) { flags.Add("--json", target, "print JSON, for programs"); }

void AddInsecureFlag(Flags& flags, bool* target) {
  flags.Add("--insecure", target, "listen beyond this machine although nobody is authenticated yet");
}

absl::StatusOr<Setting> HeadAddress(const std::string& flag) {
  if (!flag.empty()) return Setting{.value = flag, .source = "--address"};
  IOC_ASSIGN_OR_RETURN(const std::string environment, AddressFromEnvironment());
  if (!environment.empty()) return Setting{.value = environment, .source = "IOCLUSTER_ADDRESS"};
  return Setting{.value = kDefaultHeadAddress, .source = kDefaultSource};
}

}  // namespace ioc

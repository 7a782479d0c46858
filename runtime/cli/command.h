// What a command of the `iocluster` executable looks like, and what all commands share.
#ifndef IOCLUSTER_RUNTIME_CLI_COMMAND_H_
#define IOCLUSTER_RUNTIME_CLI_COMMAND_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/configuration.h"
#include "runtime/cli/flags.h"

namespace ioc {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// To reach a head, and for its answer.
inline constexpr absl::Duration kHeadTimeout = absl::Seconds(5);

// Prints "iocluster COMMAND: message" to standard error. Returns the exit code that fits.
int ReportFailure(std::string_view command, const absl::Status& error);
int ReportUsage(std::string_view command, const absl::Status& error);

// The result of ParseFlags: whether to go on, and if not, the exit code.
struct Parsed {
  bool go_on = false;
  int exit_code = kExitOk;
};
// Prints the help or the complaint where there is one.
Parsed ParseFlags(std::string_view command, Flags& flags, const std::vector<std::string>& arguments);
// The same for one that takes no operands and runs until it is stopped: it complains of the environment, too.
Parsed ParseDaemon(std::string_view command, Flags& flags, const std::vector<std::string>& arguments);

// Flags that several commands have.
void AddAddressFlag(Flags& flags, std::string* target);
void AddJsonFlag(Flags& flags, bool* target);
void AddInsecureFlag(Flags& flags, bool* target);

// A setting and where it comes from: a flag, the environment or the default.
inline constexpr char kDefaultSource[] = "default";
struct Setting {
  std::string value;
  std::string source;  // "--address", "IOCLUSTER_ADDRESS", kDefaultSource
};
// The head's address: `flag` if it is not empty, then IOCLUSTER_ADDRESS (kInvalidArgument if that is none), then
// kDefaultHeadAddress.
absl::StatusOr<Setting> HeadAddress(const std::string& flag);

// The commands; each takes what follows its name and returns the exit code.
int RunHead(const std::vector<std::string>& arguments);
int RunNode(const std::vector<std::string>& arguments);
int RunUp(const std::vector<std::string>& arguments);
int RunProgram(const std::vector<std::string>& arguments);
int RunStop(const std::vector<std::string>& arguments);
int RunStatus(const std::vector<std::string>& arguments);
int RunNodes(const std::vector<std::string>& arguments);
int RunObjects(const std::vector<std::string>& arguments);
int RunActors(const std::vector<std::string>& arguments);
int RunPing(const std::vector<std::string>& arguments);
int RunBench(const std::vector<std::string>& arguments);
int RunDoctor(const std::vector<std::string>& arguments);
int RunVersion(const std::vector<std::string>& arguments);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_COMMAND_H_

// iocluster run: a program on a cluster.

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"
#include "lib/protocol/head_messages.h"
#include "runtime/api/head_connection.h"
#include "runtime/cli/command.h"

namespace ioc {
namespace {

absl::Status Missing(const std::string& message) { return MakeError(Cause::kProgramMissing, message); }

// OK if `path` is a file that this user may execute.
absl::Status CheckExecutable(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    return Missing(absl::StrCat("there is no program ", path, " (", std::strerror(errno), "); check the path"));
  }
  if (S_ISDIR(info.st_mode)) return Missing(absl::StrCat(path, " is a directory, not a program"));
  if (::access(path.c_str(), X_OK) != 0) {
    return Missing(absl::StrCat(path, " is not executable; build it, or set its mode with chmod +x"));
  }
  return absl::OkStatus();
}

// The path of the program: as it is if it has a slash, otherwise searched for in PATH, as shells do.
absl::StatusOr<std::string> FindProgram(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    IOC_RETURN_IF_ERROR(CheckExecutable(program));
    return program;
  }
  const char* path = std::getenv("PATH");
  for (const std::string& directory : std::vector<std::string>(absl::StrSplit(path == nullptr ? "" : path, ':'))) {
    std::string candidate = absl::StrCat(directory.empty() ? "." : directory, "/", program);
    if (CheckExecutable(candidate).ok()) return candidate;
  }
  return Missing(absl::StrCat("there is no program ", program, " in PATH; name it with its path, as in ./", program));
}

absl::Status CheckHead(const std::string& address) {
  AsioEnv env({.log_name = "iocluster run", .background_thread = false});
  IOC_ASSIGN_OR_RETURN(const std::unique_ptr<HeadConnection> head,
                       HeadConnection::Open(env, address, "--address", kHeadTimeout));
  return head->Call(Ping{}, kHeadTimeout).status();
}

}  // namespace

int RunProgram(const std::vector<std::string>& arguments) {
  std::string flag;
  Flags flags("iocluster run [--address HOST:PORT] PROGRAM [ARGUMENTS...]",
              "Runs a program on the cluster: sets IOCLUSTER_ADDRESS, which Cluster::Connect follows.",
              Flags::Order::kBeforeOperands);
  AddAddressFlag(flags, &flag);
  const Parsed parsed = ParseFlags("run", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (flags.operands().empty()) {
    return ReportUsage("run",
                       MakeError(Cause::kInvalidArgument, "no program is named; as in 'iocluster run ./program'"));
  }
  const absl::StatusOr<std::string> program = FindProgram(flags.operands().front());
  if (!program.ok()) return ReportFailure("run", program.status());
  const absl::StatusOr<Setting> address = HeadAddress(flag);
  if (!address.ok()) return ReportUsage("run", address.status());
  if (absl::Status status = CheckHead(address->value); !status.ok()) return ReportFailure("run", status);

  ::setenv("IOCLUSTER_ADDRESS", address->value.c_str(), 1);
  std::vector<char*> argv;
  for (const std::string& argument : flags.operands()) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(program->c_str(), argv.data());
  return ReportFailure("run", Missing(absl::StrCat("can't start ", *program, ": ", std::strerror(errno))));
}

}  // namespace ioc

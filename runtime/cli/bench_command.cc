// iocluster bench: becomes the benchmark, which is a program of its own (bench/). So the daemons don't carry its tasks,
// and the program that travels to nodes for its workers does not carry the daemons.

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "lib/base/status.h"
#include "runtime/cli/command.h"

namespace ioc {

int RunBench(const std::vector<std::string>& arguments) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program =
      (self.parent_path() / IOC_LIBEXEC_FROM_BIN / "iocluster-bench").lexically_normal().string();
  std::vector<std::string> command = {program, "--iocluster", self.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  return ReportFailure(
      "bench", MakeError(Cause::kProgramMissing, absl::StrCat("can't start ", program, " (", std::strerror(errno),
                                                              "); it comes with a build that has IOC_BENCH on")));
}

}  // namespace ioc

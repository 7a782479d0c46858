// One process that a test started, and what it says. Whatever happens in the test, it is killed and reaped.
#ifndef IOCLUSTER_TESTS_CLUSTER_PROCESS_H_
#define IOCLUSTER_TESTS_CLUSTER_PROCESS_H_

#include <absl/time/time.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/cluster/wait_until.h"

namespace ioc {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  std::string output;  // both streams together
  int exit_code = -1;  // 128 + the number of the signal that ended it; -1: it did not end in time and was killed
};

class Process {
 public:
  // Runs command[0] with these arguments, and `environment` on top of the test's own.
  explicit Process(const std::vector<std::string>& command, const Environment& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }

  // The first line from here on that contains `words`. Fails the test if none comes in time.
  std::string AwaitLine(std::string_view words, absl::Duration bound = kPatience);

  void Signal(int signal) const;

  // Waits for its end and the end of its output.
  Outcome Wait(absl::Duration bound = kPatience);

 private:
  // False at the end of the output, or when the time is up.
  bool ReadSome(absl::Time deadline);

  pid_t pid_ = -1;
  int fd_ = -1;
  std::string output_;
  size_t seen_ = 0;  // of the output, by AwaitLine
  std::optional<int> exit_code_;
};

Outcome Run(const std::vector<std::string>& command, const Environment& environment = {});

bool IsRunning(pid_t pid);

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_CLUSTER_PROCESS_H_

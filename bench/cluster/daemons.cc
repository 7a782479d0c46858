#include "bench/cluster/daemons.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>

#include "bench/cluster/process_usage.h"

namespace ioc::bench {
namespace {

constexpr int kReadyTimeoutMs = 30'000;
constexpr std::chrono::seconds kStopTimeout(10);
constexpr char kHeadReady[] = "head ready on ";

// Ends with this thread, whatever becomes of it, so that no daemon is left behind.
[[noreturn]] void RunCommand(char* const* arguments, char* const* environment, int output) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  dup2(output, STDOUT_FILENO);
  execve(arguments[0], arguments, environment);
  _exit(127);
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// This process's, with a cache of programs of its own.
std::vector<std::string> EnvironmentWith(const std::string& cache) {
  constexpr std::string_view kCache = "IOCLUSTER_CACHE=";
  std::vector<std::string> environment = {absl::StrCat(std::string(kCache), cache)};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::string_view(*variable).substr(0, kCache.size()) != kCache) environment.emplace_back(*variable);
  }
  return environment;
}

bool HasEnded(pid_t pid) {
  const pid_t ended = waitpid(pid, nullptr, WNOHANG);
  return ended == pid || (ended < 0 && errno == ECHILD);
}

}  // namespace

std::string Daemons::NodeName(int node) { return absl::StrCat("n", node); }

absl::StatusOr<std::unique_ptr<Daemons>> Daemons::Start(const DaemonsOptions& options) {
  std::unique_ptr<Daemons> daemons(new Daemons());
  if (absl::Status status = daemons->StartAll(options); !status.ok()) return status;
  return daemons;
}

absl::Status Daemons::StartAll(const DaemonsOptions& options) {
  std::string cache = (std::filesystem::temp_directory_path() / "iocluster-bench-XXXXXX").string();
  if (mkdtemp(cache.data()) == nullptr) return absl::ErrnoToStatus(errno, "can't make a directory for programs");
  cache_ = cache;
  if (absl::Status status = Launch({options.iocluster, "head", "--listen", "127.0.0.1:0"}); !status.ok()) return status;
  const absl::StatusOr<std::string> line = AwaitLine(daemons_.front(), kHeadReady);
  if (!line.ok()) return line.status();
  const size_t begin = line->find(kHeadReady) + sizeof kHeadReady - 1;
  address_ = line->substr(begin, line->find(' ', begin) - begin);
  for (int node = 0; node < options.nodes; ++node) {
    absl::Status status = Launch({options.iocluster, "node", "--head", address_, "--name", NodeName(node), "--cpus",
                                  absl::StrCat(options.cpus), "--store-memory", absl::StrCat(options.store_bytes)});
    if (!status.ok()) return status;
  }
  for (int node = 0; node < options.nodes; ++node) {
    const absl::StatusOr<std::string> ready =
        AwaitLine(daemons_[static_cast<size_t>(node) + 1], absl::StrCat("node ", NodeName(node), " ready"));
    if (!ready.ok()) return ready.status();
  }
  return absl::OkStatus();
}

absl::Status Daemons::Launch(std::vector<std::string> command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "can't make a pipe");
  std::vector<std::string> environment = EnvironmentWith(cache_);
  const std::vector<char*> arguments = Pointers(command);
  const std::vector<char*> variables = Pointers(environment);
  const pid_t pid = fork();
  if (pid == 0) RunCommand(arguments.data(), variables.data(), ends[1]);
  const int error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return absl::ErrnoToStatus(error, "can't start a daemon");
  }
  daemons_.push_back({.pid = pid, .output = ends[0]});
  return absl::OkStatus();
}

absl::StatusOr<std::string> Daemons::AwaitLine(const Daemon& daemon, const std::string& words) {
  std::string output;
  pollfd readable = {.fd = daemon.output, .events = POLLIN, .revents = 0};
  while (poll(&readable, 1, kReadyTimeoutMs) == 1) {
    char bytes[512];
    const ssize_t count = read(daemon.output, bytes, sizeof bytes);
    if (count <= 0) break;
    output.append(bytes, static_cast<size_t>(count));
    const size_t begin = output.find(words);
    if (begin != std::string::npos && output.find('\n', begin) != std::string::npos) return output;
  }
  return absl::UnavailableError(absl::StrCat("a daemon did not say \"", words, "\"; it printed: ", output));
}

std::vector<pid_t> Daemons::Processes() const {
  std::vector<pid_t> all;
  for (const Daemon& daemon : daemons_) {
    for (const pid_t pid : FamilyOf(daemon.pid)) all.push_back(pid);
  }
  return all;
}

// The nodes first: they complain of a head that goes before them.
Daemons::~Daemons() {
  if (daemons_.size() > 1) Stop({daemons_.begin() + 1, daemons_.end()});
  if (!daemons_.empty()) Stop({daemons_.front()});
  std::error_code ignored;
  if (!cache_.empty()) std::filesystem::remove_all(cache_, ignored);
}

void Daemons::Stop(const std::vector<Daemon>& daemons) {
  using Clock = std::chrono::steady_clock;
  for (const Daemon& daemon : daemons) kill(daemon.pid, SIGTERM);
  const Clock::time_point deadline = Clock::now() + kStopTimeout;
  for (const Daemon& daemon : daemons) {
    while (!HasEnded(daemon.pid)) {
      if (Clock::now() > deadline) kill(daemon.pid, SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    close(daemon.output);
  }
}

}  // namespace ioc::bench

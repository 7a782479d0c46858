#include "tests/cluster/process.h"

#include <absl/time/clock.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>

namespace ioc {

Process::Process(const std::vector<std::string>& command, const Environment& environment) {
  std::vector<char*> argv;
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  fd_ = ends[0];
}

Process::~Process() {
  if (!exit_code_) {
    Signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(fd_);
}

void Process::Signal(int signal) const { ::kill(pid_, signal); }

bool Process::ReadSome(absl::Time deadline) {
  pollfd poll_fd = {.fd = fd_, .events = POLLIN, .revents = 0};
  const int64_t left_ms = std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now()));
  const int ready = ::poll(&poll_fd, 1, static_cast<int>(left_ms));
  if (ready < 0) return errno == EINTR;
  if (ready == 0) return false;
  char bytes[4096];
  const ssize_t got = ::read(fd_, bytes, sizeof bytes);
  if (got <= 0) return false;
  output_.append(bytes, static_cast<size_t>(got));
  return true;
}

std::string Process::AwaitLine(std::string_view words, absl::Duration bound) {
  const absl::Time deadline = absl::Now() + bound;
  while (true) {
    for (size_t end = output_.find('\n', seen_); end != std::string::npos; end = output_.find('\n', seen_)) {
      std::string line = output_.substr(seen_, end - seen_);
      seen_ = end + 1;
      if (line.find(words) != std::string::npos) return line;
    }
    if (ReadSome(deadline)) continue;
    INFO("the process said: " << output_);
    FAIL("it never said \"" << words << "\"");
  }
}

Outcome Process::Wait(absl::Duration bound) {
  const absl::Time deadline = absl::Now() + bound;
  while (ReadSome(deadline)) {
  }
  int status = 0;
  const bool ended = WaitUntil([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, deadline - absl::Now());
  if (ended) exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {.output = output_, .exit_code = exit_code_.value_or(-1)};
}

Outcome Run(const std::vector<std::string>& command, const Environment& environment) {
  return Process(command, environment).Wait();
}

// One that has ended and that nobody has reaped yet does not run.
bool IsRunning(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(status, text)) return false;
  const size_t state = text.rfind(") ");
  return state != std::string::npos && text[state + 2] != 'Z';
}

}  // namespace ioc

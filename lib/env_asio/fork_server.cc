#include "lib/env_asio/fork_server.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/env_asio/fork_wire.h"
#include "lib/env_asio/spawn.h"

namespace ioc {
namespace {

// Children notice by themselves that their node is gone. Those that don't are ended after this.
constexpr int kFarewellMs = 5000;

// The numbers that the entries of a directory in /proc have as names.
std::vector<int> NumbersIn(const char* path) {
  std::vector<int> numbers;
  DIR* const directory = opendir(path);
  if (directory == nullptr) return numbers;
  const int own = dirfd(directory);
  while (const dirent* entry = readdir(directory)) {
    int number = 0;
    if (absl::SimpleAtoi(entry->d_name, &number) && number != own) numbers.push_back(number);
  }
  closedir(directory);
  return numbers;
}

std::string TargetOf(int fd) {
  char target[256];
  const ssize_t length = readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), target, sizeof target);
  return length < 0 ? "?" : std::string(target, static_cast<size_t>(length));
}

// Of memory that a fork would share and that somebody may write; empty if there is none.
std::string SharedMapping() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    // "7f2a3c000000-7f2a3c001000 rw-s 00000000 00:01 2049    /memfd:name"
    const size_t access = line.find(' ') + 1;
    if (access + 3 < line.size() && line[access + 1] == 'w' && line[access + 3] == 's') return line;
  }
  return "";
}

// Why two processes can't go on from here; empty if they can.
std::string ReasonNotToFork(int control) {
  const char* wish = std::getenv(kForkVariable);
  if (wish != nullptr && (std::string_view(wish) == "0" || std::string_view(wish) == "false")) {
    return absl::StrCat(kForkVariable, " is ", wish);
  }
  if (const size_t threads = NumbersIn("/proc/self/task").size(); threads != 1) {
    return absl::StrCat("it has ", threads, " threads when it calls ioc::Cluster::Connect");
  }
  int worker = -1;
  const char* text = std::getenv(kWorkerFdVariable);
  if (text == nullptr || !absl::SimpleAtoi(text, &worker)) return "it has no connection to its node";
  for (int fd : NumbersIn("/proc/self/fd")) {
    if (fd <= STDERR_FILENO || fd == worker || fd == control) continue;
    return absl::StrCat("descriptor ", fd, " (", TargetOf(fd), ") is open when it calls ioc::Cluster::Connect");
  }
  const std::string mapping = SharedMapping();
  return mapping.empty() ? "" : absl::StrCat("it shares memory when it calls ioc::Cluster::Connect: ", mapping);
}

// "NAME=VALUE", each ended by a zero.
void SetEnvironment(std::string_view text) {
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find('\0'));
    const size_t equals = entry.find('=');
    if (equals != std::string_view::npos) {
      setenv(std::string(entry.substr(0, equals)).c_str(), std::string(entry.substr(equals + 1)).c_str(), 1);
    }
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
  }
}

class ForkServer {
 public:
  explicit ForkServer(UniqueFd control) : control_(std::move(control)) {}

  // Returns in children; `environment` is the first's own.
  void Serve(std::string_view environment) {
    // What is buffered would otherwise be written once by each child.
    std::fflush(nullptr);
    std::cout.flush();
    // Our children's ends are for us, whatever the program thinks of those of its own.
    struct sigaction defaults = {};
    defaults.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &defaults, &program_sigchld_);
    if (ForkFirst()) return SetEnvironment(environment);
    while (true) {
      if (AwaitRequest() && TakeRequest()) return;
      ReportEnded();
    }
  }

 private:
  struct Forked {
    uint64_t id = 0;
    UniqueFd pidfd;
  };

  // It has the ends that this process was started with. True in the child.
  bool ForkFirst() {
    const char* text = std::getenv(kWorkerFdVariable);
    int worker = -1;
    static_cast<void>(absl::SimpleAtoi(text, &worker));
    if (Fork(0)) return true;
    close(worker);
    // The end of the child's standard error must not wait for ours.
    const UniqueFd nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
    dup2(nowhere.get(), STDERR_FILENO);
    return false;
  }

  // Waits until there is a request or a child has ended; says whether the former.
  bool AwaitRequest() {
    std::vector<pollfd> waits = {{.fd = control_.get(), .events = POLLIN, .revents = 0}};
    for (const Forked& child : children_) waits.push_back({.fd = child.pidfd.get(), .events = POLLIN, .revents = 0});
    return poll(waits.data(), waits.size(), -1) > 0 && waits.front().revents != 0;
  }

  // True in the child.
  bool TakeRequest() {
    ForkMessage request;
    switch (ReceiveForkMessage(control_.get(), request)) {
      case ForkRead::kEnd:
        EndWithChildren();
      case ForkRead::kNothing:
        return false;
      case ForkRead::kMessage:
        break;
    }
    if (request.kind != ForkKind::kFork || request.descriptors.size() != 2 || !Fork(request.child)) return false;
    dup2(request.descriptors[1].get(), STDERR_FILENO);
    SetEnvironment(request.text);
    setenv(kWorkerFdVariable, absl::StrCat(request.descriptors[0].Release()).c_str(), 1);
    return true;
  }

  // True in the child, which has nothing of the template's and its siblings'.
  bool Fork(uint64_t id) {
    const pid_t pid = fork();
    if (pid == 0) {
      sigaction(SIGCHLD, &program_sigchld_, nullptr);
      control_.Reset();
      children_.clear();
      return true;
    }
    if (pid < 0) {
      SendForkMessage(control_.get(), {.kind = ForkKind::kFailed, .child = id, .value = errno});
      return false;
    }
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    ForkMessage forked = {.kind = ForkKind::kForked, .child = id, .pid = pid};
    if (pidfd) forked.descriptors.emplace_back(fcntl(pidfd.get(), F_DUPFD_CLOEXEC, 0));
    if (pidfd && SendForkMessage(control_.get(), forked)) {
      children_.push_back({id, std::move(pidfd)});
      return false;
    }
    // The node does not know of it: it is gone, or there are no descriptors to be had just now.
    const int failed = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    SendForkMessage(control_.get(), {.kind = ForkKind::kFailed, .child = id, .value = failed});
    return false;
  }

  void ReportEnded() {
    std::erase_if(children_, [this](const Forked& child) {
      ExitStatus status;
      if (!Reap(child.pidfd, status)) return false;
      SendForkMessage(control_.get(),
                      {.kind = ForkKind::kExited, .child = child.id, .value = status.code, .signal = status.signal});
      return true;
    });
  }

  // The node is gone: its workers notice, and end. Nobody else waits for them.
  [[noreturn]] void EndWithChildren() {
    control_.Reset();
    int patience_ms = kFarewellMs;
    for (const Forked& child : children_) {
      ExitStatus status;
      if (!AwaitEnd(child.pidfd, patience_ms)) {
        patience_ms = 0;  // the others have had the same time
        KillProcess(child.pidfd);
        AwaitEnd(child.pidfd, kFarewellMs);
      }
      Reap(child.pidfd, status);
    }
    _exit(0);
  }

  UniqueFd control_;
  struct sigaction program_sigchld_ = {};
  std::vector<Forked> children_;
};

}  // namespace

void ServeForks() {
  const char* text = std::getenv(kTemplateFdVariable);
  int fd = -1;
  if (text == nullptr || !absl::SimpleAtoi(text, &fd)) return;
  unsetenv(kTemplateFdVariable);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  UniqueFd control(fd);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  ForkMessage first;
  if (ReceiveForkMessage(fd, first) != ForkRead::kMessage) return;
  const std::string reason = ReasonNotToFork(fd);
  if (!reason.empty()) {
    SendForkMessage(fd, {.kind = ForkKind::kUnable, .text = reason.substr(0, kMaxForkText)});
    return SetEnvironment(first.text);
  }
  ForkServer(std::move(control)).Serve(first.text);
}

}  // namespace ioc

#include "lib/env_asio/spawn.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/base/status.h"

extern char** environ;

namespace ioc {
namespace {

// Where the child finds its sockets.
constexpr int kChildSocket = 3;
constexpr int kChildControl = 4;
constexpr char kLoaderVariable[] = "LD_LIBRARY_PATH";

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr char kMachineName[] = "x86_64";
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr char kMachineName[] = "aarch64";
#else
#error "name this machine's ELF type here"
#endif

absl::Status ProgramError(std::string_view program, std::string_view why) {
  return MakeError(Cause::kProgramMissing, absl::StrCat("can't run ", std::string(program), ": ", std::string(why)));
}

// What the machine has no more of now, and who may have a say in it; null if the error is of another kind.
const char* WhatIsWanting(int error) {
  switch (error) {
    case EAGAIN:
      return "no more processes or threads may be started; look at ulimit -u and at pids.max of the container";
    case ENOMEM:
      return "there is not enough memory; look at the container's limit and at vm.overcommit_memory";
    case EMFILE:
      return "the node has as many descriptors as it may; look at ulimit -n";
    case ENFILE:
      return "the machine has as many descriptors as it may; look at fs.file-max";
    case ENOBUFS:
    case ENOSPC:
      return "the kernel has no more room for it";
    default:
      return nullptr;
  }
}

absl::Status CheckProgram(const std::string& program) {
  struct stat info;
  if (stat(program.c_str(), &info) != 0) {
    if (errno == ENOENT) return ProgramError(program, "there is no such file");
    return ProgramError(program, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return ProgramError(program, "it is no file");
  if (access(program.c_str(), X_OK) != 0) return ProgramError(program, "it is not executable; chmod +x it");
  UniqueFd fd(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return absl::OkStatus();  // One may run what one may not read.
  Elf64_Ehdr header = {};
  const ssize_t size = pread(fd.get(), &header, sizeof header, 0);
  const auto* bytes = reinterpret_cast<const char*>(&header);
  if (size >= 2 && bytes[0] == '#' && bytes[1] == '!') return absl::OkStatus();
  if (size < static_cast<ssize_t>(sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return ProgramError(program, "it is neither a program nor a script with #!");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine) {
    return ProgramError(program, absl::StrCat("it is built for another machine (ELF type ", header.e_machine,
                                              "), and this one is ", kMachineName));
  }
  return absl::OkStatus();
}

// Moves a descriptor above those that the child is given at fixed numbers.
UniqueFd AboveFixed(UniqueFd fd) {
  if (!fd || fd.get() > kChildControl) return fd;
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, kChildControl + 1));
}

// Puts the directories before those that are searched anyway.
void AddLibraryPath(const SpawnOptions& options, std::vector<std::string>& environment,
                    absl::flat_hash_set<std::string>& ours) {
  const std::string added = absl::StrJoin(options.library_path, ":");
  const char* had = getenv(kLoaderVariable);
  if (added.empty() || (had != nullptr && added == had)) return;
  ours.insert(kLoaderVariable);
  environment.push_back(
      absl::StrCat(kLoaderVariable, "=", added, had == nullptr ? "" : ":", had == nullptr ? "" : had));
  environment.push_back(absl::StrCat(kLibraryPathVariable, "=", added));
}

// What the parent has, then the defaults for what it has not, with a list of those, and then what is certain.
std::vector<std::string> ChildEnvironment(const SpawnOptions& options, bool with_control) {
  std::vector<std::string> result;
  absl::flat_hash_set<std::string> ours = {kWorkerFdVariable, kTemplateFdVariable, kWorkerDefaultsVariable,
                                           kLibraryPathVariable};
  for (const auto& [name, value] : options.environment) {
    ours.insert(name);
    result.push_back(absl::StrCat(name, "=", value));
  }
  result.push_back(absl::StrCat(kWorkerFdVariable, "=", kChildSocket));
  if (with_control) result.push_back(absl::StrCat(kTemplateFdVariable, "=", kChildControl));
  AddLibraryPath(options, result, ours);
  std::string defaulted;
  for (const auto& [name, value] : options.defaults) {
    if (ours.contains(name) || getenv(name.c_str()) != nullptr) continue;
    result.push_back(absl::StrCat(name, "=", value));
    absl::StrAppend(&defaulted, defaulted.empty() ? "" : ",", name, "=", value);
  }
  if (!defaulted.empty()) result.push_back(absl::StrCat(kWorkerDefaultsVariable, "=", defaulted));
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!ours.contains(std::string(text.substr(0, text.find('='))))) result.emplace_back(text);
  }
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// posix_spawn's two objects.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void Descriptors(int socket, int errors, int control) {
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, errors, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, socket, kChildSocket);
    if (control >= 0) posix_spawn_file_actions_adddup2(&actions_, control, kChildControl);
    posix_spawn_file_actions_addclosefrom_np(&actions_, control >= 0 ? kChildControl + 1 : kChildControl);
  }
  void Directory(const std::string& directory) { posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()); }
  void DefaultSignals() {
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setsigmask(&attributes_, &none);
  }
  // In a process group of its own (0), a terminal's Ctrl-C is for the parent alone: the child goes when its parent
  // does.
  void OwnGroup() { posix_spawnattr_setpgroup(&attributes_, 0); }
  // An error number, or 0.
  int Spawn(pid_t& pid, const std::string& program, char** arguments, char** environment) {
    return posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

// What the machine has no more of now is no fault of the program: ResourceExhausted, without a cause.
absl::Status StartError(std::string_view program, std::string_view what, int error) {
  const std::string why = absl::StrCat(std::string(what), std::strerror(error));
  const char* const wanting = WhatIsWanting(error);
  if (wanting == nullptr) return ProgramError(program, why);
  return absl::ResourceExhaustedError(absl::StrCat("can't run ", std::string(program), " now: ", why, ": ", wanting));
}

absl::StatusOr<ChildPlumbing> MakeChildPlumbing(const std::string& program) {
  int sockets[2];
  int pipe[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return StartError(program, "no socket for it: ", errno);
  }
  ChildPlumbing result = {.ours = {.socket = UniqueFd(sockets[0])}, .theirs = {.socket = UniqueFd(sockets[1])}};
  if (pipe2(pipe, O_CLOEXEC) != 0) return StartError(program, "no pipe for it: ", errno);
  result.ours.errors = UniqueFd(pipe[0]);
  result.theirs.errors = UniqueFd(pipe[1]);
  fcntl(result.ours.socket.get(), F_SETFL, O_NONBLOCK);
  fcntl(result.ours.errors.get(), F_SETFL, O_NONBLOCK);
  return result;
}

absl::StatusOr<Spawned> SpawnProcess(const SpawnOptions& options, ChildEnds ends, UniqueFd control) {
  std::error_code error;
  const std::string program = std::filesystem::absolute(options.program, error).string();
  IOC_RETURN_IF_ERROR(CheckProgram(program));
  if (!options.directory.empty() && !std::filesystem::is_directory(options.directory, error)) {
    return ProgramError(program, absl::StrCat("there is no directory ", options.directory, " to run it in"));
  }
  const bool with_control = static_cast<bool>(control);
  ends = {.socket = AboveFixed(std::move(ends.socket)), .errors = AboveFixed(std::move(ends.errors))};
  control = AboveFixed(std::move(control));

  std::vector<std::string> arguments = {options.program};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = ChildEnvironment(options, with_control);
  SpawnPlan plan;
  plan.Descriptors(ends.socket.get(), ends.errors.get(), control.get());
  if (!options.directory.empty()) plan.Directory(options.directory);
  plan.DefaultSignals();
  plan.OwnGroup();
  Spawned result;
  if (const int failed = plan.Spawn(result.pid, program, Pointers(arguments).data(), Pointers(environment).data())) {
    return StartError(program, "", failed);
  }
  result.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, result.pid, 0)));
  if (!result.pidfd) {
    const int failed = errno;
    kill(result.pid, SIGKILL);
    waitpid(result.pid, nullptr, 0);
    return StartError(program, "can't watch it: ", failed);
  }
  return result;
}

void RestoreLibraryPath() {
  const char* added = getenv(kLibraryPathVariable);
  const char* path = getenv(kLoaderVariable);
  if (added == nullptr) return;
  const std::string prefix = absl::StrCat(added, ":");
  if (path != nullptr && std::string_view(path).starts_with(prefix)) {
    setenv(kLoaderVariable, std::string(path).substr(prefix.size()).c_str(), 1);
  } else if (path != nullptr && std::string_view(path) == added) {
    unsetenv(kLoaderVariable);
  }
  unsetenv(kLibraryPathVariable);
}

void KillProcess(const UniqueFd& pidfd) { syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0); }

bool AwaitEnd(const UniqueFd& pidfd, int timeout_ms) {
  pollfd end = {.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  int ready;
  do {
    ready = poll(&end, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

bool Reap(const UniqueFd& pidfd, ExitStatus& status) {
  siginfo_t info = {};
  int result;
  do {
    result = waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  // Where the program ignores SIGCHLD the kernel keeps no status: it has ended, and how is not known.
  if (result != 0) {
    status.code = -1;
    return true;
  }
  if (info.si_pid == 0) return false;
  (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
  return true;
}

}  // namespace ioc

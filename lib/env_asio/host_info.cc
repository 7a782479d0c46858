#include "lib/env_asio/host_info.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace ioc {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// FNV-1a: equal in all processes and builds, unlike absl::Hash.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

uint64_t MachineId() {
  struct stat network = {};
  stat("/proc/self/ns/net", &network);
  return Hash(absl::StrCat(FirstLine("/proc/sys/kernel/random/boot_id"), " ", network.st_ino, " ", geteuid()));
}

// The control groups (version 2) that limit this process, the innermost first.
std::vector<std::string> ControlGroups() {
  std::vector<std::string> result;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::")) continue;
    for (std::string path = line.substr(3); !path.empty(); path.resize(path.rfind('/'))) {
      result.push_back("/sys/fs/cgroup" + path);
      if (path.find('/') == std::string::npos) break;
    }
  }
  result.push_back("/sys/fs/cgroup");
  return result;
}

int UsableCpus(const std::vector<std::string>& groups) {
  cpu_set_t set;
  int cpus =
      sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  for (const std::string& group : groups) {
    // "QUOTA PERIOD" in microseconds, or "max PERIOD".
    const std::vector<std::string> fields = absl::StrSplit(FirstLine(group + "/cpu.max"), ' ');
    double quota = 0;
    double period = 0;
    if (fields.size() != 2 || !absl::SimpleAtod(fields[0], &quota) || !absl::SimpleAtod(fields[1], &period)) continue;
    if (quota > 0 && period > 0) cpus = std::min(cpus, static_cast<int>(std::ceil(quota / period)));
  }
  return std::max(cpus, 1);
}

uint64_t UsableMemory(const std::vector<std::string>& groups) {
  uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  for (const std::string& group : groups) {
    uint64_t limit = 0;
    if (absl::SimpleAtoi(FirstLine(group + "/memory.max"), &limit) && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

}  // namespace

HostInfo FindHostInfo() {
  const std::vector<std::string> groups = ControlGroups();
  utsname name = {};
  uname(&name);
  return {.hostname = name.nodename,
          .machine = MachineId(),
          .pid = getpid(),
          .cpus = UsableCpus(groups),
          .memory_bytes = UsableMemory(groups),
          .os = "linux",
          .arch = name.machine};
}

}  // namespace ioc

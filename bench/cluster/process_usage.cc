#include "bench/cluster/process_usage.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>

namespace ioc::bench {
namespace {

constexpr char kStoreMemory[] = "/memfd:ioc-store";  // as a node names it

// The fields of /proc/PID/stat from the third on; the second, the name, may have spaces in it.
std::vector<std::string> StatOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double Number(const std::vector<std::string>& fields, size_t place) {
  double value = 0;
  return place < fields.size() && absl::SimpleAtod(fields[place], &value) ? value : 0;
}

std::multimap<pid_t, pid_t> ChildrenByParent() {
  constexpr size_t kParent = 1;
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    children.emplace(static_cast<pid_t>(Number(StatOf(pid), kParent)), pid);
  }
  return children;
}

// The first line of a mapping in smaps begins with its addresses, the others with a name and a colon.
bool BeginsMapping(const std::string& line) {
  return !line.empty() && std::isxdigit(static_cast<unsigned char>(line.front())) != 0 &&
         line.find('-') < line.find(' ');
}

}  // namespace

std::vector<pid_t> FamilyOf(pid_t pid) {
  const std::multimap<pid_t, pid_t> children = ChildrenByParent();
  std::vector<pid_t> family = {pid};
  for (size_t i = 0; i < family.size(); ++i) {
    const auto [begin, end] = children.equal_range(family[i]);
    for (auto child = begin; child != end; ++child) family.push_back(child->second);
  }
  return family;
}

MemoryUsage& MemoryUsage::operator+=(const MemoryUsage& other) {
  resident_mb += other.resident_mb;
  proportional_mb += other.proportional_mb;
  return *this;
}

MemoryUsage MemoryOf(pid_t pid) {
  MemoryUsage usage;
  std::ifstream smaps(absl::StrCat("/proc/", pid, "/smaps"));
  bool is_store = false;
  for (std::string line; std::getline(smaps, line);) {
    if (BeginsMapping(line)) is_store = absl::StrContains(line, kStoreMemory);
    std::istringstream words(line);
    std::string key;
    double kib = 0;
    if (!(words >> key >> kib)) continue;
    if (key == "Rss:") usage.resident_mb += kib * 1024 / 1e6;
    if (key == "Pss:" && !is_store) usage.proportional_mb += kib * 1024 / 1e6;
  }
  return usage;
}

MemoryUsage MemoryOf(const std::vector<pid_t>& pids) {
  MemoryUsage usage;
  for (const pid_t pid : pids) usage += MemoryOf(pid);
  return usage;
}

double ResidentMb(const std::vector<pid_t>& pids) {
  double pages = 0;
  for (const pid_t pid : pids) {
    std::ifstream statm(absl::StrCat("/proc/", pid, "/statm"));
    double total = 0;
    double resident = 0;
    if (statm >> total >> resident) pages += resident;
  }
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

double CpuSecondsOf(pid_t pid) {
  constexpr size_t kUser = 11;
  constexpr size_t kSystem = 12;
  const std::vector<std::string> fields = StatOf(pid);
  return (Number(fields, kUser) + Number(fields, kSystem)) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace ioc::bench

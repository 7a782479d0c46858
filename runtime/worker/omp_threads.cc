#include "runtime/worker/omp_threads.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/env/processes.h"

namespace ioc {
namespace {

constexpr char kOmpVariable[] = "OMP_NUM_THREADS";

// Whether the variable still holds what the node has set: "NAME=VALUE" is one of the list's entries.
bool IsNodes(std::string_view list, const char* value) {
  const std::string entry = std::string(kOmpVariable) + "=" + value;
  while (!list.empty()) {
    if (list.substr(0, list.find(',')) == entry) return true;
    list.remove_prefix(std::min(list.find(','), list.size() - 1) + 1);
  }
  return false;
}

}  // namespace

OmpThreads::OmpThreads() {
  const char* defaults = std::getenv(kWorkerDefaultsVariable);
  const char* value = std::getenv(kOmpVariable);
  follows_ = defaults != nullptr && value != nullptr && IsNodes(defaults, value);
  unsetenv(kWorkerDefaultsVariable);
}

void OmpThreads::SetCpus(uint32_t cpus) {
  if (!follows_) return;
  // The library may have been loaded since.
  set_num_threads_ = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  if (cpus == cpus_) return;
  cpus_ = cpus;
  setenv(kOmpVariable, std::to_string(cpus).c_str(), 1);
}

}  // namespace ioc

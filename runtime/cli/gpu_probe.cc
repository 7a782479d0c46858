#include "runtime/cli/gpu_probe.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>
#include <dlfcn.h>

#include <array>
#include <string>

namespace ioc {
namespace {

// The few declarations of nvml.h that are needed (the ABI is stable): NVIDIA Management Library, API reference.
using NvmlDevice = void*;
struct NvmlMemory {
  unsigned long long total, free, used;
};
constexpr int kNvmlSuccess = 0;

class Library {
 public:
  explicit Library(const char* name) : handle_(::dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}
  ~Library() {
    if (handle_ != nullptr) ::dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  bool loaded() const { return handle_ != nullptr; }

  template <typename Function>
  bool Find(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(::dlsym(handle_, name));
    return function != nullptr;
  }

 private:
  void* handle_;
};

struct Nvml {
  int (*init)();
  int (*shutdown)();
  int (*count)(unsigned*);
  int (*by_index)(unsigned, NvmlDevice*);
  int (*name)(NvmlDevice, char*, unsigned);
  int (*memory)(NvmlDevice, NvmlMemory*);
  int (*driver)(char*, unsigned);

  bool Load(const Library& library) {
    return library.Find("nvmlInit_v2", init) && library.Find("nvmlShutdown", shutdown) &&
           library.Find("nvmlDeviceGetCount_v2", count) && library.Find("nvmlDeviceGetHandleByIndex_v2", by_index) &&
           library.Find("nvmlDeviceGetName", name) && library.Find("nvmlDeviceGetMemoryInfo", memory) &&
           library.Find("nvmlSystemGetDriverVersion", driver);
  }
};

std::vector<Gpu> ListGpus(const Nvml& nvml) {
  unsigned count = 0;
  std::vector<Gpu> gpus;
  if (nvml.count(&count) != kNvmlSuccess) return gpus;
  for (unsigned i = 0; i < count; ++i) {
    NvmlDevice device = nullptr;
    if (nvml.by_index(i, &device) != kNvmlSuccess) continue;
    std::array<char, 96> name = {};
    NvmlMemory memory = {};
    if (nvml.name(device, name.data(), name.size()) != kNvmlSuccess) continue;
    if (nvml.memory(device, &memory) != kNvmlSuccess) memory = {};
    gpus.push_back({.model = name.data(), .memory = memory.total});
  }
  return gpus;
}

}  // namespace

GpuProbe ProbeGpus() {
  GpuProbe probe;
  probe.has_cuda = Library("libcuda.so.1").loaded();
  const Library library("libnvidia-ml.so.1");
  if (!library.loaded()) {
    probe.remark = "no NVIDIA driver is installed (libnvidia-ml.so.1 is not there)";
    return probe;
  }
  Nvml nvml;
  if (!nvml.Load(library)) {
    probe.remark = "the NVIDIA driver is too old to be asked";
    return probe;
  }
  if (const int error = nvml.init(); error != kNvmlSuccess) {
    probe.remark = absl::StrCat("the NVIDIA driver is installed but doesn't start (NVML error ", error, ")");
    return probe;
  }
  const absl::Cleanup shutdown = [&nvml] { nvml.shutdown(); };
  probe.gpus = ListGpus(nvml);
  std::array<char, 96> driver = {};
  nvml.driver(driver.data(), driver.size());
  probe.remark = absl::StrCat("NVIDIA driver ", driver.data());
  return probe;
}

}  // namespace ioc

// The NVIDIA GPUs of this machine, asked of the driver's libraries where they are installed. Nothing links them.
#ifndef IOCLUSTER_RUNTIME_CLI_GPU_PROBE_H_
#define IOCLUSTER_RUNTIME_CLI_GPU_PROBE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ioc {

struct Gpu {
  std::string model;
  uint64_t memory = 0;  // bytes
};

struct GpuProbe {
  std::vector<Gpu> gpus;
  std::string remark;     // why there are none, or which driver tells
  bool has_cuda = false;  // libcuda can be loaded
};

GpuProbe ProbeGpus();

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_GPU_PROBE_H_

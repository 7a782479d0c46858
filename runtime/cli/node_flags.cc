#include "runtime/cli/node_flags.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"

namespace ioc {
namespace {

absl::Status CheckBound(const char* flag, const std::optional<double>& value) {
  if (!value.has_value() || *value >= 0) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument, absl::StrCat(flag, " is ", *value, "; it can't be negative"));
}

}  // namespace

void NodeFlags::AddTo(Flags& flags) {
  flags.Add("--insecure", &insecure, "listen beyond this machine although nobody is authenticated yet");
  flags.Add("--name", &name, "NAME",
            "what the node is called, once in the cluster; made of the host's name unless set");
  flags.Add("--cpus", &cpus, "N", "CPUs that it offers; all of the machine's unless set");
  flags.Add("--gpus", &gpus, "N", "GPUs that it offers; none unless set");
  flags.AddBytes("--memory", &memory, "memory that it offers; all of the machine's unless set");
  flags.Add("--gpu-model", &gpu_model, "MODEL", "\"RTX 4090\"");
  flags.AddBytes("--gpu-memory", &gpu_memory, "of one card");
  flags.Add("--region", &region, "REGION", "\"eu\", \"eu-west\"");
  flags.Add("--down-mbps", &down_mbps, "N", "its network's Mbit/s down");
  flags.Add("--up-mbps", &up_mbps, "N", "its network's Mbit/s up");
  flags.Add("--price", &price, "DOLLARS", "for an hour of it");
  flags.Add("--resource", &resources, "a resource of your own; may be repeated");
  flags.Add("--label", &labels, "a label for placement; may be repeated");
  flags.AddBytes("--store-memory", &store_memory, "for the object store; 30 % of the machine's memory unless set");
  flags.Add("--arch", &arch, "ARCH", "as found (\"x86_64\") unless set");
  flags.Add("--os", &os, "OS", "as found (\"linux\") unless set");
}

absl::StatusOr<NodeOptions> NodeFlags::MakeOptions(const HostInfo& host) const {
  IOC_RETURN_IF_ERROR(CheckBound("--down-mbps", down_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("--up-mbps", up_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("--price", price));
  std::vector<std::pair<std::string, double>> amounts = resources;
  amounts.emplace_back(kCpu, cpus.value_or(host.cpus));
  amounts.emplace_back(kGpu, gpus.value_or(0));
  amounts.emplace_back(kMemory, static_cast<double>(memory.value_or(host.memory_bytes)));
  NodeOptions options{.head_address = head,
                      .listen_address = listen,
                      .advertise_address = advertise,
                      .store_bytes = store_memory.value_or(0)};
  NodeInfo& declared = options.declared;
  IOC_ASSIGN_OR_RETURN(declared.total, MakeResources(amounts));
  declared.name = name;
  declared.labels = labels;
  declared.gpu_model = gpu_model;
  declared.gpu_memory = gpu_memory.value_or(0);
  declared.region = region;
  declared.down_mbps = down_mbps.value_or(0);
  declared.up_mbps = up_mbps.value_or(0);
  declared.price_per_hour = price.value_or(0);
  declared.arch = arch;
  declared.os = os;
  return options;
}

}  // namespace ioc

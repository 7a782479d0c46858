#include "runtime/cli/node_flags.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/resources.h"
#include "lib/base/status.h"
#include "lib/base/text.h"
#include "lib/base/units.h"
#include "runtime/api/configuration.h"
#include "runtime/cli/command.h"

namespace ioc {
namespace {

absl::Status CheckBound(const char* flag, const std::optional<double>& value) {
  if (!value.has_value() || *value >= 0) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument, absl::StrCat(flag, " is ", *value, "; it can't be negative"));
}

// What others see of it, in listings and logs; with "node " before it a name has to fit a Hello.
constexpr size_t kMaxTextBytes = 200;

absl::Status CheckText(const char* flag, const std::string& text) {
  const std::string given = absl::StrCat(flag, " ", Shown(text));
  if (text.size() > kMaxTextBytes) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat(given, " is too long; it can have ", kMaxTextBytes, " bytes"));
  }
  if (!HasControls(text)) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument, absl::StrCat(given, " has control characters in it; leave them out"));
}

// What has a flag of its own is declared by that.
absl::Status CheckOwn(const std::pair<std::string, double>& resource) {
  const auto& [name, amount] = resource;
  const std::string_view builtin = BuiltinResource(name);
  if (amount >= 0 && builtin.empty()) return absl::OkStatus();
  const std::string given = absl::StrCat("--resource ", name, "=", amount);
  if (builtin.empty()) return MakeError(Cause::kInvalidArgument, absl::StrCat(given, ": it can't be negative"));
  const char* flag = builtin == kCpu ? "--cpus" : builtin == kGpu ? "--gpus" : "--memory";
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat(given, ": ", name, " is not a resource of your own; say ", flag, " ", amount));
}

}  // namespace

void NodeFlags::AddTo(Flags& flags) {
  AddInsecureFlag(flags, &insecure);
  flags.Add("--name", &name, "NAME",
            "what the node is called, unlike any other in the cluster (default: made of the host's name)");
  flags.Add("--cpus", &cpus, "N", "CPUs that it offers (default: all that this process may use)");
  flags.Add("--gpus", &gpus, "N", "GPUs that it offers (default: none)");
  flags.AddBytes("--memory", &memory, "memory that it offers to tasks (default: all of the machine's)");
  flags.AddBytes("--store-memory", &store_memory,
                 absl::StrCat("memory of its object store, at least ", FormatBytes(kMinStoreBytes),
                              " (default: IOCLUSTER_OBJECT_STORE_MEMORY, or else 30 % of the machine's)"));
  flags.Add(
      "--spill-directory", &spill_directory, "PATH",
      "where it puts objects that the store has no room for (default: IOCLUSTER_SPILL_DIRECTORY, or else /var/tmp)");
  flags.AddBytes(
      "--spill-limit", &spill_limit,
      "bytes that it may put there, 0 for none (default: IOCLUSTER_SPILL_LIMIT, or else half of what is free)");
  flags.AddBytes("--cache-limit", &cache_limit,
                 absl::StrCat("bytes that it keeps of other nodes' programs, beside those in use (default: "
                              "IOCLUSTER_CACHE_LIMIT, or else ",
                              FormatBytes(kDefaultProgramCacheBytes), ")"));
  flags.Add("--gpu-model", &gpu_model, "MODEL", "model of its GPUs, as in \"RTX 4090\"");
  flags.AddBytes("--gpu-memory", &gpu_memory, "memory of one GPU");
  flags.Add("--region", &region, "REGION", "where it is, as in eu or eu-west");
  flags.Add("--down-mbps", &down_mbps, "N", "Mbit/s that it receives");
  flags.Add("--up-mbps", &up_mbps, "N", "Mbit/s that it sends");
  flags.Add("--price", &price, "DOLLARS", "US dollars for an hour of it");
  flags.Add("--resource", &resources, "a resource of your own, as in tpu=4; may be repeated");
  flags.Add("--label", &labels, "what conditions of tasks look at, as in disk=nvme; may be repeated");
  flags.Add("--arch", &arch, "ARCH", "kind of processor, as in x86_64 (default: as found)");
  flags.Add("--os", &os, "OS", "operating system, as in linux (default: as found)");
  for (const char* mistaken : {"--port", "--host", "--bind"}) flags.Suggest(mistaken, "--listen");
}

absl::Status NodeFlags::SetSpilling(NodeOptions& options) const {
  if (!spill_directory.empty()) {
    IOC_RETURN_IF_ERROR(WithContext(CheckSpillDirectory(spill_directory), "--spill-directory"));
    options.spill_directory = spill_directory;
  } else {
    IOC_ASSIGN_OR_RETURN(options.spill_directory, SpillDirectoryFromEnvironment());
  }
  IOC_ASSIGN_OR_RETURN(options.spill_limit, SpillLimitFromEnvironment());
  if (spill_limit.has_value()) options.spill_limit = spill_limit;
  return absl::OkStatus();
}

absl::StatusOr<NodeOptions> NodeFlags::MakeOptions(const HostInfo& host) const {
  IOC_RETURN_IF_ERROR(CheckBound("--cpus", cpus));
  IOC_RETURN_IF_ERROR(CheckBound("--gpus", gpus));
  IOC_RETURN_IF_ERROR(CheckBound("--down-mbps", down_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("--up-mbps", up_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("--price", price));
  IOC_RETURN_IF_ERROR(CheckText("--name", name));
  IOC_RETURN_IF_ERROR(CheckText("--gpu-model", gpu_model));
  IOC_RETURN_IF_ERROR(CheckText("--region", region));
  IOC_RETURN_IF_ERROR(CheckText("--arch", arch));
  IOC_RETURN_IF_ERROR(CheckText("--os", os));
  for (const auto& resource : resources) IOC_RETURN_IF_ERROR(CheckOwn(resource));
  if (!gpu_model.empty() && gpus.value_or(0) == 0) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("--gpu-model ", gpu_model, ": how many it offers is not said; add --gpus 1"));
  }
  if (gpu_memory.has_value() && gpus.value_or(0) == 0) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("--gpu-memory ", FormatBytes(*gpu_memory),
                                                           ": how many it offers is not said; add --gpus 1"));
  }
  std::vector<std::pair<std::string, double>> amounts = resources;
  amounts.emplace_back(kCpu, cpus.value_or(host.cpus));
  amounts.emplace_back(kGpu, gpus.value_or(0));
  amounts.emplace_back(kMemory, static_cast<double>(memory.value_or(host.memory_bytes)));
  NodeOptions options{.head_address = head, .listen_address = listen, .advertise_address = advertise};
  if (store_memory.has_value()) {
    IOC_RETURN_IF_ERROR(WithContext(CheckStoreBytes(*store_memory), "--store-memory"));
    options.store_bytes = *store_memory;
  } else {
    IOC_ASSIGN_OR_RETURN(options.store_bytes, StoreBytesFromEnvironment());
  }
  IOC_RETURN_IF_ERROR(SetSpilling(options));
  IOC_ASSIGN_OR_RETURN(options.program_cache_limit, CacheLimitFromEnvironment());
  options.program_cache_limit = cache_limit.value_or(options.program_cache_limit);
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

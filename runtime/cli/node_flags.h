// What `iocluster node` and `iocluster up` can be told about the machine that they offer.
#ifndef IOCLUSTER_RUNTIME_CLI_NODE_FLAGS_H_
#define IOCLUSTER_RUNTIME_CLI_NODE_FLAGS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "runtime/cli/flags.h"
#include "runtime/node/node.h"

namespace ioc {

struct NodeFlags {
  std::string head;  // empty: in the same process, behind the node's own door
  std::string listen;
  std::string advertise;
  std::string name;
  bool insecure = false;
  std::optional<double> cpus;
  std::optional<double> gpus;
  std::optional<uint64_t> memory;
  std::string gpu_model;
  std::optional<uint64_t> gpu_memory;
  std::string region;
  std::optional<double> down_mbps;
  std::optional<double> up_mbps;
  std::optional<double> price;
  std::vector<std::pair<std::string, double>> resources;
  std::map<std::string, std::string> labels;
  std::optional<uint64_t> store_memory;
  std::string spill_directory;
  std::optional<uint64_t> spill_limit;
  std::optional<uint64_t> cache_limit;
  std::string arch;
  std::string os;

  // Adds a flag for each but the head and the addresses, whose defaults differ between the commands.
  void AddTo(Flags& flags);

  // With what the environment says where a flag is not given. kInvalidArgument names the flag or variable and says
  // what to write instead.
  absl::StatusOr<NodeOptions> MakeOptions(const HostInfo& host) const;

 private:
  absl::Status SetSpilling(NodeOptions& options) const;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_NODE_FLAGS_H_

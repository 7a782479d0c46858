// iocluster node and iocluster up: a node in a process of its own, alone or together with the head.

#include <absl/strings/str_cat.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"
#include "runtime/cli/command.h"
#include "runtime/cli/daemon.h"
#include "runtime/head/head.h"
#include "runtime/head/listen_address.h"
#include "runtime/node/node.h"

namespace ioc {
namespace {

// What the machine is declared to be, as the flags say it.
struct NodeFlags {
  std::string head;
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
  std::string arch;
  std::string os;

  void AddTo(Flags& flags) {
    flags.Add("--insecure", &insecure, "listen beyond this machine although nobody is authenticated yet");
    flags.Add("--name", &name, "NAME", "what the node is called, once in the cluster; the host's name unless set");
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
};

absl::Status CheckBound(const char* flag, const std::optional<double>& value) {
  if (!value.has_value() || *value >= 0) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument, absl::StrCat(flag, " is ", *value, "; it can't be negative"));
}

absl::StatusOr<NodeOptions> MakeOptions(const NodeFlags& flags, const HostInfo& host) {
  IOC_RETURN_IF_ERROR(CheckBound("--down-mbps", flags.down_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("--up-mbps", flags.up_mbps));
  IOC_RETURN_IF_ERROR(CheckBound("--price", flags.price));
  std::vector<std::pair<std::string, double>> amounts = flags.resources;
  amounts.emplace_back(kCpu, flags.cpus.value_or(host.cpus));
  amounts.emplace_back(kGpu, flags.gpus.value_or(0));
  amounts.emplace_back(kMemory, static_cast<double>(flags.memory.value_or(host.memory_bytes)));
  NodeOptions options{.head_address = flags.head,
                      .listen_address = flags.listen,
                      .advertise_address = flags.advertise,
                      .store_bytes = flags.store_memory.value_or(0)};
  NodeInfo& declared = options.declared;
  IOC_ASSIGN_OR_RETURN(declared.total, MakeResources(amounts));
  declared.name = flags.name;
  declared.labels = flags.labels;
  declared.gpu_model = flags.gpu_model;
  declared.gpu_memory = flags.gpu_memory.value_or(0);
  declared.region = flags.region;
  declared.down_mbps = flags.down_mbps.value_or(0);
  declared.up_mbps = flags.up_mbps.value_or(0);
  declared.price_per_hour = flags.price.value_or(0);
  declared.arch = flags.arch;
  declared.os = flags.os;
  return options;
}

// What the node has told its daemon; under the executor's mutex.
struct NodeState {
  std::optional<absl::Status> ready;
  std::optional<absl::Status> stopped;
};

void AnnounceNode(const Node& node, const std::string& head) {
  std::printf("node %s ready: %s, head %s\n", node.info().name.c_str(), node.info().total.ToString().c_str(),
              head.c_str());
  std::fflush(stdout);
}

// Waits for the end of the node, and says when it is ready. The exit code.
int ServeNode(const char* command, const Node& node, const std::string& head, NodeState& state, Mutex& mutex,
              Interrupts& interrupts) {
  for (bool is_announced = false;;) {
    interrupts.Wait();
    const MutexLock lock(mutex);
    if (interrupts.interrupted()) return kExitOk;
    if (state.ready.has_value() && !state.ready->ok()) return ReportFailure(command, *state.ready);
    if (state.ready.has_value() && !is_announced) {
      AnnounceNode(node, head);
      is_announced = true;
    }
    if (!state.stopped.has_value()) continue;
    return state.stopped->ok() ? kExitOk : ReportFailure(command, *state.stopped);
  }
}

struct Daemon {
  const char* command;
  bool with_head = false;
};

// A head, where wanted, and a node that finds it behind its own door.
int RunDaemon(const Daemon& daemon, const NodeFlags& node_flags) {
  Interrupts interrupts;
  AsioEnv env({.log_name = daemon.command});
  Mutex& mutex = env.executor().mutex();
  absl::StatusOr<NodeOptions> options = MakeOptions(node_flags, env.host());
  if (!options.ok()) return ReportUsage(daemon.command, options.status());

  NodeState state;
  std::unique_ptr<Head> head;
  std::unique_ptr<Node> node;
  {
    const MutexLock lock(mutex);
    if (daemon.with_head) {
      absl::StatusOr<std::unique_ptr<Head>> started = Head::Start(env, {}, [&] {
        state.stopped = absl::OkStatus();
        interrupts.Wake();
      });
      if (!started.ok()) return ReportFailure(daemon.command, started.status());
      head = *std::move(started);
      options->cluster = head->cluster();
    }
    node = std::make_unique<Node>(
        env, *std::move(options),
        [&](absl::Status status) {
          state.ready = std::move(status);
          interrupts.Wake();
        },
        [&](absl::Status why) {
          // In one process with the head, the head is the one to end it: it still has to answer who asked.
          if (daemon.with_head && why.ok()) return;
          state.stopped = std::move(why);
          interrupts.Wake();
        });
    if (head != nullptr) {
      node->set_head_door(
          [&head](std::unique_ptr<Connection> connection, const Preamble&) { head->Accept(std::move(connection)); });
    }
  }
  const std::string head_address = head != nullptr ? node_flags.listen : node_flags.head;
  const int exit_code = ServeNode(daemon.command, *node, head_address, state, mutex, interrupts);
  const MutexLock lock(mutex);
  node.reset();
  head.reset();
  return exit_code;
}

}  // namespace

int RunNode(const std::vector<std::string>& arguments) {
  NodeFlags node_flags{.listen = "127.0.0.1:0"};
  Flags flags("iocluster node [--head HOST:PORT] [--name NAME] ...",
              "Offers this machine to a cluster. What is not declared is found.");
  flags.AddAddress(
      "--head", &node_flags.head,
      absl::StrCat("the cluster's head; IOCLUSTER_ADDRESS or ", std::string(kDefaultHeadAddress), " unless set"));
  flags.AddAddress("--listen", &node_flags.listen,
                   "where other machines reach it; 127.0.0.1:0 (this one only) unless set");
  flags.AddAddress("--advertise", &node_flags.advertise, "what other machines dial, if not what it listens on");
  node_flags.AddTo(flags);
  const Parsed parsed = ParseFlags("node", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (absl::Status status = flags.ExpectNoOperands(); !status.ok()) return ReportUsage("node", status);
  if (absl::Status status = CheckListenAddress("node", node_flags.listen, node_flags.insecure); !status.ok()) {
    return ReportFailure("node", status);
  }
  node_flags.head = HeadAddress(node_flags.head).value;
  return RunDaemon({.command = "node"}, node_flags);
}

int RunUp(const std::vector<std::string>& arguments) {
  NodeFlags node_flags{.listen = std::string(kDefaultHeadAddress)};
  Flags flags(
      "iocluster up [--listen HOST:PORT] ...",
      "Runs a head and a node in one process, behind one port: a cluster of one machine, which others may join.");
  flags.AddAddress("--listen", &node_flags.listen, "where both listen; 127.0.0.1:6380 unless set");
  flags.AddAddress("--advertise", &node_flags.advertise, "what other machines dial, if not what it listens on");
  node_flags.AddTo(flags);
  const Parsed parsed = ParseFlags("up", flags, arguments);
  if (!parsed.go_on) return parsed.exit_code;
  if (absl::Status status = flags.ExpectNoOperands(); !status.ok()) return ReportUsage("up", status);
  if (absl::Status status = CheckListenAddress("head", node_flags.listen, node_flags.insecure); !status.ok()) {
    return ReportFailure("up", status);
  }
  return RunDaemon({.command = "up", .with_head = true}, node_flags);
}

}  // namespace ioc

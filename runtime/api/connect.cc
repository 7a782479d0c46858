// Cluster::Connect: wires the concrete things together, in a driver or in a worker.
#include <absl/strings/str_cat.h>
#include <poll.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "iocluster/cluster.h"
#include "iocluster/internal/cluster_state.h"
#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"
#include "lib/env_asio/fork_server.h"
#include "lib/env_asio/spawn.h"
#include "lib/scheduling/match.h"
#include "runtime/api/configuration.h"
#include "runtime/api/head_connection.h"
#include "runtime/api/hosted_node.h"
#include "runtime/api/this_program.h"
#include "runtime/client/client.h"
#include "runtime/local/local_runtime.h"
#include "runtime/worker/worker.h"

namespace ioc {
namespace {

// What the connecting thread worked for before: Current() is that again when the new Cluster is shut down there.
class FormerRuntime {
 public:
  void Restore(internal::Runtime* from) const {
    if (internal::CurrentRuntime() != from) return;
    internal::SetCurrentRuntime(nullptr);
    if (internal::CurrentRuntime() == nullptr && runtime_) internal::SetCurrentRuntime(&*runtime_);
  }

 private:
  const internal::RuntimePtr runtime_{internal::CurrentRuntime()};
};

// What a driver's Cluster owns.
class Driver final : public internal::ClusterState {
 public:
  Driver(std::unique_ptr<HostedNode> hosted, Client* client) : hosted_(std::move(hosted)), client_(client) {}
  ~Driver() override { client_->Release(); }

  internal::Runtime& runtime() override { return *client_; }

  void Shutdown() override {
    former_.Restore(client_);
    client_->Shutdown();
    hosted_ = nullptr;
  }

 private:
  std::unique_ptr<HostedNode> hosted_;
  Client* const client_;
  const FormerRuntime former_;
};

// What the Cluster of a program in local mode owns.
class LocalDriver final : public internal::ClusterState {
 public:
  explicit LocalDriver(LocalRuntime* runtime) : runtime_(runtime) {}
  ~LocalDriver() override { runtime_->Release(); }

  internal::Runtime& runtime() override { return *runtime_; }

  void Shutdown() override {
    former_.Restore(runtime_);
    runtime_->Shutdown();
  }

 private:
  LocalRuntime* const runtime_;
  const FormerRuntime former_;
};

// Writes out what the stream has gathered, unless that could take for ever: a thread may be waiting inside it, and a
// reader may be behind.
void FlushAtOnce(std::FILE* stream) {
  if (ftrylockfile(stream) != 0) return;
  pollfd room = {.fd = fileno(stream), .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) == 1 && room.revents == POLLOUT) std::fflush(stream);
  funlockfile(stream);
}

// Ends the process in the middle of what it does. Other threads may wait inside streams, so those are left alone.
[[noreturn]] void LeaveNow(int code) {
  FlushAtOnce(stdout);
  FlushAtOnce(stderr);
  std::_Exit(code);
}

// Ends the process without running what other threads may still use.
[[noreturn]] void Leave(int code) {
  std::fflush(nullptr);
  std::_Exit(code);
}

[[noreturn]] void ServeAsWorker() {
  RestoreLibraryPath();
  ServeForks();                  // from here on this is one worker, whether it was started or forked
  unsetenv("IOCLUSTER_WORKER");  // a program that a task starts is no worker
  auto env = std::make_shared<AsioEnv>(AsioEnvOptions{.log_name = "worker"});
  {
    Worker worker(env, [](int code) { LeaveNow(code); });
    const absl::Status connected = worker.Connect(absl::Seconds(10));
    if (!connected.ok()) {
      env->Log(LogLevel::kInfo, std::string(connected.message()));  // its node says why, where it matters
      Leave(1);
    }
    worker.Run();
  }
  Leave(0);
}

void SetStore(NodeOptions& node, const ConnectOptions& options) {
  node.store_bytes = options.object_store_memory;
  node.spill_directory = options.spill_directory;
  if (options.spill_limit >= 0) node.spill_limit = static_cast<uint64_t>(options.spill_limit);
}

NodeOptions EmbeddedNode(const ConnectOptions& options, const HostInfo& host) {
  NodeOptions node;
  node.listen_address.clear();
  SetStore(node, options);
  node.declared.name = "local";
  node.find_resources = options.cpus != 0;
  node.declared.total.Set(kCpu, options.cpus >= 0 ? options.cpus : host.cpus);
  if (options.gpus > 0) node.declared.total.Set(kGpu, options.gpus);
  for (const auto& [name, amount] : options.resources) node.declared.total.Set(name, amount);
  return node;
}

// A node of the cluster on this machine, or one in this process that offers nothing.
absl::StatusOr<std::string> FindOrHostNode(AsioEnv& env, const ConnectOptions& options,
                                           std::unique_ptr<HostedNode>& hosted) {
  {
    IOC_ASSIGN_OR_RETURN(auto head,
                         HeadConnection::Open(env, options.address, "ConnectOptions.address", options.timeout));
    const auto found = head->Call(FindLocalNode{.machine = env.host().machine}, options.timeout);
    if (found.ok()) return found->node.local_address;
    if (!absl::IsNotFound(found.status())) return found.status();
  }
  NodeOptions node;
  node.head_address = options.address;
  SetStore(node, options);
  node.declared.labels[kDriverLabel] = "true";
  node.find_resources = false;
  IOC_ASSIGN_OR_RETURN(hosted, HostedNode::Start(std::move(node), options.timeout));
  return hosted->local_address();
}

absl::StatusOr<std::unique_ptr<Driver>> ConnectDriver(int argc, char** argv, const ConnectOptions& options) {
  auto env = std::make_shared<AsioEnv>(AsioEnvOptions{.log_name = "driver"});
  std::unique_ptr<HostedNode> hosted;
  ClientOptions client_options{.role = Role::kDriver, .program = ThisProgram(argc, argv), .timeout = options.timeout};
  if (options.address.empty()) {
    IOC_ASSIGN_OR_RETURN(hosted, HostedNode::Start(EmbeddedNode(options, env->host()), options.timeout));
    client_options.node_address = hosted->local_address();
  } else {
    IOC_ASSIGN_OR_RETURN(client_options.node_address, FindOrHostNode(*env, options, hosted));
  }
  auto* client = new Client(env, nullptr);
  const absl::Status connected = client->Connect(client_options);
  auto driver = std::make_unique<Driver>(std::move(hosted), client);
  if (!connected.ok()) {
    driver->Shutdown();
    return connected;
  }
  return driver;
}

std::unique_ptr<LocalDriver> StartLocally(const ConnectOptions& options) {
  auto env = std::make_shared<AsioEnv>(AsioEnvOptions{.log_name = "driver", .background_thread = false});
  LocalOptions local{.total = EmbeddedNode(options, env->host()).declared.total,
                     .store_bytes = options.object_store_memory};
  if (local.store_bytes == 0) local.store_bytes = DefaultStoreBytes(env->host());
  return std::make_unique<LocalDriver>(new LocalRuntime(std::move(env), std::move(local)));
}

}  // namespace

absl::StatusOr<Cluster> Cluster::Connect(int argc, char** argv, ConnectOptions options) {
  if (std::getenv("IOCLUSTER_WORKER") != nullptr) ServeAsWorker();
  IOC_ASSIGN_OR_RETURN(options, CompleteOptions(std::move(options)));
  std::unique_ptr<internal::ClusterState> driver;
  if (options.local_mode) {
    driver = StartLocally(options);
  } else {
    IOC_ASSIGN_OR_RETURN(driver, ConnectDriver(argc, argv, options));
  }
  internal::SetCurrentRuntime(&driver->runtime());
  return Cluster(std::move(driver));
}

}  // namespace ioc

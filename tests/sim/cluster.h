// A whole cluster in a World: a head, nodes and workers, each a process of its own on a simulated machine, and drivers
// whose user code runs on a fibre. The roles are the ones that ship; only their Env is simulated.
//
//   SimCluster cluster(seed, {.nodes = 20});
//   cluster.Drive([](Driver& driver) { CHECK(driver.cluster.Submit<Add>(1, 2).Get().value() == 3); });
//
// Only the machine of the drivers (that of node 0) has the program's file; other nodes fetch it as on real machines.
#ifndef IOCLUSTER_TESTS_SIM_CLUSTER_H_
#define IOCLUSTER_TESTS_SIM_CLUSTER_H_

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iocluster/cluster.h"
#include "lib/protocol/census_messages.h"
#include "lib/protocol/head_messages.h"
#include "runtime/client/client.h"
#include "runtime/head/head.h"
#include "runtime/node/node.h"
#include "tests/sim/sim_env.h"
#include "tests/sim/world.h"

namespace ioc::sim {

struct SimClusterOptions {
  int nodes = 2;
  double cpus = 4;                                                                 // of each node
  DurationRange latency = {absl::Milliseconds(1), absl::Milliseconds(80)};         // between two machines, one way
  DurationRange local_latency = {absl::Microseconds(10), absl::Microseconds(30)};  // between processes of a machine
  absl::Duration node_timeout = absl::Seconds(10);                                 // HeadOptions::node_timeout
  absl::Duration connection_timeout = absl::Seconds(15);                           // WorldOptions::connection_timeout
  uint64_t store_bytes = uint64_t{64} << 20;                                       // of each node
  std::optional<uint64_t> spill_limit = {};                                        // NodeOptions::spill_limit
  uint64_t program_cache_limit = kDefaultProgramCacheBytes;                        // NodeOptions::program_cache_limit
  int max_workers = 512;                                                           // NodeOptions::max_workers
  // What a worker process does first: a number, and it ends with that code before it is one.
  std::function<std::optional<int>(SimEnv&)> before_worker = {};
};

// What a driver's user code is given.
class Driver {
 public:
  Driver(Cluster& cluster, Client& client, SimEnv& env) : cluster(cluster), client(client), env(env) {}

  Cluster& cluster;
  Client& client;
  SimEnv& env;

  // Virtual time goes by.
  void Sleep(absl::Duration duration);
  // What the head knows of its nodes, and of all.
  std::vector<NodeStatus> Nodes();
  GetStatus::Reply Status();
  // What every node and process holds.
  ListObjects::Reply Objects();
  // Asks the head to stop everything.
  void StopCluster();

 private:
  template <typename R>
  typename R::Reply Ask(const R& request);
};

class SimCluster {
 public:
  // All nodes have registered when it returns.
  explicit SimCluster(uint64_t seed, SimClusterOptions options = {});
  ~SimCluster();
  SimCluster(const SimCluster&) = delete;
  SimCluster& operator=(const SimCluster&) = delete;

  World& world() { return world_; }
  SimMachine& head_machine() { return *head_machine_; }
  SimMachine& machine(int node) { return *nodes_.at(node)->machine; }
  SimEnv& head_process() { return *head_; }
  SimEnv& node_process(int node) { return *nodes_.at(node)->process; }
  // "n0", "n1", ...
  static std::string NodeName(int node);

  // Runs user code in a new driver, until it ends or is crashed; fails the test if it takes longer than `limit` of
  // virtual time.
  void Drive(std::function<void(Driver&)> code, absl::Duration limit = absl::Minutes(10));

  // The drivers' program is another build from now on: other bytes that do the same.
  void BuildProgram();
  // Runs user code in a new driver on the machine of that node, from now on, beside what goes on.
  void StartDriver(int node, std::function<void(Driver&)> code);

  // Its process is killed, and another one listens at its address.
  void RestartHead();

  // Living worker processes on a node's machine.
  std::vector<SimEnv*> Workers(int node) const;

 private:
  struct NodeProcess {
    SimMachine* machine = nullptr;
    SimEnv* process = nullptr;
    bool ready = false;
    absl::Status status;
  };

  SimEnv& StartDriverProcess(int node, std::function<void(Driver&)> code, std::function<void()> at_end);
  void StartHead();
  void StartNode(NodeProcess& node, const std::string& name);

  const SimClusterOptions options_;
  World world_;
  SimMachine* head_machine_ = nullptr;
  SimEnv* head_ = nullptr;
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
  int drivers_ = 0;
};

// For user code in the simulation: the process that it runs in.
SimEnv& ThisProcess();
// Computes for this long: blocks the calling fibre, keeping its CPU.
void Work(absl::Duration duration);
// Those whose user code is in Work, in the order in which they began. Scenarios crash them.
const std::vector<SimEnv*>& ProcessesAtWork();

}  // namespace ioc::sim

#endif  // IOCLUSTER_TESTS_SIM_CLUSTER_H_

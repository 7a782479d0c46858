#include "tests/sim/cluster.h"

#include <absl/cleanup/cleanup.h>
#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <utility>

#include "lib/base/check.h"
#include "lib/serde/function_table.h"
#include "runtime/worker/worker.h"

namespace ioc::sim {
namespace {

constexpr char kHeadDoor[] = "0.0.0.0:7000";
constexpr ClusterId kCluster{4711};  // known to a head that is started again
constexpr char kHeadAddress[] = "head:7000";
constexpr char kProgramPath[] = "/home/user/program";
constexpr absl::Duration kStartLimit = absl::Seconds(30);

// The process that a runtime belongs to. Looked up only.
absl::flat_hash_map<const internal::Runtime*, SimEnv*>& ProcessesOfRuntimes() {
  static absl::flat_hash_map<const internal::Runtime*, SimEnv*> processes;
  return processes;
}

std::vector<SimEnv*>& AtWork() {
  static std::vector<SimEnv*> processes;
  return processes;
}

// Says so while it lives.
class RuntimeOfProcess {
 public:
  RuntimeOfProcess(const internal::Runtime& runtime, SimEnv& env) : runtime_(&runtime) {
    ProcessesOfRuntimes()[runtime_] = &env;
  }
  ~RuntimeOfProcess() { ProcessesOfRuntimes().erase(runtime_); }

 private:
  const internal::Runtime* const runtime_;
};

// The World owns it, longer than any role lives.
std::shared_ptr<Env> Borrow(SimEnv& env) { return std::shared_ptr<Env>(std::shared_ptr<Env>(), &env); }

WorldOptions OptionsOf(const SimClusterOptions& options) {
  WorldOptions world;
  world.topology.link_latency = options.latency;
  world.topology.local_latency = options.local_latency;
  world.connection_timeout = options.connection_timeout;
  world.fibers.thread_local_hooks = {
      .get = [] { return static_cast<void*>(internal::CurrentContext()); },
      .set = [](void* context) { internal::SetCurrentContext(static_cast<internal::RunContext*>(context)); }};
  return world;
}

// What Cluster::Connect does in a worker.
int RunWorker(SimEnv& env) {
  std::optional<RuntimeOfProcess> runtime;  // goes after the worker, whose threads run user code until they are unwound
  Worker worker(Borrow(env), [&env](int code) { env.world().Finish(env, {.code = code}); });
  if (const absl::Status connected = worker.Connect(absl::Seconds(10)); !connected.ok()) {
    env.Log(LogLevel::kError, std::string(connected.message()));
    return 1;
  }
  runtime.emplace(worker.client(), env);
  worker.Run();
  return 0;
}

// What a driver's Cluster owns.
class DriverState final : public internal::ClusterState {
 public:
  explicit DriverState(Client& client) : client_(client) {}
  ~DriverState() override { client_.Release(); }

  internal::Runtime& runtime() override { return client_; }
  void Shutdown() override {
    internal::SetCurrentContext(nullptr);
    client_.Shutdown();
  }

 private:
  Client& client_;
};

void RunDriver(SimEnv& env, const std::string& node_address, const std::function<void(Driver&)>& code) {
  auto& client = *new Client(Borrow(env), nullptr);
  auto state = std::make_unique<DriverState>(client);
  const uint64_t size = env.files().Open(kProgramPath).value()->size();
  ProgramInfo program{.path = kProgramPath, .build_id = ExecutableBuildId(), .size = size};
  program.directory = "/home/user";
  const absl::Status connected =
      client.Connect({.role = Role::kDriver, .node_address = node_address, .program = std::move(program)});
  IOC_CHECK(connected.ok()) << "the driver can't connect: " << std::string(connected.message());
  internal::RunContext context{.runtime = &client};
  internal::SetCurrentContext(&context);
  const RuntimeOfProcess runtime(client, env);
  Cluster cluster(std::move(state));
  Driver driver(cluster, client, env);
  code(driver);
}

}  // namespace

void Driver::Sleep(absl::Duration duration) {
  Waiter never;
  MutexLock lock(env.executor().mutex());
  env.executor().Await(never, env.executor().Now() + duration);
}

template <typename R>
typename R::Reply Driver::Ask(const R& request) {
  Waiter answered;
  absl::StatusOr<typename R::Reply> answer;
  MutexLock lock(env.executor().mutex());
  client.node().Call(request, absl::Seconds(30), [&](absl::StatusOr<typename R::Reply> reply) {
    answer = std::move(reply);
    env.executor().Notify(answered);
  });
  env.executor().Await(answered, absl::InfiniteFuture());
  IOC_CHECK(answer.ok()) << "the head does not answer: " << std::string(answer.status().message());
  return *std::move(answer);
}

std::vector<NodeStatus> Driver::Nodes() { return Ask(ListNodes{}).nodes; }

GetStatus::Reply Driver::Status() { return Ask(GetStatus{}); }

ListObjects::Reply Driver::Objects() { return Ask(ListObjects{}); }

void Driver::StopCluster() {
  MutexLock lock(env.executor().mutex());
  client.node().Call(Stop{}, absl::Seconds(30), [](const absl::StatusOr<Stop::Reply>&) {});
}

SimCluster::SimCluster(uint64_t seed, SimClusterOptions options) : options_(options), world_(seed, OptionsOf(options)) {
  head_machine_ = &world_.AddMachine({.name = "head"});
  StartHead();
  for (int i = 0; i < options_.nodes; ++i) {
    nodes_.push_back(std::make_unique<NodeProcess>());
    NodeProcess& node = *nodes_.back();
    node.machine = &world_.AddMachine({.name = absl::StrCat("m", i)});
    StartNode(node, NodeName(i));
  }
  BuildProgram();
  const bool all_ready = world_.RunUntil(
      [&] { return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->ready; }); },
      kStartLimit);
  if (!all_ready) world_.Fail("the nodes do not register");
}

SimCluster::~SimCluster() = default;

void SimCluster::BuildProgram() {
  world_.RegisterProgram(
      kProgramPath,
      [this](SimEnv& env, const std::vector<std::string>&) {
        const std::optional<int> code = options_.before_worker ? options_.before_worker(env) : std::nullopt;
        return code.has_value() ? *code : RunWorker(env);
      },
      nodes_[0]->machine);
}

std::string SimCluster::NodeName(int node) { return absl::StrCat("n", node); }

void SimCluster::RestartHead() {
  world_.Crash(*head_);
  StartHead();
}

void SimCluster::StartHead() {
  head_ = &world_.Start(
      *head_machine_, "head", [timeout = options_.node_timeout](SimEnv& env, const std::vector<std::string>&) {
        Waiter stop;
        MutexLock lock(env.executor().mutex());
        const auto head = Head::Start(
            env, {.listen_address = kHeadDoor, .insecure = true, .cluster = kCluster, .node_timeout = timeout},
            [&] { env.executor().Notify(stop); });
        IOC_CHECK(head.ok()) << std::string(head.status().message());
        env.executor().Await(stop, absl::InfiniteFuture());
        return 0;
      });
}

void SimCluster::StartNode(NodeProcess& state, const std::string& name) {
  NodeOptions options{.head_address = kHeadAddress, .listen_address = "0.0.0.0:0", .store_bytes = options_.store_bytes};
  options.spill_limit = options_.spill_limit;
  options.program_cache_limit = options_.program_cache_limit;
  options.max_workers = options_.max_workers;
  options.declared.name = name;
  options.declared.total.Set(kCpu, options_.cpus);
  const auto main = [&state, options](SimEnv& env, const std::vector<std::string>&) {
    Waiter stop;
    MutexLock lock(env.executor().mutex());
    const Node node(
        env, options,
        [&](absl::Status status) {
          IOC_CHECK(status.ok()) << std::string(status.message());
          state.ready = true;
        },
        [&](const absl::Status& why) {
          env.Log(LogLevel::kInfo, std::string(why.message()));
          env.executor().Notify(stop);
        });
    env.executor().Await(stop, absl::InfiniteFuture());
    return 0;
  };
  state.process = &world_.Start(*state.machine, name, main);
}

SimEnv& SimCluster::StartDriverProcess(int node, std::function<void(Driver&)> code, std::function<void()> at_end) {
  SimMachine& machine = *nodes_.at(node)->machine;
  machine.files[kProgramPath] = nodes_[0]->machine->files.at(kProgramPath);
  const auto unix_door = std::find_if(machine.doors.begin(), machine.doors.end(),
                                      [](const auto& door) { return door.first.rfind("unix:", 0) == 0; });
  IOC_CHECK(unix_door != machine.doors.end()) << "the node has no local door";
  return world_.Start(
      machine, absl::StrCat("driver", drivers_++),
      [address = unix_door->first, code = std::move(code), at_end = std::move(at_end)](SimEnv& env, const auto&) {
        RunDriver(env, address, code);
        at_end();
        return 0;
      });
}

void SimCluster::StartDriver(int node, std::function<void(Driver&)> code) {
  StartDriverProcess(node, std::move(code), [] {});
}

void SimCluster::Drive(std::function<void(Driver&)> code, absl::Duration limit) {
  bool done = false;
  const SimEnv& driver = StartDriverProcess(0, std::move(code), [&done] { done = true; });
  const auto crashed = [&] { return !driver.alive() && driver.exit_status()->signal == SIGKILL; };
  if (!world_.RunUntil([&] { return done || crashed(); }, limit)) {
    throw std::runtime_error(absl::StrCat("the driver did not end within ", absl::FormatDuration(limit)));
  }
}

std::vector<SimEnv*> SimCluster::Workers(int node) const {
  std::vector<SimEnv*> workers;
  for (const auto& process : world_.processes()) {
    const bool here = &process->machine() == nodes_.at(node)->machine;
    if (here && process->alive() && process->environment().contains("IOCLUSTER_WORKER")) {
      workers.push_back(process.get());
    }
  }
  return workers;
}

SimEnv& ThisProcess() {
  const auto found = ProcessesOfRuntimes().find(internal::CurrentRuntime());
  IOC_CHECK(found != ProcessesOfRuntimes().end()) << "not called from user code of a simulated cluster";
  return *found->second;
}

const std::vector<SimEnv*>& ProcessesAtWork() { return AtWork(); }

void Work(absl::Duration duration) {
  SimEnv& process = ThisProcess();
  AtWork().push_back(&process);
  const absl::Cleanup leave = [&process] { AtWork().erase(std::find(AtWork().begin(), AtWork().end(), &process)); };
  Waiter never;
  MutexLock lock(process.executor().mutex());
  process.executor().Await(never, process.executor().Now() + duration);
}

}  // namespace ioc::sim

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "bench/cluster/daemons.h"
#include "bench/floor/socket_stream.h"
#include "bench/harness/rounds.h"
#include "bench/suites/groups.h"
#include "bench/suites/suite.h"

namespace ioc::bench {
namespace {

// Node processes on this machine; the driver's objects are in the store of one of them.
struct BroadcastStage {
  static absl::StatusOr<std::unique_ptr<BroadcastStage>> SetUp(const SuiteOptions& options);

  std::unique_ptr<Daemons> daemons;
  Cluster cluster;
  std::unique_ptr<SocketFloor> socket;
  std::vector<TaskSubmitter> elsewhere;  // each on one of the other nodes
  std::vector<uint8_t> source;
};

absl::StatusOr<std::unique_ptr<BroadcastStage>> BroadcastStage::SetUp(const SuiteOptions& options) {
  const Effort& effort = options.effort;
  absl::StatusOr<std::unique_ptr<Daemons>> daemons =
      Daemons::Start({.iocluster = options.iocluster,
                      .nodes = effort.broadcast_nodes + 1,
                      .store_bytes = effort.broadcast_bytes + effort.broadcast_bytes / 4 + 64 * kMiB});
  if (!daemons.ok()) return daemons.status();
  absl::StatusOr<Cluster> cluster = Cluster::Connect(options.argc, options.argv, {.address = (*daemons)->address()});
  if (!cluster.ok()) return cluster.status();
  absl::StatusOr<std::unique_ptr<SocketFloor>> socket = SocketFloor::Start(effort.stream_bytes);
  if (!socket.ok()) return socket.status();
  std::vector<TaskSubmitter> elsewhere;
  for (int node = 0; node <= effort.broadcast_nodes; ++node) {
    const std::string name = Daemons::NodeName(node);
    if (name != cluster->node_name()) elsewhere.push_back(cluster->With(TaskOptions{.where = {.nodes = {name}}}));
  }
  std::vector<uint8_t> source(effort.broadcast_bytes);
  for (size_t i = 0; i < source.size(); i += kMiB) source[i] = static_cast<uint8_t>(i / kMiB);
  return std::make_unique<BroadcastStage>(BroadcastStage{.daemons = *std::move(daemons),
                                                         .cluster = *std::move(cluster),
                                                         .socket = *std::move(socket),
                                                         .elsewhere = std::move(elsewhere),
                                                         .source = std::move(source)});
}

int64_t Skimmed(const std::vector<uint8_t>& source) {
  int64_t sum = 0;
  for (size_t i = 0; i < source.size(); i += kMiB) sum += source[i];
  return sum;
}

// An object to all other nodes, from when they are asked to look at it until all have.
absl::StatusOr<Sample> Broadcast(const BroadcastStage& stage) {
  const absl::StatusOr<ObjectRef<Array<uint8_t>>> object = PutLarge(stage.cluster, stage.source);
  if (!object.ok()) return object.status();
  std::vector<ObjectRef<int>> ready;  // nobody measures the start of workers here
  for (const TaskSubmitter& there : stage.elsewhere) ready.push_back(there.Submit<Same>(1));
  if (absl::Status status = stage.cluster.Get(ready, kPatience).status(); !status.ok()) return status;
  const Stopwatch watch;
  std::vector<ObjectRef<int64_t>> refs;
  for (const TaskSubmitter& there : stage.elsewhere) refs.push_back(there.Submit<Skim>(*object));
  const absl::StatusOr<std::vector<int64_t>> sums = stage.cluster.Get(refs, kPatience);
  const double seconds = watch.seconds();
  if (!sums.ok()) return sums.status();
  for (const int64_t sum : *sums) {
    if (absl::Status status = CheckResult(sum, Skimmed(stage.source)); !status.ok()) return status;
  }
  const double bytes = static_cast<double>(stage.source.size() * stage.elsewhere.size());
  return Sample{.value = bytes / 1e9 / seconds, .results = static_cast<int64_t>(sums->size())};
}

std::vector<Measurement> BroadcastMeasurements(const BroadcastStage& stage, const Effort& effort) {
  const auto floor = [&stage, &effort]() -> absl::StatusOr<Sample> {
    const absl::StatusOr<double> value = stage.socket->GbPerS(effort.slice);
    if (!value.ok()) return value.status();
    return Sample{*value};
  };
  return {
      One("floor_socket_gb_per_s", "", floor),
      One("broadcast_gb_per_s", "floor_socket_gb_per_s", [&stage] { return Broadcast(stage); }),
  };
}

absl::Status RunOneMachine(const SuiteOptions& options, Progress& progress, Results& results) {
  const Effort& effort = options.effort;
  const absl::StatusOr<Cluster> cluster = Cluster::Connect(options.argc, options.argv, {.cpus = 1});
  if (!cluster.ok()) return cluster.status();
  std::vector<Measurement> all = ObjectMeasurements(*cluster, effort);
  std::vector<Measurement> curves = ArrayCurves(*cluster, effort);
  std::move(curves.begin(), curves.end(), std::back_inserter(all));
  return RunRounds(all, {.rounds = effort.rounds, .only = options.only}, progress, results.ours);
}

}  // namespace

absl::Status RunObjects(const SuiteOptions& options, Results& results) {
  constexpr int kMostBroadcastRounds = 5;
  Progress progress("objects");
  if (absl::Status status = RunOneMachine(options, progress, results); !status.ok()) return status;
  progress.Show(absl::StrCat("starting ", options.effort.broadcast_nodes + 1, " nodes"));
  const absl::StatusOr<std::unique_ptr<BroadcastStage>> stage = BroadcastStage::SetUp(options);
  if (!stage.ok()) return stage.status();
  return RunRounds(BroadcastMeasurements(**stage, options.effort),
                   {.rounds = std::min(options.effort.rounds, kMostBroadcastRounds), .only = options.only}, progress,
                   results.ours);
}

}  // namespace ioc::bench

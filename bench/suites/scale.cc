#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "bench/cluster/daemons.h"
#include "bench/cluster/process_usage.h"
#include "bench/harness/rounds.h"
#include "bench/suites/groups.h"
#include "bench/suites/suite.h"

namespace ioc::bench {
namespace {

// One client queues so many tasks before any result is taken; what all processes have resident when they are queued,
// and when they have run.
absl::Status QueueAtOnce(const Cluster& cluster, int count, Samples& samples) {
  const Stopwatch watch;
  std::vector<ObjectRef<int>> refs;
  refs.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) refs.push_back(cluster.Submit<Same>(i));
  const double queued_s = watch.seconds();
  double resident_mb = ResidentMb(FamilyOf(getpid()));
  const Stopwatch rest;
  const absl::StatusOr<std::vector<int>> answers = cluster.Get(refs, kPatience);
  const double seconds = queued_s + rest.seconds();
  if (!answers.ok()) return answers.status();
  if (absl::Status status = CheckResult(Sum(*answers), SumBelow(count)); !status.ok()) return status;
  resident_mb = std::max(resident_mb, ResidentMb(FamilyOf(getpid())));
  samples.Add("queue_million_s", "", seconds, count);
  samples.Add("queue_million_resident_mb", "", resident_mb);
  return absl::OkStatus();
}

// What another client's single tasks wait while this one has so many queued.
absl::Status CallsBesideFlood(const Cluster& cluster, const ActorHandle<Client>& other, const Effort& effort,
                              Samples& samples) {
  const double seconds = std::max(0.001, absl::ToDoubleSeconds(effort.slice) * 5);
  std::vector<ObjectRef<int>> flood;
  flood.reserve(static_cast<size_t>(effort.queued_tasks));
  const ObjectRef<Flow> single = other.Call<&Client::RunTasksFor>(seconds);
  for (int i = 0; i < effort.queued_tasks; ++i) flood.push_back(cluster.Submit<Same>(i));
  const absl::StatusOr<Flow> flow = single.Get(kPatience);
  if (!flow.ok()) return flow.status();
  const bool still_queued = !flood.back().ready();
  if (absl::Status status = cluster.Get(flood, kPatience).status(); !status.ok()) return status;
  samples.Add("task_beside_flood_p50_ms", "", flow->p50_us / 1e3);
  samples.Add("task_beside_flood_p99_ms", "", flow->p99_us / 1e3);
  samples.Add("flood_outlasted_percent", "", still_queued ? 100 : 0);
  return absl::OkStatus();
}

// Very many tasks, some on their way at any time: how much memory grows after the first of them.
absl::Status ManyInARow(const Cluster& cluster, const Effort& effort, Samples& samples) {
  const Stopwatch watch;
  double settled_mb = 0;
  int64_t run = 0;
  while (run < effort.row_tasks) {
    std::vector<ObjectRef<int>> refs;
    refs.reserve(static_cast<size_t>(effort.calls));
    for (int i = 0; i < effort.calls; ++i) refs.push_back(cluster.Submit<Same>(i));
    const absl::StatusOr<std::vector<int>> answers = cluster.Get(refs, kPatience);
    if (!answers.ok()) return answers.status();
    if (absl::Status status = CheckResult(Sum(*answers), SumBelow(effort.calls)); !status.ok()) return status;
    run += effort.calls;
    if (settled_mb == 0 && run >= effort.row_settled) settled_mb = ResidentMb(FamilyOf(getpid()));
  }
  samples.Add("row_task_per_s", "", static_cast<double>(run) / watch.seconds(), run);
  samples.Add("row_growth_mb", "", ResidentMb(FamilyOf(getpid())) - settled_mb);
  return absl::OkStatus();
}

// Shared actors that all live at once, each called; what all processes have resident meanwhile.
absl::Status ManyAlive(const Cluster& cluster, int count, Samples& samples) {
  const ActorCreator shared = cluster.With(ActorOptions{.shared_process = true});
  const Stopwatch watch;
  std::vector<ActorHandle<Counter>> actors;
  std::vector<ObjectRef<int>> refs;
  for (int i = 0; i < count; ++i) {
    actors.push_back(shared.Create<Counter>());
    refs.push_back(actors.back().Call<&Counter::Add>(i));
  }
  const absl::StatusOr<std::vector<int>> sums = cluster.Get(refs, kPatience);
  const double seconds = watch.seconds();
  if (!sums.ok()) return sums.status();
  if (absl::Status status = CheckResult(Sum(*sums), SumBelow(count)); !status.ok()) return status;
  samples.Add("actors_alive_create_per_s", "", count / seconds, count);
  samples.Add("actors_alive_resident_mb", "", ResidentMb(FamilyOf(getpid())));
  return absl::OkStatus();
}

absl::Status RunOneMachine(const SuiteOptions& options, Results& results) {
  const Effort& effort = options.effort;
  Progress progress("scale");
  const absl::StatusOr<Cluster> cluster = Cluster::Connect(options.argc, options.argv);
  if (!cluster.ok()) return cluster.status();
  const ActorHandle<Client> other = cluster->Create<Client>();
  if (absl::Status status = other.Call<&Client::RunTasks>(1).Get(kPatience).status(); !status.ok()) return status;
  // The memory of the first is measured before others have used any.
  const std::vector<Measurement> all = {
      {.metric = "queue_million",
       .run = [&](Samples& samples) { return QueueAtOnce(*cluster, effort.queued_tasks, samples); },
       .warms_up = false},
      {.metric = "task_beside_flood",
       .run = [&](Samples& samples) { return CallsBesideFlood(*cluster, other, effort, samples); },
       .warms_up = false},
      {.metric = "row",
       .run = [&](Samples& samples) { return ManyInARow(*cluster, effort, samples); },
       .most_rounds = 1,
       .warms_up = false},
      {.metric = "actors_alive",
       .run = [&](Samples& samples) { return ManyAlive(*cluster, effort.living_actors, samples); },
       .warms_up = false},
  };
  constexpr int kMostRounds = 3;
  return RunRounds(all, {.rounds = std::min(effort.rounds, kMostRounds), .only = options.only}, progress, results.ours);
}

// Tasks that may run on the first so many nodes, spread over them.
TaskSubmitter OnFirst(const Cluster& cluster, int nodes) {
  TaskOptions options{.strategy = Strategy::kSpread};
  for (int node = 0; node < nodes; ++node) options.where.nodes.push_back(Daemons::NodeName(node));
  return cluster.With(std::move(options));
}

absl::StatusOr<std::vector<int64_t>> RunOn(const Cluster& cluster, const TaskSubmitter& nodes, int count) {
  std::vector<ObjectRef<int64_t>> refs;
  refs.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) refs.push_back(nodes.Submit<Pid>());
  return cluster.Get(refs, kPatience);
}

// Each task says which process ran it. The head's share is taken while the leases are warm.
absl::Status TasksOverNodes(const Cluster& cluster, const Daemons& daemons, int nodes, int count, Samples& samples) {
  const TaskSubmitter there = OnFirst(cluster, nodes);
  if (absl::Status status = RunOn(cluster, there, count / 4).status(); !status.ok()) return status;
  const double head_before = CpuSecondsOf(daemons.head());
  const Stopwatch watch;
  const absl::StatusOr<std::vector<int64_t>> pids = RunOn(cluster, there, count);
  const double seconds = watch.seconds();
  const double head_s = CpuSecondsOf(daemons.head()) - head_before;
  if (!pids.ok()) return pids.status();
  samples.Add("nodes_task_per_s", "", count / seconds, static_cast<int64_t>(pids->size()));
  samples.Add("nodes_head_cpu_percent", "", 100 * head_s / seconds);
  samples.Add("nodes_workers", "", static_cast<double>(std::set<int64_t>(pids->begin(), pids->end()).size()));
  return absl::OkStatus();
}

absl::Status ByNodes(const Cluster& cluster, int nodes, const Effort& effort, Samples& samples) {
  const Curve curve{.name = "task_by_nodes",
                    .title = "Tasks by the number of nodes: throughput of many, latency of as many at once as nodes",
                    .x_label = "nodes"};
  const TaskSubmitter there = OnFirst(cluster, nodes);
  const Stopwatch watch;
  if (absl::Status status = RunOn(cluster, there, effort.calls).status(); !status.ok()) return status;
  const double per_s = effort.calls / watch.seconds();
  const absl::StatusOr<Flow> flow = FlowOf(
      effort.slice, nodes, [&](int64_t i) { return there.Submit<Same>(static_cast<int>(i)); }, CheckResult);
  if (!flow.ok()) return flow.status();
  samples.AddPoint(curve, nodes, per_s, flow->p50_us, flow->p99_us);
  return absl::OkStatus();
}

absl::Status RunManyNodes(const SuiteOptions& options, Results& results) {
  constexpr int kMostRounds = 3;
  const Effort& effort = options.effort;
  const int nodes = effort.nodes.back();
  Progress progress("scale");
  progress.Show(absl::StrCat("starting ", nodes, " nodes"));
  const absl::StatusOr<std::unique_ptr<Daemons>> daemons =
      Daemons::Start({.iocluster = options.iocluster, .nodes = nodes, .store_bytes = 16 * kMiB});
  if (!daemons.ok()) return daemons.status();
  const absl::StatusOr<Cluster> cluster =
      Cluster::Connect(options.argc, options.argv, {.address = (*daemons)->address()});
  if (!cluster.ok()) return cluster.status();
  std::vector<Measurement> all = {{.metric = "nodes_task_per_s", .run = [&](Samples& samples) {
                                     return TasksOverNodes(*cluster, **daemons, nodes, effort.scale_tasks, samples);
                                   }}};
  for (const int some : effort.nodes) {
    all.push_back({.metric = absl::StrCat("curve: tasks on ", some, " nodes"),
                   .run = [&, some](Samples& samples) { return ByNodes(*cluster, some, effort, samples); }});
  }
  return RunRounds(all, {.rounds = std::min(effort.rounds, kMostRounds), .only = options.only}, progress, results.ours);
}

}  // namespace

absl::Status RunScale(const SuiteOptions& options, Results& results) {
  if (absl::Status status = RunOneMachine(options, results); !status.ok()) return status;
  return RunManyNodes(options, results);
}

}  // namespace ioc::bench

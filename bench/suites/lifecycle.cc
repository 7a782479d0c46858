#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <filesystem>

#include "bench/cluster/cluster_start.h"
#include "bench/cluster/daemons.h"
#include "bench/cluster/process_usage.h"
#include "bench/suites/groups.h"

namespace ioc::bench {
namespace {

absl::StatusOr<Sample> RetryAfterDeath(const Cluster& cluster) {
  const std::string path =
      (std::filesystem::temp_directory_path() / absl::StrCat("iocluster-bench-died-", getpid())).string();
  const Stopwatch watch;
  const absl::StatusOr<int> value = cluster.With(TaskOptions{.max_retries = 2}).Submit<DieOnce>(path).Get(kPatience);
  const double seconds = watch.seconds();
  std::filesystem::remove(path);
  if (!value.ok()) return value.status();
  return Sample{.value = seconds, .results = *value};
}

// A head, a node and two workers, each a process, that have nothing to do; what workers are forked from counts as well.
absl::Status IdleMemory(int argc, char** argv, const std::string& iocluster, Samples& samples) {
  const absl::StatusOr<std::unique_ptr<Daemons>> daemons = Daemons::Start({.iocluster = iocluster, .cpus = 2});
  if (!daemons.ok()) return daemons.status();
  const absl::StatusOr<Cluster> cluster = Cluster::Connect(argc, argv, {.address = (*daemons)->address()});
  if (!cluster.ok()) return cluster.status();
  const std::vector<ActorHandle<Counter>> workers = {cluster->Create<Counter>(), cluster->Create<Counter>()};
  for (const ActorHandle<Counter>& worker : workers) {
    if (absl::Status status = worker.Call<&Counter::Add>(1).Get(kPatience).status(); !status.ok()) return status;
  }
  const MemoryUsage usage = MemoryOf((*daemons)->Processes());
  samples.Add("idle_memory_mb", "", usage.proportional_mb, static_cast<int64_t>(workers.size()));
  samples.Add("idle_memory_resident_mb", "", usage.resident_mb);
  return absl::OkStatus();
}

absl::StatusOr<Sample> ClusterStart() {
  const absl::StatusOr<double> seconds = MeasureClusterStart();
  if (!seconds.ok()) return seconds.status();
  return Sample{.value = *seconds, .results = 1};
}

}  // namespace

std::vector<Measurement> LifecycleMeasurements(const Cluster& cluster, int argc, char** argv,
                                               const std::string& iocluster) {
  constexpr int kMemoryRounds = 3;
  return {
      One("cluster_start_s", "", ClusterStart),
      One("retry_after_worker_death_s", "", [&cluster] { return RetryAfterDeath(cluster); }),
      {.metric = "idle_memory_mb",
       .run = [argc, argv, iocluster](Samples& samples) { return IdleMemory(argc, argv, iocluster, samples); },
       .most_rounds = kMemoryRounds,
       .warms_up = false},
  };
}

}  // namespace ioc::bench

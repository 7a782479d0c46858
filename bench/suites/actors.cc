#include <unistd.h>

#include <thread>

#include "bench/cluster/process_usage.h"
#include "bench/floor/self.h"
#include "bench/suites/groups.h"

namespace ioc::bench {
namespace {

// Actors that are gone end beside what is measured next: waits until so few processes are left, or a while.
void AwaitProcesses(size_t count) {
  const Stopwatch watch;
  while (FamilyOf(getpid()).size() > count && watch.seconds() < 5) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// Made, and each called once.
absl::Status MakeProcesses(const Cluster& cluster, int count, Samples& samples) {
  const size_t before = FamilyOf(getpid()).size();
  {
    const Stopwatch watch;
    std::vector<ActorHandle<Counter>> actors;
    std::vector<ObjectRef<int64_t>> refs;
    for (int i = 0; i < count; ++i) {
      actors.push_back(cluster.Create<Counter>());
      refs.push_back(actors.back().Call<&Counter::Pid>());
    }
    const absl::StatusOr<std::vector<int64_t>> pids = cluster.Get(refs, kPatience);
    const double seconds = watch.seconds();
    if (!pids.ok()) return pids.status();
    samples.Add("actor_create_per_s", "floor_spawn_per_s", count / seconds, count);
    MemoryUsage usage;
    for (const int64_t pid : *pids) usage += MemoryOf(static_cast<pid_t>(pid));
    samples.Add("actor_memory_mb", "", usage.proportional_mb / count);
  }
  AwaitProcesses(before);
  return absl::OkStatus();
}

absl::StatusOr<Sample> MakeShared(const Cluster& cluster, int count) {
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
  return Sample{.value = count / seconds, .results = count};
}

}  // namespace

std::vector<Measurement> ActorMeasurements(const Cluster& cluster, const Effort& effort) {
  constexpr int kRounds = 5;
  std::vector<Measurement> measurements = {
      One("floor_spawn_per_s", "", [&effort]() -> absl::StatusOr<Sample> { return Sample{SpawnsPerS(effort.actors)}; }),
      {.metric = "actor_create_per_s",
       .run = [&cluster, &effort](Samples& samples) { return MakeProcesses(cluster, effort.actors, samples); }},
      One("actor_create_shared_per_s", "", [&cluster, &effort] { return MakeShared(cluster, effort.shared_actors); }),
  };
  for (Measurement& measurement : measurements) measurement.most_rounds = kRounds;
  return measurements;
}

}  // namespace ioc::bench

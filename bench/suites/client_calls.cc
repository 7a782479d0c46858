#include <algorithm>
#include <thread>

#include "bench/suites/groups.h"

namespace ioc::bench {
namespace {

// Has all clients begin, and waits for all; how many right answers came a second, in sum.
template <typename Begin>
absl::StatusOr<Sample> InSumPerS(const Cluster& cluster, const std::vector<Pair>& pairs, Begin begin) {
  const Stopwatch watch;
  std::vector<ObjectRef<int64_t>> counts;
  for (const Pair& pair : pairs) counts.push_back(begin(pair));
  const absl::StatusOr<std::vector<int64_t>> results = cluster.Get(counts, kPatience);
  const double seconds = watch.seconds();
  if (!results.ok()) return results.status();
  int64_t sum = 0;
  for (const int64_t count : *results) sum += count;
  return Sample{.value = static_cast<double>(sum) / seconds, .results = sum};
}

}  // namespace

size_t ClientsHere() { return std::max(2U, std::thread::hardware_concurrency() / 2); }

absl::StatusOr<std::vector<Pair>> MakePairs(const Cluster& cluster, size_t count) {
  std::vector<Pair> pairs;
  while (pairs.size() < count) pairs.push_back({cluster.Create<Client>(), cluster.Create<Counter>()});
  for (const Pair& pair : pairs) {
    if (absl::Status status = pair.client.Call<&Client::CallActor>(pair.counter, 1).Get(kPatience).status();
        !status.ok()) {
      return status;
    }
  }
  return pairs;
}

std::vector<Measurement> ClientMeasurements(const CallStage& stage, const std::vector<Pair>& pairs) {
  const auto here = [&pairs] {
    return std::vector<Pair>(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(ClientsHere()));
  };
  const auto tasks = [&stage, here] {
    return InSumPerS(stage.many, here(),
                     [&](const Pair& pair) { return pair.client.Call<&Client::RunTasks>(stage.effort.calls); });
  };
  const auto calls = [&stage, here] {
    return InSumPerS(stage.many, here(), [&](const Pair& pair) {
      return pair.client.Call<&Client::CallActor>(pair.counter, stage.effort.calls);
    });
  };
  return {
      One("clients_task_async_per_s", "task_async_per_s", tasks),
      One("clients_actor_async_per_s", "actor_async_per_s", calls),
  };
}

}  // namespace ioc::bench

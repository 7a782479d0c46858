#include <utility>

#include "bench/suites/groups.h"

namespace ioc::bench {
namespace {

std::vector<ObjectRef<int>> PutMany(const Cluster& cluster, int count) {
  std::vector<ObjectRef<int>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(cluster.Put(i));
  return refs;
}

// The answers to a question about `count` numbers below it, and how long they took.
absl::StatusOr<Sample> SecondsFor(const Stopwatch& watch, const absl::StatusOr<std::vector<int>>& numbers, int count) {
  const double seconds = watch.seconds();
  if (!numbers.ok()) return numbers.status();
  if (absl::Status status = CheckResult(Sum(*numbers), SumBelow(count)); !status.ok()) return status;
  return Sample{.value = seconds, .results = count};
}

// Runs tasks and takes each as it is ready. 1 is one time all of them.
absl::StatusOr<int64_t> WaitForEach(const Cluster& cluster, int count) {
  std::vector<ObjectRef<int>> pending;
  for (int i = 0; i < count; ++i) pending.push_back(cluster.Submit<Same>(i));
  int64_t sum = 0;
  while (!pending.empty()) {
    WaitResult<int> found = cluster.Wait(std::move(pending), 1, kPatience);
    if (found.ready.empty()) return absl::DeadlineExceededError("a task is not ready in time");
    for (const ObjectRef<int>& ref : found.ready) {
      const absl::StatusOr<int> value = ref.Get(kPatience);
      if (!value.ok()) return value.status();
      sum += *value;
    }
    pending = std::move(found.pending);
  }
  if (absl::Status status = CheckResult(sum, SumBelow(count)); !status.ok()) return status;
  return 1;
}

}  // namespace

std::vector<Measurement> ReferenceMeasurements(const CallStage& stage, const ActorHandle<Client>& owner) {
  const Cluster& cluster = stage.one;
  const int many = stage.effort.many_refs;
  const int returns = stage.effort.returns;
  const auto wait = [&stage] {
    return RatePerS(stage.effort.slice, [&] { return WaitForEach(stage.one, stage.effort.waited_refs); });
  };
  const ObjectRef<std::vector<ObjectRef<int>>> holder = cluster.Put(PutMany(cluster, many));
  const auto get_holder = [&stage, holder, many] {
    return RatePerS(stage.effort.slice, [&]() -> absl::StatusOr<int64_t> {
      const auto refs = holder.Get(kPatience);
      if (!refs.ok()) return refs.status();
      if (absl::Status status = CheckResult(static_cast<int64_t>(refs->size()), many); !status.ok()) return status;
      return 1;
    });
  };
  const auto arguments = [&cluster, many]() -> absl::StatusOr<Sample> {
    const std::vector<ObjectRef<int>> refs = PutMany(cluster, many);
    const Stopwatch watch;
    const absl::StatusOr<int64_t> sum = cluster.Submit<Sum>(refs).Get(kPatience);
    const double seconds = watch.seconds();
    if (!sum.ok()) return sum.status();
    if (absl::Status status = CheckResult(*sum, SumBelow(many)); !status.ok()) return status;
    return Sample{.value = seconds, .results = many};
  };
  const auto results = [&cluster, returns] {
    const Stopwatch watch;
    const auto refs = cluster.With(TaskOptions{.num_returns = returns}).SubmitAll<Numbers>(returns);
    return SecondsFor(watch, cluster.Get(refs, kPatience), returns);
  };
  const auto get_own = [&cluster, many] {
    const std::vector<ObjectRef<int>> refs = PutMany(cluster, many);
    const Stopwatch watch;
    return SecondsFor(watch, cluster.Get(refs, kPatience), many);
  };
  const auto get_others = [&stage, &owner, many]() -> absl::StatusOr<Sample> {
    const auto refs = owner.Call<&Client::Keep>(many).Get(kPatience);
    if (!refs.ok()) return refs.status();
    const Stopwatch watch;
    return SecondsFor(watch, stage.many.Get(*refs, kPatience), many);
  };
  return {
      One("wait_1k_refs_per_s", "", wait),        One("get_object_with_10k_refs_per_s", "", get_holder),
      One("task_10k_arguments_s", "", arguments), One("task_3k_returns_s", "", results),
      One("get_10k_objects_s", "", get_own),      One("get_10k_borrowed_s", "", get_others),
  };
}

}  // namespace ioc::bench

#include <utility>

#include "bench/suites/groups.h"

namespace ioc::bench {
namespace {

// Makes all calls, then gets all results.
template <typename Call>
absl::StatusOr<Sample> AllAtOncePerS(const Cluster& cluster, int calls, Call call) {
  const Stopwatch watch;
  std::vector<ObjectRef<int>> refs;
  refs.reserve(static_cast<size_t>(calls));
  for (int i = 0; i < calls; ++i) refs.push_back(call(i));
  const absl::StatusOr<std::vector<int>> answers = cluster.Get(refs, kPatience);
  const double seconds = watch.seconds();
  if (!answers.ok()) return answers.status();
  if (absl::Status status = CheckResult(Sum(*answers), SumBelow(calls)); !status.ok()) return status;
  return Sample{.value = calls / seconds, .results = calls};
}

absl::Status CheckAnswer(const absl::StatusOr<int>& answer, int wanted) {
  return answer.ok() ? CheckResult(*answer, wanted) : answer.status();
}

absl::StatusOr<Sample> AsSample(const absl::StatusOr<double>& value) {
  if (!value.ok()) return value.status();
  return Sample{.value = *value};
}

}  // namespace

absl::StatusOr<std::unique_ptr<CallStage>> CallStage::SetUp(int argc, char** argv, const Effort& effort) {
  absl::StatusOr<Cluster> one = Cluster::Connect(argc, argv, {.cpus = 1});
  if (!one.ok()) return one.status();
  absl::StatusOr<Cluster> many =
      Cluster::Connect(argc, argv, {.object_store_memory = 256 * kMiB, .cpus = static_cast<double>(ClientsHere())});
  if (!many.ok()) return many.status();
  absl::StatusOr<std::unique_ptr<EchoFloor>> echo = EchoFloor::Start();
  if (!echo.ok()) return echo.status();
  ActorHandle<Counter> counter = one->Create<Counter>();
  return std::make_unique<CallStage>(CallStage{.one = *std::move(one),
                                               .many = *std::move(many),
                                               .echo = *std::move(echo),
                                               .counter = std::move(counter),
                                               .effort = effort});
}

std::vector<Measurement> CallMeasurements(const CallStage& stage) {
  constexpr int kCallsALook = 16;
  const auto task_sync = [&stage] {
    return FastRatePerS(stage.effort.slice, kCallsALook,
                        [&] { return CheckAnswer(stage.one.Submit<Same>(1).Get(kPatience), 1); });
  };
  const auto actor_sync = [&stage] {
    return FastRatePerS(stage.effort.slice, kCallsALook,
                        [&] { return CheckAnswer(stage.counter.Call<&Counter::Same>(1).Get(kPatience), 1); });
  };
  const auto task_async = [&stage] {
    return AllAtOncePerS(stage.one, stage.effort.calls, [&](int i) { return stage.one.Submit<Same>(i); });
  };
  const auto actor_async = [&stage] {
    return AllAtOncePerS(stage.one, stage.effort.calls, [&](int i) { return stage.counter.Call<&Counter::Same>(i); });
  };
  // The floor and what stands on it are next to each other, so that they see the same weather.
  return {
      One("floor_echo_sync_per_s", "", [&stage] { return AsSample(stage.echo->OneAtATime(stage.effort.slice)); }),
      One("task_sync_per_s", "floor_echo_sync_per_s", task_sync),
      One("actor_sync_per_s", "floor_echo_sync_per_s", actor_sync),
      One("floor_echo_async_per_s", "", [&stage] { return AsSample(stage.echo->Batched(stage.effort.slice)); }),
      One("task_async_per_s", "floor_echo_async_per_s", task_async),
      One("actor_async_per_s", "floor_echo_async_per_s", actor_async),
  };
}

}  // namespace ioc::bench

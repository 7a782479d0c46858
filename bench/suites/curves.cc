#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "bench/suites/groups.h"

namespace ioc::bench {
namespace {

absl::Status AddFlow(Samples& samples, const Curve& curve, double x, const absl::StatusOr<Flow>& flow) {
  if (!flow.ok()) return flow.status();
  samples.AddPoint(curve, x, flow->per_s, flow->p50_us, flow->p99_us);
  return absl::OkStatus();
}

// Throughput with many on the way, latency of one at a time.
absl::Status BySize(const CallStage& stage, size_t bytes, Samples& samples) {
  constexpr int kInFlight = 32;
  const Curve curve{
      .name = "task_by_message_bytes",
      .title = "Tasks by the size of their argument: throughput with 32 on the way, latency of one at a time",
      .x_label = "bytes"};
  const std::string argument(bytes, 'x');
  const auto call = [&](int64_t) { return stage.one.Submit<Length>(argument); };
  const auto check = [&](int64_t got, int64_t) { return CheckResult(got, static_cast<int64_t>(bytes)); };
  const absl::StatusOr<Flow> many = FlowOf(stage.effort.slice, kInFlight, call, check);
  if (!many.ok()) return many.status();
  const absl::StatusOr<Flow> one = FlowOf(stage.effort.slice, 1, call, check);
  if (!one.ok()) return one.status();
  samples.AddPoint(curve, static_cast<double>(bytes), many->per_s, one->p50_us, one->p99_us);
  return absl::OkStatus();
}

absl::Status ByNumberInFlight(const CallStage& stage, int in_flight, Samples& samples) {
  const Curve tasks{.name = "task_by_in_flight", .title = "Tasks by how many are on the way", .x_label = "on the way"};
  const Curve calls{
      .name = "actor_by_in_flight", .title = "Actor calls by how many are on the way", .x_label = "on the way"};
  const auto task = [&](int64_t i) { return stage.one.Submit<Same>(static_cast<int>(i)); };
  const auto call = [&](int64_t i) { return stage.counter.Call<&Counter::Same>(static_cast<int>(i)); };
  absl::Status status = AddFlow(samples, tasks, in_flight, FlowOf(stage.effort.slice, in_flight, task, CheckResult));
  if (!status.ok()) return status;
  return AddFlow(samples, calls, in_flight, FlowOf(stage.effort.slice, in_flight, call, CheckResult));
}

// So many clients, each with an actor; the sum of their throughputs, the median of their p50, the worst p99.
absl::Status ByWorkers(const CallStage& stage, const std::vector<Pair>& pairs, int workers, Samples& samples) {
  constexpr int kInFlight = 64;
  const Curve curve{.name = "actor_by_workers",
                    .title = "Actor calls by the number of clients, each with an actor: 64 on the way of each",
                    .x_label = "clients and actors"};
  std::vector<ObjectRef<Flow>> flows;
  for (size_t i = 0; i < static_cast<size_t>(workers); ++i) {
    flows.push_back(pairs[i].client.Call<&Client::CallActorFor>(pairs[i].counter,
                                                                absl::ToDoubleSeconds(stage.effort.slice), kInFlight));
  }
  const absl::StatusOr<std::vector<Flow>> all = stage.many.Get(flows, kPatience);
  if (!all.ok()) return all.status();
  double per_s = 0;
  double p99_us = 0;
  std::vector<double> p50_us;
  for (const Flow& flow : *all) {
    per_s += flow.per_s;
    p50_us.push_back(flow.p50_us);
    p99_us = std::max(p99_us, flow.p99_us);
  }
  samples.AddPoint(curve, workers, per_s, Median(p50_us), p99_us);
  return absl::OkStatus();
}

}  // namespace

std::vector<Measurement> CallCurves(const CallStage& stage, const std::vector<Pair>& pairs) {
  constexpr int kRounds = 3;
  std::vector<Measurement> measurements;
  for (const size_t bytes : stage.effort.message_bytes) {
    measurements.push_back({.metric = absl::StrCat("curve: a task with ", bytes, " bytes"),
                            .run = [&stage, bytes](Samples& samples) { return BySize(stage, bytes, samples); },
                            .most_rounds = kRounds});
  }
  for (const int in_flight : stage.effort.in_flight) {
    measurements.push_back(
        {.metric = absl::StrCat("curve: ", in_flight, " calls on the way"),
         .run = [&stage, in_flight](Samples& samples) { return ByNumberInFlight(stage, in_flight, samples); },
         .most_rounds = kRounds});
  }
  for (const int workers : stage.effort.workers) {
    measurements.push_back(
        {.metric = absl::StrCat("curve: ", workers, " clients"),
         .run = [&stage, &pairs, workers](Samples& samples) { return ByWorkers(stage, pairs, workers, samples); },
         .most_rounds = kRounds});
  }
  return measurements;
}

}  // namespace ioc::bench

// ioc_bench_quick: what a cluster on this machine does, beside what the machine does without one, in under a minute.
//
// All measurements are taken in turn, round after round, so that what disturbs the machine disturbs all of them alike;
// shares of the floor compare samples of the same round.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <iocluster/iocluster.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/floor/floor.h"
#include "bench/quick/cluster_start.h"
#include "bench/quick/samples.h"

namespace ioc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 11;
constexpr int kEnoughRounds = 3;                            // where the machine is slow,
constexpr absl::Duration kBudget = absl::Seconds(40);       // a new round is not begun after this
constexpr absl::Duration kSlice = absl::Milliseconds(200);  // a sample
constexpr absl::Duration kPatience = absl::Seconds(30);     // for any one result
constexpr int kCallsInFlight = 20000;
constexpr size_t kLargeBytes = size_t{100} << 20;
constexpr double kLeastShareOfEcho = 0.5;

int Noop(int x) { return x; }

class Counter {
 public:
  int Add(int by) { return value_ += by; }

 private:
  int value_ = 0;
};

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Calls `once` for a slice of time; how often a second. `once` returns a Status.
template <typename F>
absl::StatusOr<double> RatePerS(int calls_a_look, F once) {
  const Clock::time_point begin = Clock::now();
  int calls = 0;
  double seconds = 0;
  while (seconds < absl::ToDoubleSeconds(kSlice)) {
    for (int i = 0; i < calls_a_look; ++i) {
      if (absl::Status status = once(); !status.ok()) return status;
    }
    calls += calls_a_look;
    seconds = SecondsSince(begin);
  }
  return calls / seconds;
}

// Makes all calls, then gets all results.
template <typename F>
absl::StatusOr<double> InFlightPerS(const Cluster& cluster, F call) {
  const Clock::time_point begin = Clock::now();
  std::vector<ObjectRef<int>> refs;
  refs.reserve(kCallsInFlight);
  for (int i = 0; i < kCallsInFlight; ++i) refs.push_back(call(i));
  if (absl::Status status = cluster.Get(refs, kPatience).status(); !status.ok()) return status;
  return kCallsInFlight / SecondsSince(begin);
}

absl::StatusOr<ObjectRef<Array<uint8_t>>> PutLarge(const Cluster& cluster, const std::vector<uint8_t>& source) {
  absl::StatusOr<Array<uint8_t>> array = cluster.NewArray<uint8_t>({source.size()});
  if (!array.ok()) return array.status();
  std::memcpy(array->data(), source.data(), source.size());
  return cluster.Put(*std::move(array));
}

struct Measurement {
  std::string_view metric;
  std::string_view floor;
  std::function<absl::StatusOr<double>()> run;
};

std::vector<Measurement> FloorMeasurements(EchoFloor& echo) {
  return {
      {"floor_echo_sync_per_s", "", [&echo] { return echo.OneAtATime(kSlice); }},
      {"floor_echo_async_per_s", "", [&echo] { return echo.Batched(kSlice); }},
      {"floor_copy_gb_per_s", "", []() -> absl::StatusOr<double> { return WarmCopyGbPerS(kLargeBytes, kSlice); }},
  };
}

std::vector<Measurement> CallMeasurements(const Cluster& cluster, const ActorHandle<Counter>& counter) {
  return {
      {"task_sync_per_s", "floor_echo_sync_per_s",
       [&] { return RatePerS(16, [&] { return cluster.Submit<Noop>(1).Get(kPatience).status(); }); }},
      {"task_async_per_s", "floor_echo_async_per_s",
       [&] { return InFlightPerS(cluster, [&](int i) { return cluster.Submit<Noop>(i); }); }},
      {"actor_sync_per_s", "floor_echo_sync_per_s",
       [&] { return RatePerS(16, [&] { return counter.Call<&Counter::Add>(1).Get(kPatience).status(); }); }},
      {"actor_async_per_s", "floor_echo_async_per_s",
       [&] { return InFlightPerS(cluster, [&](int i) { return counter.Call<&Counter::Add>(i); }); }},
  };
}

std::vector<Measurement> ObjectMeasurements(const Cluster& cluster, const std::vector<uint8_t>& source,
                                            const ObjectRef<Array<uint8_t>>& large) {
  auto put_small = [&cluster] {
    return RatePerS(256,
                    [&] { return cluster.Put(1) ? absl::OkStatus() : absl::InternalError("Put gave no reference"); });
  };
  auto put_large = [&cluster, &source]() -> absl::StatusOr<double> {
    absl::StatusOr<double> puts = RatePerS(1, [&] { return PutLarge(cluster, source).status(); });
    if (!puts.ok()) return puts;
    return *puts * static_cast<double>(source.size()) / 1e9;
  };
  return {
      {"put_small_per_s", "", put_small},
      {"get_large_zero_copy_per_s", "",
       [&large] { return RatePerS(16, [&] { return large.Get(kPatience).status(); }); }},
      {"put_large_gb_per_s", "floor_copy_gb_per_s", put_large},
      {"cluster_start_s", "", MeasureClusterStart},
  };
}

void ShowProgress(int round, std::string_view metric) {
  if (isatty(STDERR_FILENO) == 1) {
    std::fprintf(stderr, "\rround %d of %d: %s\033[K", round + 1, kRounds, std::string(metric).c_str());
  } else if (metric == "floor_echo_sync_per_s") {
    std::fprintf(stderr, "round %d of %d\n", round + 1, kRounds);
  }
}

absl::StatusOr<Samples> RunRounds(const std::vector<Measurement>& measurements) {
  Samples samples;
  const Clock::time_point begin = Clock::now();
  for (int round = 0; round < kRounds; ++round) {
    if (round >= kEnoughRounds && SecondsSince(begin) > absl::ToDoubleSeconds(kBudget)) break;
    for (const Measurement& measurement : measurements) {
      ShowProgress(round, measurement.metric);
      absl::StatusOr<double> sample = measurement.run();
      if (!sample.ok()) {
        return absl::Status(sample.status().code(),
                            absl::StrCat(std::string(measurement.metric), ": ", sample.status().message()));
      }
      samples.Add(measurement.metric, measurement.floor, *sample);
    }
  }
  if (isatty(STDERR_FILENO) == 1) std::fprintf(stderr, "\r\033[K");
  return samples;
}

// The floor and what stands on it are next to each other, so that they see the same weather.
std::vector<Measurement> InOrder(std::vector<Measurement> measurements) {
  const std::vector<std::string_view> order = {
      "floor_echo_sync_per_s", "task_sync_per_s",    "actor_sync_per_s", "floor_echo_async_per_s",
      "task_async_per_s",      "actor_async_per_s",  "put_small_per_s",  "get_large_zero_copy_per_s",
      "floor_copy_gb_per_s",   "put_large_gb_per_s", "cluster_start_s",
  };
  auto place = [&order](const Measurement& m) { return std::find(order.begin(), order.end(), m.metric); };
  std::sort(measurements.begin(), measurements.end(),
            [&](const Measurement& a, const Measurement& b) { return place(a) < place(b); });
  return measurements;
}

absl::StatusOr<Samples> Measure(const Cluster& cluster, EchoFloor& echo) {
  const ActorHandle<Counter> counter = cluster.Create<Counter>();
  const std::vector<uint8_t> source(kLargeBytes, 1);
  const absl::StatusOr<ObjectRef<Array<uint8_t>>> large = PutLarge(cluster, source);
  if (!large.ok()) return large.status();
  // Nobody measures the start of workers here.
  if (absl::Status status = counter.Call<&Counter::Add>(1).Get(kPatience).status(); !status.ok()) return status;
  if (absl::StatusOr<double> warm_up = InFlightPerS(cluster, [&](int i) { return cluster.Submit<Noop>(i); });
      !warm_up.ok()) {
    return warm_up.status();
  }

  std::vector<Measurement> measurements = FloorMeasurements(echo);
  for (Measurement& m : CallMeasurements(cluster, counter)) measurements.push_back(std::move(m));
  for (Measurement& m : ObjectMeasurements(cluster, source, *large)) measurements.push_back(std::move(m));
  return RunRounds(InOrder(std::move(measurements)));
}

struct Options {
  std::string json;
  bool check = false;
};

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--check") {
      options.check = true;
    } else if (flag == "--json" && i + 1 < argc) {
      options.json = argv[++i];
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", argv[i], "\" is not understood; usage: ioc_bench_quick [--check] [--json FILE]"));
    }
  }
  return options;
}

absl::Status Run(const Options& options, const Cluster& cluster) {
  absl::StatusOr<std::unique_ptr<EchoFloor>> echo = EchoFloor::Start();
  if (!echo.ok()) return echo.status();
  const absl::StatusOr<Samples> samples = Measure(cluster, **echo);
  if (!samples.ok()) return samples.status();
  std::printf("%s", samples->Table().c_str());
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << samples->Json() << "\n";
    file.close();
    if (!file) return absl::UnavailableError(absl::StrCat("can't write ", options.json));
  }
  const double share = samples->ShareOfFloor("task_sync_per_s");
  if (options.check && share < kLeastShareOfEcho) {
    return absl::OutOfRangeError(absl::StrCat("a round trip of one small task costs ", 1 / share,
                                              " bare echoes; it should cost at most ", 1 / kLeastShareOfEcho));
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (std::optional<int> code = ServeEchoIfAsked(argc, argv)) return *code;
  if (std::optional<int> code = StartClusterIfAsked(argc, argv)) return *code;
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  absl::Status status = options.status();
  if (status.ok()) {
    const absl::StatusOr<Cluster> cluster = Cluster::Connect(argc, argv);  // workers stay in here
    status = cluster.ok() ? Run(*options, *cluster) : cluster.status();
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "ioc_bench_quick: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace ioc::bench

int main(int argc, char** argv) { return ioc::bench::Main(argc, argv); }

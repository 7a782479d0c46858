#include <absl/strings/str_cat.h>

#include <cstring>
#include <optional>
#include <utility>

#include "bench/floor/memory.h"
#include "bench/suites/groups.h"

namespace ioc::bench {
namespace {

absl::StatusOr<ObjectRef<Array<uint8_t>>> PutUnwritten(const Cluster& cluster, size_t bytes) {
  absl::StatusOr<Array<uint8_t>> array = cluster.NewArray<uint8_t>({bytes});
  if (!array.ok()) return array.status();
  return cluster.Put(*std::move(array));
}

absl::Status CheckSize(const ObjectRef<Array<uint8_t>>& ref, size_t bytes) {
  const absl::StatusOr<Array<uint8_t>> array = ref.Get(kPatience);
  if (!array.ok()) return array.status();
  return CheckResult(static_cast<int64_t>(array->size()), static_cast<int64_t>(bytes));
}

// Bytes a second instead of times a second.
absl::StatusOr<Sample> GbPerS(const absl::StatusOr<Sample>& times, size_t bytes) {
  if (!times.ok()) return times.status();
  return Sample{.value = times->value * static_cast<double>(bytes) / 1e9, .results = times->results};
}

absl::StatusOr<Sample> PutsPerS(const Cluster& cluster, const Effort& effort, size_t bytes) {
  return FastRatePerS(effort.slice, 1, [&] { return PutUnwritten(cluster, bytes).status(); });
}

absl::StatusOr<Sample> GetsPerS(const Effort& effort, const ObjectRef<Array<uint8_t>>& ref, size_t bytes) {
  return FastRatePerS(effort.slice, 16, [&] { return CheckSize(ref, bytes); });
}

// Copies into a store of which nothing has been touched but the part that is populated from the start: that is taken up
// first.
absl::StatusOr<Sample> FirstPuts(int argc, char** argv, const Effort& effort) {
  constexpr size_t kPopulatedArrays = 3;
  constexpr size_t kArrays = 4;
  const size_t bytes = effort.large_bytes;
  const uint64_t store = bytes * (kPopulatedArrays + kArrays + 3) + 64 * kMiB;
  const absl::StatusOr<Cluster> cluster = Cluster::Connect(argc, argv, {.object_store_memory = store, .cpus = 1});
  if (!cluster.ok()) return cluster.status();
  const std::vector<uint8_t> source(bytes, 1);
  std::vector<ObjectRef<Array<uint8_t>>> kept;
  std::optional<Stopwatch> watch;
  while (kept.size() < kPopulatedArrays + kArrays) {
    if (kept.size() == kPopulatedArrays) watch.emplace();
    const absl::StatusOr<ObjectRef<Array<uint8_t>>> ref = PutLarge(*cluster, source);
    if (!ref.ok()) return ref.status();
    kept.push_back(*ref);
  }
  const double seconds = watch->seconds();
  return Sample{.value = static_cast<double>(kArrays * bytes) / 1e9 / seconds, .results = kArrays};
}

// How long one call of `once` takes: throughput and latencies.
template <typename F>
absl::Status AddPoint(absl::Duration slice, const Curve& curve, double x, Samples& samples, F once) {
  const Stopwatch watch;
  const double limit = absl::ToDoubleSeconds(slice);
  std::vector<double> latencies_us;
  do {
    const Stopwatch each;
    if (absl::Status status = once(); !status.ok()) return status;
    latencies_us.push_back(each.seconds() * 1e6);
  } while (watch.seconds() < limit);
  samples.AddPoint(curve, x, static_cast<double>(latencies_us.size()) / watch.seconds(), Percentile(latencies_us, 0.5),
                   Percentile(latencies_us, 0.99));
  return absl::OkStatus();
}

absl::Status BySize(const Cluster& cluster, const Effort& effort, size_t bytes, Samples& samples) {
  const Curve copied{
      .name = "put_copied_by_bytes", .title = "Arrays put, with a copy into them, by size", .x_label = "bytes"};
  const Curve put{
      .name = "put_array_by_bytes", .title = "NewArray and Put, with nothing written, by size", .x_label = "bytes"};
  const Curve got{.name = "get_array_by_bytes", .title = "Get of an array by size", .x_label = "bytes"};
  const std::vector<uint8_t> source(bytes, 1);
  const double x = static_cast<double>(bytes);
  const absl::StatusOr<ObjectRef<Array<uint8_t>>> ref = PutLarge(cluster, source);
  if (!ref.ok()) return ref.status();
  absl::Status status = AddPoint(effort.slice, copied, x, samples, [&] { return PutLarge(cluster, source).status(); });
  if (!status.ok()) return status;
  status = AddPoint(effort.slice, put, x, samples, [&] { return PutUnwritten(cluster, bytes).status(); });
  if (!status.ok()) return status;
  return AddPoint(effort.slice, got, x, samples, [&] { return CheckSize(*ref, bytes); });
}

}  // namespace

absl::StatusOr<ObjectRef<Array<uint8_t>>> PutLarge(const Cluster& cluster, const std::vector<uint8_t>& source) {
  absl::StatusOr<Array<uint8_t>> array = cluster.NewArray<uint8_t>({source.size()});
  if (!array.ok()) return array.status();
  std::memcpy(array->data(), source.data(), source.size());
  return cluster.Put(*std::move(array));
}

std::vector<Measurement> ObjectMeasurements(const Cluster& cluster, const Effort& effort) {
  constexpr int kCallsALook = 256;
  const size_t large = effort.large_bytes;
  const size_t small = size_t{1} << 20;
  const auto put_small = [&cluster, &effort] {
    return FastRatePerS(effort.slice, kCallsALook, [&] {
      return cluster.Put(1) ? absl::OkStatus() : absl::InternalError("Put gave no reference");
    });
  };
  const ObjectRef<int> seven = cluster.Put(7);
  const auto get_small = [&effort, seven] {
    return FastRatePerS(effort.slice, kCallsALook, [&] {
      const absl::StatusOr<int> value = seven.Get(kPatience);
      return value.ok() ? CheckResult(*value, 7) : value.status();
    });
  };
  const auto get_array = [&cluster, &effort](size_t bytes) -> absl::StatusOr<Sample> {
    const absl::StatusOr<ObjectRef<Array<uint8_t>>> ref = PutUnwritten(cluster, bytes);
    if (!ref.ok()) return ref.status();
    return GetsPerS(effort, *ref, bytes);
  };
  const auto put_large = [&cluster, &effort, source = std::vector<uint8_t>(large, 1)] {
    return GbPerS(FastRatePerS(effort.slice, 1, [&] { return PutLarge(cluster, source).status(); }), source.size());
  };
  return {
      One("put_small_per_s", "", put_small),
      One("get_small_per_s", "", get_small),
      One("floor_copy_gb_per_s", "",
          [&effort, large]() -> absl::StatusOr<Sample> { return Sample{WarmCopyGbPerS(large, effort.slice)}; }),
      One("put_large_gb_per_s", "floor_copy_gb_per_s", put_large),
      One("put_array_1mib_per_s", "", [&cluster, &effort] { return PutsPerS(cluster, effort, small); }),
      One("put_array_large_per_s", "put_array_1mib_per_s",
          [&cluster, &effort, large] { return PutsPerS(cluster, effort, large); }),
      One("get_array_1mib_per_s", "", [get_array] { return get_array(small); }),
      One("get_large_zero_copy_per_s", "get_array_1mib_per_s", [get_array, large] { return get_array(large); }),
  };
}

std::vector<Measurement> FirstTouchMeasurements(int argc, char** argv, const Effort& effort) {
  constexpr int kRounds = 3;
  const auto floor = [&effort]() -> absl::StatusOr<Sample> {
    const absl::StatusOr<double> value = FirstCopyGbPerS(effort.large_bytes, effort.slice);
    if (!value.ok()) return value.status();
    return Sample{*value};
  };
  std::vector<Measurement> measurements = {
      One("floor_first_copy_gb_per_s", "", floor),
      One("put_large_first_gb_per_s", "floor_first_copy_gb_per_s",
          [argc, argv, &effort] { return FirstPuts(argc, argv, effort); }),
  };
  for (Measurement& measurement : measurements) measurement.most_rounds = kRounds;
  return measurements;
}

std::vector<Measurement> ArrayCurves(const Cluster& cluster, const Effort& effort) {
  constexpr int kRounds = 3;
  std::vector<Measurement> measurements;
  for (const size_t bytes : effort.array_bytes) {
    measurements.push_back(
        {.metric = absl::StrCat("curve: an array of ", bytes, " bytes"),
         .run = [&cluster, &effort, bytes](Samples& samples) { return BySize(cluster, effort, bytes, samples); },
         .most_rounds = kRounds});
  }
  return measurements;
}

}  // namespace ioc::bench

// What a user writes first: a task, an actor, an array, options. Compiled with -Wall -Wextra -Werror, so that designated
// initialisers of the option structs are proved to give no warnings.
#include <iocluster/iocluster.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace {

int Add(int a, int b) { return a + b; }

double Sum(const ioc::Array<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Increment(int by) { return value_ += by; }

 private:
  int value_;
};

// The number of the first thing that is not as it should be, or 0.
int Run(ioc::Cluster& cluster) {
  ioc::ObjectRef<int> a = cluster.Submit<Add>(1, 2);
  ioc::ObjectRef<int> b = cluster.Submit<Add>(a, 40);
  absl::StatusOr<int> sum = b.Get(absl::Seconds(20));
  if (!sum.ok() || *sum != 43) return 1;

  auto counter = cluster.With(ioc::ActorOptions{.name = "steps"}).Create<Counter>(10);
  if (counter.Call<&Counter::Increment>(5).Get(absl::Seconds(20)).value_or(0) != 15) return 2;

  auto array = cluster.NewArray<float>({512, 512}).value();
  std::fill(array.begin(), array.end(), 1.0f);
  ioc::ObjectRef<ioc::Array<float>> shared = cluster.Put(std::move(array));
  if (cluster.Submit<Sum>(shared).Get(absl::Seconds(20)).value_or(0) != 512 * 512) return 3;

  auto impossible = cluster.With(ioc::TaskOptions{.gpus = 1000, .placement_timeout = absl::Milliseconds(200)});
  absl::StatusOr<int> none = impossible.Submit<Add>(1, 2).Get(absl::Seconds(20));
  if (ioc::CauseOf(none.status()) != ioc::Cause::kUnschedulable) return 4;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto cluster = ioc::Cluster::Connect(argc, argv);
  if (!cluster.ok()) {
    std::fprintf(stderr, "%s\n", cluster.status().ToString().c_str());
    return 1;
  }
  const int failed = Run(*cluster);
  if (failed != 0) std::fprintf(stderr, "step %d of the consumer failed\n", failed);
  return failed;
}

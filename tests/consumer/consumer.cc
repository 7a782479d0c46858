// What a user writes first: a task, an actor, an array, options. Compiled with -Wall -Wextra -Werror, so that
// designated initialisers of the option structs are proved to give no warnings.
#include <iocluster/iocluster.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <utility>

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

// Says what is wrong with an answer that is not the one expected.
template <typename T>
bool Is(const char* what, const absl::StatusOr<T>& answer, T expected) {
  if (answer.ok() && *answer == expected) return true;
  std::fprintf(stderr, "%s: %s\n", what, answer.ok() ? "another value" : answer.status().ToString().c_str());
  return false;
}

bool Run(ioc::Cluster& cluster) {
  constexpr absl::Duration kTimeout = absl::Seconds(20);
  ioc::ObjectRef<int> a = cluster.Submit<Add>(1, 2);
  ioc::ObjectRef<int> b = cluster.Submit<Add>(a, 40);
  if (!Is("a task", b.Get(kTimeout), 43)) return false;

  auto counter = cluster.With(ioc::ActorOptions{.name = "steps"}).Create<Counter>(10);
  if (!Is("an actor", counter.Call<&Counter::Increment>(5).Get(kTimeout), 15)) return false;

  absl::StatusOr<ioc::Array<float>> array = cluster.NewArray<float>({512, 512});
  if (!array.ok()) return Is("an array", absl::StatusOr<int>(array.status()), 0);
  std::fill(array->begin(), array->end(), 1.0f);
  ioc::ObjectRef<ioc::Array<float>> shared = cluster.Put(*std::move(array));
  if (!Is("a task on an array", cluster.Submit<Sum>(shared).Get(kTimeout), 512.0 * 512.0)) return false;

  auto impossible = cluster.With(ioc::TaskOptions{.gpus = 1000, .placement_timeout = absl::Milliseconds(200)});
  absl::StatusOr<int> none = impossible.Submit<Add>(1, 2).Get(kTimeout);
  if (ioc::CauseOf(none.status()) == ioc::Cause::kUnschedulable) return true;
  return Is("an impossible task", none, -1);
}

}  // namespace

int main(int argc, char** argv) {
  auto cluster = ioc::Cluster::Connect(argc, argv);
  if (!cluster.ok()) {
    std::fprintf(stderr, "%s\n", cluster.status().ToString().c_str());
    return 1;
  }
  return Run(*cluster) ? 0 : 1;
}

// What Ray's C++ API does on this machine, in the metric names of this benchmark: the median of a few repeats of each,
// a line each, as ray_bench.py. The cluster is there already (ray_cpp.sh). Built by setup_ray.sh, also as the library
// of tasks that Ray's workers load; that one needs all of it, as Ray's templates put what its workers look for where
// they are used.
#include <ray/api.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

int Same(int x) { return x; }
RAY_REMOTE(Same);

class Counter {
 public:
  static Counter* Create() { return new Counter(); }
  int Same(int x) { return x; }
};
RAY_REMOTE(Counter::Create, &Counter::Same);

namespace {

using Clock = std::chrono::steady_clock;

double SecondsOf(const std::function<void()>& run) {
  const Clock::time_point begin = Clock::now();
  run();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Say(const char* metric, double value) {
  std::printf("%s %.9g\n", metric, value);
  std::fflush(stdout);
}

// `run(count)` does the thing so often.
void Rate(const char* metric, int count, const std::function<void(int)>& run) {
  run(count / 10 + 1);
  std::vector<double> rates;
  for (int repeat = 0; repeat < 3; ++repeat) rates.push_back(count / SecondsOf([&] { run(count); }));
  std::sort(rates.begin(), rates.end());
  Say(metric, rates[1]);
}

// Makes all calls, then gets all results.
template <typename Call>
void AllAtOnce(int count, Call call) {
  std::vector<ray::ObjectRef<int>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(call(i));
  ray::Get(refs);
}

// Ray starts workers for a while, and is slow meanwhile.
void Settle() {
  const Clock::time_point end = Clock::now() + std::chrono::seconds(4);
  while (Clock::now() < end) AllAtOnce(100, [](int i) { return ray::Task(Same).Remote(i); });
}

void MeasureCalls() {
  auto counter = ray::Actor(Counter::Create).Remote();
  const auto task = [](int i) { return ray::Task(Same).Remote(i); };
  const auto call = [&](int i) { return counter.Task(&Counter::Same).Remote(i); };
  Rate("task_sync_per_s", 1000, [&](int n) {
    for (int i = 0; i < n; ++i) task(i).Get();
  });
  Rate("task_async_per_s", 5000, [&](int n) { AllAtOnce(n, task); });
  Rate("actor_sync_per_s", 2000, [&](int n) {
    for (int i = 0; i < n; ++i) call(i).Get();
  });
  Rate("actor_async_per_s", 20000, [&](int n) { AllAtOnce(n, call); });
}

void MeasureObjects() {
  constexpr size_t kLargeBytes = size_t{100} << 20;
  Rate("put_small_per_s", 2000, [](int n) {
    for (int i = 0; i < n; ++i) ray::Put(i);
  });
  const auto seven = ray::Put(7);
  Rate("get_small_per_s", 2000, [&](int n) {
    for (int i = 0; i < n; ++i) seven.Get();
  });
  const std::vector<char> large(kLargeBytes, 1);
  const double puts = 5;
  ray::Put(large);
  Say("put_large_gb_per_s", puts * kLargeBytes / 1e9 / SecondsOf([&] {
                              for (int i = 0; i < puts; ++i) ray::Put(large);
                            }));
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("system ray %s c++\n", IOC_BENCH_RAY_VERSION);
  ray::RayConfig config;
  ray::Init(config, argc, argv);
  Settle();
  MeasureCalls();
  MeasureObjects();
  ray::Shutdown();
}

// What Ray's C++ API does on this machine, in the metric names of this benchmark: one sample of each, a line each, as
// ray_bench.py. Built by setup_ray.sh, also as the library of tasks that Ray's workers load (IOC_BENCH_TASKS_ONLY).
#include <ray/api.h>

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

#ifndef IOC_BENCH_TASKS_ONLY
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
  Say(metric, count / SecondsOf([&] { run(count); }));
}

// Makes all calls, then gets all results.
template <typename Call>
void AllAtOnce(int count, Call call) {
  std::vector<ray::ObjectRef<int>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(call(i));
  ray::Get(refs);
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
  Say("cluster_start_s", SecondsOf([&] {
        ray::RayConfig config;
        ray::Init(config, argc, argv);
        ray::Task(Same).Remote(1).Get();
      }));
  MeasureCalls();
  MeasureObjects();
  ray::Shutdown();
}
#endif

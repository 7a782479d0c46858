// The whole of iocluster's main ideas in one program: tasks, references, objects, actors, waiting and errors.
//
// Run it as it is, and it brings its own cluster: a head, a node and workers on this machine. Set IOCLUSTER_ADDRESS to
// the HOST:PORT of a head, and the same program runs there.
#include <iocluster/iocluster.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// A task is a plain function. Nothing has to be registered: every worker runs this same program.
int Add(int a, int b) { return a + b; }

// Aggregates, strings, containers and arrays travel as they are.
struct Summary {
  std::string title;
  double mean = 0;
  size_t count = 0;
};

Summary Summarise(std::string title, const ioc::Array<float>& values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {.title = std::move(title), .mean = sum / static_cast<double>(values.size()), .count = values.size()};
}

// A function that wants values gets them, even if the caller has only references to them.
int Sum(const std::vector<int>& values) { return std::accumulate(values.begin(), values.end(), 0); }

// Tasks may submit tasks and wait for them.
int Fibonacci(int n) {
  if (n < 2) return n;
  ioc::Cluster cluster = ioc::Cluster::Current();
  ioc::ObjectRef<int> a = cluster.Submit<Fibonacci>(n - 1);
  ioc::ObjectRef<int> b = cluster.Submit<Fibonacci>(n - 2);
  return a.Get().value() + b.Get().value();
}

int Throw(const std::string& why) { throw std::runtime_error(why); }

// An actor is an object in a process of its own; its calls run one by one, in order.
class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Increment(int by) { return value_ += by; }

 private:
  int value_;
};

absl::Status Run(const ioc::Cluster& cluster) {
  // Submit returns at once with a reference to the result. A reference is an argument like any other; the second task
  // starts when the first is done, and nobody waits in between. Get waits.
  ioc::ObjectRef<int> three = cluster.Submit<Add>(1, 2);
  ioc::ObjectRef<int> forty_three = cluster.Submit<Add>(three, 40);
  absl::StatusOr<int> value = forty_three.Get(absl::Seconds(10));
  if (!value.ok()) return value.status();
  std::printf("1 + 2 + 40 = %d\n", *value);

  // Thousands may be in flight.
  std::vector<ioc::ObjectRef<int>> doubles;
  for (int i = 0; i < 1000; ++i) doubles.push_back(cluster.Submit<Add>(i, i));
  std::printf("the sum of 1,000 results = %d\n", cluster.Submit<Sum>(doubles).Get().value());
  std::printf("Fibonacci(10) = %d\n", cluster.Submit<Fibonacci>(10).Get().value());

  // A large array is written in place in shared memory, and Put seals it. Every process of the machine reads the same
  // bytes; other machines fetch a copy when they need it.
  ioc::Array<float> array = cluster.NewArray<float>({1024, 1024}).value();
  std::fill(array.begin(), array.end(), 0.5f);
  ioc::ObjectRef<ioc::Array<float>> shared = cluster.Put(std::move(array));
  const Summary summary = cluster.Submit<Summarise>("halves", shared).Get().value();
  std::printf("%s: %zu values with mean %.1f\n", summary.title.c_str(), summary.count, summary.mean);

  // Actors keep state. One with a name can be found by any program of the cluster.
  ioc::ActorHandle<Counter> counter = cluster.With(ioc::ActorOptions{.name = "steps"}).Create<Counter>(10);
  for (int i = 0; i < 99; ++i) counter.Call<&Counter::Increment>(1);
  std::printf("the counter stands at %d\n", counter.Call<&Counter::Increment>(1).Get().value());

  // Wait returns as soon as some are ready.
  ioc::WaitResult<int> waited = cluster.Wait(doubles, 1, absl::Seconds(10));
  std::printf("%s\n", waited.ready.empty() ? "none was ready in 10 s" : "at least one is ready");

  // Errors are absl::Status values: what happened, where, and in which attempt. CauseOf is for code that reacts.
  const absl::Status status = cluster.Submit<Throw>("no luck today").Get().status();
  std::printf("the cause is \"%s\": %s\n", std::string(ioc::CauseName(ioc::CauseOf(status))).c_str(),
              std::string(status.message()).c_str());
  return ioc::CauseOf(status) == ioc::Cause::kTaskThrew ? absl::OkStatus() : status;
}

int main(int argc, char** argv) {
  // In a worker process this call serves tasks and never returns.
  absl::StatusOr<ioc::Cluster> cluster = ioc::Cluster::Connect(argc, argv);
  const absl::Status status = cluster.ok() ? Run(*cluster) : cluster.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "quickstart: %s\n", std::string(status.message()).c_str());
  return 1;
}

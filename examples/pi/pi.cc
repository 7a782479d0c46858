// A first look at tasks: pi by throwing darts at a square and counting those in the quarter circle.
//
//   pi [TASKS [DARTS]]     40 tasks of 1,000,000 darts each, unless told otherwise
//
// Every task is a call of a plain function in some worker process of the cluster. The program submits all of them at
// once, takes each answer when it comes, whichever is first, and shows what it knows by then.
#include <iocluster/iocluster.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

// What a task found. Plain structs travel as they are.
struct Hits {
  uint64_t inside = 0;
  uint64_t thrown = 0;
  std::string node;  // where it ran
};

// The task. The same seed gives the same darts, so that a task that is run again after a crash counts the same.
Hits Throw(uint64_t darts, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  Hits hits{.thrown = darts, .node = ioc::Cluster::Current().node_name()};
  for (uint64_t i = 0; i < darts; ++i) {
    const double x = uniform(random);
    const double y = uniform(random);
    if (x * x + y * y < 1) ++hits.inside;
  }
  return hits;
}

struct Estimate {
  double pi = 0;
  double error = 0;  // one standard deviation
};

Estimate EstimateFrom(const Hits& hits) {
  const auto thrown = static_cast<double>(hits.thrown);
  const double share = static_cast<double>(hits.inside) / thrown;
  return {.pi = 4 * share, .error = 4 * std::sqrt(share * (1 - share) / thrown)};
}

// A number of the command line, or `otherwise` if it is not there; 0 if it is none.
uint64_t Number(int argc, char** argv, int index, uint64_t otherwise) {
  return index < argc ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t tasks = Number(argc, argv, 1, 40);
  const uint64_t darts = Number(argc, argv, 2, 1'000'000);
  if (tasks == 0 || darts == 0) {
    std::fprintf(stderr, "usage: pi [TASKS [DARTS]], two numbers from 1 on\n");
    return 2;
  }
  absl::StatusOr<ioc::Cluster> cluster = ioc::Cluster::Connect(argc, argv);  // workers stay in here
  if (!cluster.ok()) {
    std::fprintf(stderr, "pi: %s\n", std::string(cluster.status().message()).c_str());
    return 1;
  }

  std::vector<ioc::ObjectRef<Hits>> pending;
  for (uint64_t seed = 1; seed <= tasks; ++seed) pending.push_back(cluster->Submit<Throw>(darts, seed));

  Hits all;
  while (!pending.empty()) {
    ioc::WaitResult<Hits> result = cluster->Wait(std::move(pending), 1);  // until one more is there
    pending = std::move(result.pending);
    for (const ioc::ObjectRef<Hits>& ready : result.ready) {
      const absl::StatusOr<Hits> hits = ready.Get();
      if (!hits.ok()) {
        std::fprintf(stderr, "pi: %s\n", std::string(hits.status().message()).c_str());
        return 1;
      }
      all.inside += hits->inside;
      all.thrown += hits->thrown;
      all.node = hits->node;
    }
    const Estimate now = EstimateFrom(all);
    std::printf("%4zu of %llu tasks, the last on %s: pi is about %.5f\n", static_cast<size_t>(tasks - pending.size()),
                static_cast<unsigned long long>(tasks), all.node.c_str(), now.pi);
  }

  const Estimate estimate = EstimateFrom(all);
  std::printf("pi = %.6f +- %.6f, from %llu darts\n", estimate.pi, estimate.error,
              static_cast<unsigned long long>(all.thrown));
  const double off = std::abs(estimate.pi - 3.14159265358979);
  if (off <= 5 * estimate.error) return 0;
  std::fprintf(stderr, "pi: that is %.1f standard deviations off; the darts are not thrown well\n",
               off / estimate.error);
  return 1;
}

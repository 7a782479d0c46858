// How long a cluster takes to start, measured in a process of its own so that each start is a first one.
#ifndef IOCLUSTER_BENCH_CLUSTER_CLUSTER_START_H_
#define IOCLUSTER_BENCH_CLUSTER_CLUSTER_START_H_

#include <absl/status/statusor.h>

#include <optional>

namespace ioc::bench {

// In a process that MeasureClusterStart started (or a worker of its cluster): connects, runs one task, reports, and
// returns the exit code. Call it before anything else connects.
std::optional<int> StartClusterIfAsked(int argc, char** argv);

// Seconds from Connect until the first task's result.
absl::StatusOr<double> MeasureClusterStart();

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_CLUSTER_CLUSTER_START_H_

// Groups of measurements that suites are put together from. What a group is given must outlive its measurements.
#ifndef IOCLUSTER_BENCH_SUITES_GROUPS_H_
#define IOCLUSTER_BENCH_SUITES_GROUPS_H_

#include <absl/status/statusor.h>
#include <iocluster/iocluster.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/floor/echo.h"
#include "bench/harness/effort.h"
#include "bench/harness/measurement.h"
#include "bench/suites/work.h"

namespace ioc::bench {

// What stays up for the whole of a suite that measures calls. `one` is a cluster of one CPU, for one client and one
// worker; `many` has as many CPUs as there are clients.
struct CallStage {
  static absl::StatusOr<std::unique_ptr<CallStage>> SetUp(int argc, char** argv, const Effort& effort);

  Cluster one;
  Cluster many;
  std::unique_ptr<EchoFloor> echo;
  ActorHandle<Counter> counter;
  Effort effort;
};

// An actor that is a client, and one that it calls; each a process.
struct Pair {
  ActorHandle<Client> client;
  ActorHandle<Counter> counter;
};
absl::StatusOr<std::vector<Pair>> MakePairs(const Cluster& cluster, size_t count);
// As many clients as make sense at once on this machine.
size_t ClientsHere();

// calls.cc: the bare echo, and tasks and actor calls on top of it.
std::vector<Measurement> CallMeasurements(const CallStage& stage);
// client_calls.cc: several clients, each with a worker.
std::vector<Measurement> ClientMeasurements(const CallStage& stage, const std::vector<Pair>& pairs);
// curves.cc: throughput and latency by size, number on the way, and number of workers.
std::vector<Measurement> CallCurves(const CallStage& stage, const std::vector<Pair>& pairs);
// references.cc: many references in Wait, Get, arguments and results.
std::vector<Measurement> ReferenceMeasurements(const CallStage& stage, const ActorHandle<Client>& owner);
// arrays.cc: small values, large arrays with and without copying.
std::vector<Measurement> ObjectMeasurements(const Cluster& cluster, const Effort& effort);
std::vector<Measurement> FirstTouchMeasurements(int argc, char** argv, const Effort& effort);
std::vector<Measurement> ArrayCurves(const Cluster& cluster, const Effort& effort);
// actors.cc: actors made, in processes of their own and in shared ones, and what an idle one costs.
std::vector<Measurement> ActorMeasurements(const Cluster& cluster, const Effort& effort);
// lifecycle.cc: starts, deaths, and the memory of an idle cluster of processes.
std::vector<Measurement> LifecycleMeasurements(const Cluster& cluster, int argc, char** argv,
                                               const std::string& iocluster);

// An array with `bytes` of what `Skim` adds up, put.
absl::StatusOr<ObjectRef<Array<uint8_t>>> PutLarge(const Cluster& cluster, const std::vector<uint8_t>& source);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_SUITES_GROUPS_H_

// The suites: groups of measurements that share clusters.
#ifndef IOCLUSTER_BENCH_SUITES_SUITE_H_
#define IOCLUSTER_BENCH_SUITES_SUITE_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "bench/harness/effort.h"
#include "bench/harness/measurement.h"
#include "bench/report/samples.h"

namespace ioc::bench {

struct SuiteOptions {
  int argc = 0;  // the program's, for workers
  char** argv = nullptr;
  Effort effort;
  std::string iocluster;           // the executable that daemons run
  std::string only;                // see RoundsOptions
  std::vector<std::string> peers;  // commands that measure other systems, see peer.h; of the micro suite
};

// Calls, objects, actors, starts and memory, one of each kind, on one machine.
absl::Status RunMicro(const SuiteOptions& options, Results& results);
// Large objects: by their size, and from one node to many.
absl::Status RunObjects(const SuiteOptions& options, Results& results);
// Many tasks, many nodes, many actors.
absl::Status RunScale(const SuiteOptions& options, Results& results);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_SUITES_SUITE_H_

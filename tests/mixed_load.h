// A program that uses everything at once, by a seed: tasks with values and large arrays, references in containers, in
// actors' states and in results, nested tasks, streams, cancels, errors, named actors. It checks each value it gets,
// and in the end refers to nothing any more: then the cluster must hold nothing either (held.h).
//
// Runs on any cluster, real or simulated; what it does depends on the seed alone.
#ifndef IOCLUSTER_TESTS_MIXED_LOAD_H_
#define IOCLUSTER_TESTS_MIXED_LOAD_H_

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "iocluster/iocluster.h"

namespace ioc {

struct MixedLoadOptions {
  uint64_t seed = 1;
  int operations = 1000;                       // calls and puts, at least
  bool faults = false;                         // workers die, connections break: errors that say so are no mistake
  absl::Duration patience = absl::Minutes(1);  // for one value
  bool near = false;                           // tasks run where they run best, not spread over the nodes
};

struct MixedLoadReport {
  int operations = 0;
  int lost = 0;                       // values that a fault has cost
  std::vector<std::string> mistakes;  // wrong values, errors that nothing explains; the first few
};

// `between` is called after each step with the operations so far.
MixedLoadReport RunMixedLoad(const Cluster& cluster, const MixedLoadOptions& options,
                             const std::function<void(int operations)>& between);

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_MIXED_LOAD_H_

// What programs do, in a list: each scenario runs on an embedded cluster and in local mode, and must come to the same.
#ifndef IOCLUSTER_TESTS_CLUSTER_SCENARIOS_H_
#define IOCLUSTER_TESTS_CLUSTER_SCENARIOS_H_

#include <functional>
#include <vector>

#include "iocluster/iocluster.h"

namespace ioc {

// A new cluster of the kind that is tested.
using Connect = std::function<Cluster()>;

struct ProgramScenario {
  const char* name;
  void (*run)(const Connect& connect);
};

const std::vector<ProgramScenario>& ProgramScenarios();

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_CLUSTER_SCENARIOS_H_

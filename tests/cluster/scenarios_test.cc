// Programs come to the same on a cluster of processes and in local mode.
#include "tests/cluster/scenarios.h"

#include <catch2/catch.hpp>

#include "tests/cluster/embedded_cluster.h"

namespace ioc {
namespace {

TEST_CASE("What programs do on an embedded cluster") {
  for (const ProgramScenario& scenario : ProgramScenarios()) {
    DYNAMIC_SECTION(scenario.name) {
      scenario.run([] { return Embedded(); });
    }
  }
}

TEST_CASE("The same in local mode") {
  for (const ProgramScenario& scenario : ProgramScenarios()) {
    DYNAMIC_SECTION(scenario.name) {
      scenario.run([] { return Embedded({.local_mode = true}); });
    }
  }
}

}  // namespace
}  // namespace ioc

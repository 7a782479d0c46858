// Runs the tests, or, started again by an embedded cluster, serves their tasks.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "iocluster/cluster.h"

int main(int argc, char** argv) {
  if (std::getenv("IOCLUSTER_WORKER") != nullptr) {
    // Only returns if it can't serve.
    const auto refused = ioc::Cluster::Connect(argc, argv);
    std::fprintf(stderr, "%s\n", std::string(refused.status().message()).c_str());
    return 1;
  }
  return Catch::Session().run(argc, argv);
}

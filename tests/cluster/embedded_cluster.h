// The cluster that a test of the API runs in its own process.
#ifndef IOCLUSTER_TESTS_CLUSTER_EMBEDDED_CLUSTER_H_
#define IOCLUSTER_TESTS_CLUSTER_EMBEDDED_CLUSTER_H_

#include <utility>

#include "iocluster/iocluster.h"

namespace ioc {

// Small and the same on every machine: two CPUs, a store of 64 MiB.
inline Cluster Embedded(ConnectOptions options = {}) {
  if (options.cpus < 0) options.cpus = 2;
  if (options.object_store_memory == 0) options.object_store_memory = 64 * kMiB;
  return Cluster::Connect(0, nullptr, std::move(options)).value();
}

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_CLUSTER_EMBEDDED_CLUSTER_H_

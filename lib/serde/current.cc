#include <cstdio>
#include <cstdlib>

#include "iocluster/internal/cluster_state.h"
#include "iocluster/internal/runtime.h"

namespace ioc::internal {
namespace {

thread_local Runtime* current_runtime = nullptr;

}  // namespace

Runtime* CurrentRuntime() { return current_runtime; }

void SetCurrentRuntime(Runtime* runtime) { current_runtime = runtime; }

void NoCluster(const char* function) {
  std::fprintf(stderr,
               "iocluster: %s was called where there is no cluster; call ioc::Cluster::Connect first, on this thread\n",
               function);
  std::abort();
}

}  // namespace ioc::internal

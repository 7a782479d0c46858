#include <cstdio>
#include <cstdlib>

#include "iocluster/internal/cluster_state.h"
#include "iocluster/internal/runtime.h"

namespace ioc::internal {
namespace {

thread_local RunContext* current = nullptr;
thread_local RunContext own;  // of a thread that runs no tasks

}  // namespace

RunContext* CurrentContext() { return current; }

void SetCurrentContext(RunContext* context) { current = context; }

Runtime* CurrentRuntime() { return current == nullptr ? nullptr : current->runtime; }

void SetCurrentRuntime(Runtime* runtime) {
  own = {.runtime = runtime};
  current = runtime == nullptr ? nullptr : &own;
}

void NoCluster(const char* function) {
  std::fprintf(stderr,
               "iocluster: %s was called where there is no cluster; call ioc::Cluster::Connect first, on this thread\n",
               function);
  std::abort();
}

}  // namespace ioc::internal

#include <absl/strings/str_cat.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "iocluster/internal/cluster_state.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/status.h"

namespace ioc::internal {
namespace {

thread_local RunContext* current = nullptr;
// Of a thread that has connected a Cluster, which may be destroyed on another one.
thread_local RunContext own;
thread_local RuntimePtr own_runtime;
thread_local RunContext* around = nullptr;  // what was current when `own` became it

}  // namespace

RunContext* CurrentContext() { return current; }

void SetCurrentContext(RunContext* context) { current = context; }

Runtime* CurrentRuntime() { return current == nullptr ? nullptr : current->runtime; }

void SetCurrentRuntime(Runtime* runtime) {
  if (current != &own) around = current;
  own = {.runtime = runtime};
  own_runtime = RuntimePtr(runtime);
  current = runtime == nullptr ? std::exchange(around, nullptr) : &own;
}

absl::Status CheckMayWait(const Runtime& runtime, std::string_view call) {
  if (current == nullptr || current->runtime != &runtime || current->coroutine.empty()) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat(std::string(call), " in ", std::string(current->coroutine),
                                ", which is a coroutine, would stop every coroutine of this worker; write co_await "
                                "(iocluster/asio.h)"));
}

void NoCluster(const char* function) {
  std::fprintf(stderr,
               "iocluster: %s was called where there is no cluster; call ioc::Cluster::Connect first, on this thread\n",
               function);
  std::abort();
}

}  // namespace ioc::internal

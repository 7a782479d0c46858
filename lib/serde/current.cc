#include <absl/strings/str_cat.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "iocluster/internal/cluster_state.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/status.h"

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

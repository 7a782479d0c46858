#include "lib/env_asio/resolver.h"

#include <absl/strings/str_cat.h>

#include <atomic>
#include <thread>
#include <utility>

#include "lib/base/mutex.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

// The threads can't be stopped, so the bound is the process's.
std::atomic<int> running_lookups{0};

}  // namespace

// Between the thread and the Lookup. The thread posts only under `mutex` and while the executor is known to live.
struct Lookup::Shared {
  Mutex mutex;
  AsioExecutor* executor ABSL_GUARDED_BY(mutex) = nullptr;  // null once cancelled
  Handler handler;                                          // on the executor
  bool cancelled = false;                                   // on the executor
};

std::unique_ptr<Lookup> Lookup::Start(AsioExecutor& executor, Address address, Handler handler) {
  auto shared = std::make_shared<Shared>();
  shared->executor = &executor;
  shared->handler = std::move(handler);
  const auto finish = [](const std::shared_ptr<Shared>& shared, absl::StatusOr<std::vector<SocketAddress>> result) {
    MutexLock lock(shared->mutex);
    if (shared->executor == nullptr) return;
    shared->executor->Post([shared, result = std::move(result)]() mutable {
      if (!shared->cancelled) shared->handler(std::move(result));
    });
  };
  if (running_lookups.fetch_add(1) >= kMaxLookups) {
    running_lookups.fetch_sub(1);
    finish(shared, MakeError(Cause::kDisconnected, absl::StrCat("can't look up the host of ", address.text, ": ",
                                                                kMaxLookups, " lookups are under way; try again")));
  } else {
    std::thread([shared, finish, address = std::move(address)] {
      finish(shared, ResolveBlocking(address));
      running_lookups.fetch_sub(1);
    }).detach();
  }
  return std::unique_ptr<Lookup>(new Lookup(std::move(shared)));
}

Lookup::~Lookup() {
  shared_->cancelled = true;
  MutexLock lock(shared_->mutex);
  shared_->executor = nullptr;
}

}  // namespace ioc

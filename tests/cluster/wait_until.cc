#include "tests/cluster/wait_until.h"

#include <absl/time/clock.h>
#include <poll.h>

namespace ioc {
namespace {

constexpr int kStepMs = 3;

}  // namespace

bool WaitUntil(const std::function<bool()>& condition, absl::Duration bound) {
  const absl::Time deadline = absl::Now() + bound;
  while (!condition()) {
    if (absl::Now() >= deadline) return condition();
    ::poll(nullptr, 0, kStepMs);
  }
  return true;
}

}  // namespace ioc

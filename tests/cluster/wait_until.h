// Waiting for what other processes do: the only place in these tests that looks again after a while.
#ifndef IOCLUSTER_TESTS_CLUSTER_WAIT_UNTIL_H_
#define IOCLUSTER_TESTS_CLUSTER_WAIT_UNTIL_H_

#include <absl/time/time.h>

#include <functional>

namespace ioc {

// Far beyond what anything here takes on a loaded machine; it only keeps a hang from being endless.
inline constexpr absl::Duration kPatience = absl::Seconds(30 * IOC_SLOWDOWN);

// Whether `condition` became true within `bound`. It is asked every few milliseconds, and once more at the end.
bool WaitUntil(const std::function<bool()>& condition, absl::Duration bound = kPatience);

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_CLUSTER_WAIT_UNTIL_H_

// Another system's benchmark, in the same run: a command that prints "system NAME", then "METRIC VALUE" a line.
#ifndef IOCLUSTER_BENCH_HARNESS_PEER_H_
#define IOCLUSTER_BENCH_HARNESS_PEER_H_

#include <absl/status/status.h>

#include <string>
#include <string_view>

#include "bench/harness/measurement.h"
#include "bench/report/samples.h"

namespace ioc::bench {

// Adds what `output` says to `peer`, which takes the system's name. Other lines are passed over. An error if it names
// no system or no metric.
absl::Status ReadPeer(std::string_view output, Samples& peer);

// Runs `command` by the shell, once a round and not to warm up, and adds what it says to `peer`.
Measurement PeerMeasurement(const std::string& command, Samples& peer);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_HARNESS_PEER_H_

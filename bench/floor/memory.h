// The floor under objects on one machine: what moving bytes within its memory costs.
#ifndef IOCLUSTER_BENCH_FLOOR_MEMORY_H_
#define IOCLUSTER_BENCH_FLOOR_MEMORY_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>

namespace ioc::bench {

// GB/s (1e9 bytes) of copying `bytes` between two blocks of memory that were touched before, for about `duration`.
double WarmCopyGbPerS(size_t bytes, absl::Duration duration);

// The same into shared memory (a memfd) that nobody has touched: the kernel finds and clears each page first. Each of
// as many copies as fit in `duration`, at least one, goes into fresh memory.
absl::StatusOr<double> FirstCopyGbPerS(size_t bytes, absl::Duration duration);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_FLOOR_MEMORY_H_

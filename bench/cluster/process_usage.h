// What processes of this machine use, from /proc. A process that has ended uses nothing.
#ifndef IOCLUSTER_BENCH_CLUSTER_PROCESS_USAGE_H_
#define IOCLUSTER_BENCH_CLUSTER_PROCESS_USAGE_H_

#include <sys/types.h>

#include <vector>

namespace ioc::bench {

// `pid` itself, its children, their children, and so on.
std::vector<pid_t> FamilyOf(pid_t pid);

struct MemoryUsage {
  double resident_mb = 0;      // as Ray's is counted: what several processes share counts for each of them
  double proportional_mb = 0;  // that counts once in all; without the pages of object stores

  MemoryUsage& operator+=(const MemoryUsage& other);
};

MemoryUsage MemoryOf(pid_t pid);
MemoryUsage MemoryOf(const std::vector<pid_t>& pids);

// Only MemoryUsage::resident_mb, which costs little to read.
double ResidentMb(const std::vector<pid_t>& pids);

// Of the processor, in user and kernel mode, since the process began.
double CpuSecondsOf(pid_t pid);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_CLUSTER_PROCESS_USAGE_H_

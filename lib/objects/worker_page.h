// The page of memory that a worker shares with its node. The worker writes it, the node reads it after the worker's
// death (DESIGN section 3: only the task that had started is charged an attempt) and before it lets an idle one go.
#ifndef IOCLUSTER_LIB_OBJECTS_WORKER_PAGE_H_
#define IOCLUSTER_LIB_OBJECTS_WORKER_PAGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lib/env/shared_memory.h"

namespace ioc {

inline constexpr size_t kWorkerPageBytes = 4096;

// All zero at first, as fresh shared memory is.
struct WorkerPage {
  std::atomic<uint64_t> started;  // sequence, in its caller, of the task begun last
  std::atomic<uint64_t> caller;   // the process that sent it
  std::atomic<uint64_t> owned;    // objects that this worker owns or refers to: while there are any, it stays
};
static_assert(sizeof(WorkerPage) <= kWorkerPageBytes && std::atomic<uint64_t>::is_always_lock_free);

inline WorkerPage& WorkerPageIn(const SharedMemory& memory) { return *reinterpret_cast<WorkerPage*>(memory.data()); }

}  // namespace ioc

#endif  // IOCLUSTER_LIB_OBJECTS_WORKER_PAGE_H_

// Memory for values in local mode: on the heap, within a budget, so that a program that asks for more than an object
// store would hold is told so.
#ifndef IOCLUSTER_RUNTIME_LOCAL_LOCAL_MEMORY_H_
#define IOCLUSTER_RUNTIME_LOCAL_LOCAL_MEMORY_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "iocluster/internal/runtime.h"

namespace ioc {

// Thread-safe. The memory may outlive it.
class LocalMemory {
 public:
  explicit LocalMemory(uint64_t budget) : budget_(budget) {}

  // Errors: kStoreFull, with what is in use and what would help.
  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Allocate(size_t bytes);

  uint64_t used() const { return used_->load(std::memory_order_relaxed); }
  uint64_t budget() const { return budget_; }

 private:
  const uint64_t budget_;
  const std::shared_ptr<std::atomic<uint64_t>> used_ = std::make_shared<std::atomic<uint64_t>>(0);
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_LOCAL_LOCAL_MEMORY_H_

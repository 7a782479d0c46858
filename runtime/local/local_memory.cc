#include "runtime/local/local_memory.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "iocluster/array.h"
#include "lib/base/status.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

class CountedValue final : public internal::WritableValue {
 public:
  CountedValue(size_t bytes, std::shared_ptr<std::atomic<uint64_t>> used)
      : size_(bytes), used_(std::move(used)), memory_(internal::AllocateOnHeap(bytes)) {}
  ~CountedValue() override { used_->fetch_sub(size_, std::memory_order_relaxed); }

  std::span<std::byte> bytes() override { return memory_->bytes(); }

 private:
  const size_t size_;
  const std::shared_ptr<std::atomic<uint64_t>> used_;
  const std::unique_ptr<internal::WritableValue> memory_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<internal::WritableValue>> LocalMemory::Allocate(size_t bytes) {
  if (bytes <= internal::kMaxInlineBytes) return internal::AllocateOnHeap(bytes);
  const uint64_t before = used_->fetch_add(bytes, std::memory_order_relaxed);
  if (before > budget_ || bytes > budget_ - before) {
    used_->fetch_sub(bytes, std::memory_order_relaxed);
    return MakeError(Cause::kStoreFull,
                     absl::StrCat("no room for an object of ", FormatBytes(bytes), ": ", FormatBytes(before),
                                  " of its ", FormatBytes(budget_),
                                  " are in use; let go of references, or give it more with "
                                  "ConnectOptions.object_store_memory or IOCLUSTER_OBJECT_STORE_MEMORY"));
  }
  return std::make_unique<CountedValue>(bytes, used_);
}

}  // namespace ioc

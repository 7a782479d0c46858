#include "tests/sim/sim_memory.h"

#include <absl/strings/str_cat.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/status.h"

namespace ioc::sim {
namespace {

constexpr size_t kPageBytes = 4096;

class SimMemory final : public SharedMemory {
 public:
  SimMemory(std::shared_ptr<MemoryAccount> account, std::string name, std::byte* data, size_t size)
      : account_(std::move(account)), name_(std::move(name)), data_(data), size_(size) {}
  ~SimMemory() override {
    Decommit(0, (size_ + kPageBytes - 1) / kPageBytes * kPageBytes);
    munmap(data_, size_);
  }

  std::byte* data() const override { return data_; }
  size_t size() const override { return size_; }

  absl::Status Commit(size_t offset, size_t length) override {
    if (offset > size_ || length > size_ - offset) {
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat("shared memory ", name_, " has ", size_, " bytes; [", offset, ", ", offset, " + ",
                                    length, ") is not within it"));
    }
    const size_t first = offset / kPageBytes;
    const size_t end = (offset + length + kPageBytes - 1) / kPageBytes;
    if (committed_.size() < end) committed_.resize(end);
    const auto pages = std::count(committed_.begin() + first, committed_.begin() + end, false);
    const uint64_t bytes = static_cast<uint64_t>(pages) * kPageBytes;
    if (account_->committed_bytes + bytes > account_->limit_bytes) {
      return MakeError(Cause::kStoreFull, absl::StrCat("shared memory ", name_, ": ", bytes, " more bytes don't fit; ",
                                                       account_->committed_bytes, " of ", account_->limit_bytes,
                                                       " are in use on this machine"));
    }
    account_->committed_bytes += bytes;
    std::fill(committed_.begin() + first, committed_.begin() + end, true);
    return absl::OkStatus();
  }

  void Decommit(size_t offset, size_t length) override {
    const size_t first = (offset + kPageBytes - 1) / kPageBytes;
    const size_t end = std::min((offset + length) / kPageBytes, committed_.size());
    if (first >= end) return;
    const auto pages = std::count(committed_.begin() + first, committed_.begin() + end, true);
    account_->committed_bytes -= static_cast<uint64_t>(pages) * kPageBytes;
    std::fill(committed_.begin() + first, committed_.begin() + end, false);
    madvise(data_ + first * kPageBytes, (end - first) * kPageBytes, MADV_DONTNEED);
  }

  void Populate(size_t, size_t) override {}

 private:
  const std::shared_ptr<MemoryAccount> account_;
  const std::string name_;
  std::byte* const data_;
  const size_t size_;
  std::vector<bool> committed_;  // page by page, as far as anything ever was
};

}  // namespace

absl::StatusOr<std::shared_ptr<SharedMemory>> CreateSimMemory(SimMachine& machine, std::string_view name, size_t size) {
  if (size == 0) return MakeError(Cause::kInvalidArgument, "a shared memory of 0 bytes; ask for one at least");
  // Without a reservation: what nobody touches costs nothing.
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return MakeError(Cause::kStoreFull,
                     absl::StrCat("shared memory ", std::string(name), " of ", size, " bytes: ", strerror(errno)));
  }
  return std::make_shared<SimMemory>(machine.memory, std::string(name), static_cast<std::byte*>(data), size);
}

}  // namespace ioc::sim

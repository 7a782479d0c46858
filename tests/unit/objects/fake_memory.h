// Shared memory that only counts which pages are committed, and refuses beyond a limit.
#ifndef IOCLUSTER_TESTS_UNIT_OBJECTS_FAKE_MEMORY_H_
#define IOCLUSTER_TESTS_UNIT_OBJECTS_FAKE_MEMORY_H_

#include <set>

#include "lib/base/status.h"
#include "lib/env/shared_memory.h"

namespace ioc {

class FakeMemory final : public SharedMemory {
 public:
  explicit FakeMemory(size_t size, size_t machine_pages = ~size_t{0}) : size_(size), machine_pages_(machine_pages) {}

  std::byte* data() const override { return nullptr; }
  size_t size() const override { return size_; }
  absl::Status Commit(size_t offset, size_t length) override {
    for (size_t page = offset / 4096; page < (offset + length) / 4096; ++page) {
      if (committed.size() >= machine_pages_) return MakeError(Cause::kStoreFull, "out of pages");
      committed.insert(page);
    }
    return absl::OkStatus();
  }
  void Decommit(size_t offset, size_t length) override {
    for (size_t page = offset / 4096; page < (offset + length) / 4096; ++page) committed.erase(page);
  }
  void Populate(size_t, size_t) override {}

  bool IsCommitted(size_t offset, size_t length) const {
    for (size_t page = offset / 4096; page < (offset + length + 4095) / 4096; ++page) {
      if (!committed.contains(page)) return false;
    }
    return true;
  }

  std::set<size_t> committed;

 private:
  const size_t size_;
  const size_t machine_pages_;
};

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_OBJECTS_FAKE_MEMORY_H_

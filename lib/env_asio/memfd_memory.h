// Shared memory as a sparse memfd: no name, no limit of /dev/shm, gone with its last user.
#ifndef IOCLUSTER_LIB_ENV_ASIO_MEMFD_MEMORY_H_
#define IOCLUSTER_LIB_ENV_ASIO_MEMFD_MEMORY_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string_view>

#include "lib/env/shared_memory.h"
#include "lib/env_asio/fd.h"

namespace ioc {

class MemfdMemory final : public SharedMemory {
 public:
  // `name` shows in /proc/PID/maps.
  static absl::StatusOr<std::shared_ptr<MemfdMemory>> Create(std::string_view name, size_t size);
  // Maps all of a region that another process made.
  static absl::StatusOr<std::shared_ptr<MemfdMemory>> Map(UniqueFd fd);

  MemfdMemory(UniqueFd fd, std::byte* data, size_t size) : fd_(std::move(fd)), data_(data), size_(size) {}
  ~MemfdMemory() override;
  MemfdMemory(const MemfdMemory&) = delete;
  MemfdMemory& operator=(const MemfdMemory&) = delete;

  std::byte* data() const override { return data_; }
  size_t size() const override { return size_; }
  absl::Status Commit(size_t offset, size_t length) override;
  void Decommit(size_t offset, size_t length) override;
  void Populate(size_t offset, size_t length) override;

  int fd() const { return fd_.get(); }

 private:
  const UniqueFd fd_;
  std::byte* const data_;
  const size_t size_;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_MEMFD_MEMORY_H_

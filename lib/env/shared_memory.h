// A region of memory that several processes of a machine map: the object store, a worker's status page.
#ifndef IOCLUSTER_LIB_ENV_SHARED_MEMORY_H_
#define IOCLUSTER_LIB_ENV_SHARED_MEMORY_H_

#include <absl/status/status.h>

#include <cstddef>

namespace ioc {

// Sparse: a page costs memory only once committed. Shared by std::shared_ptr, since views into it outlive their
// cluster; the bytes are shared between processes and whoever writes them sees to it that nobody reads meanwhile.
// Thread-safe.
class SharedMemory {
 public:
  virtual ~SharedMemory() = default;

  virtual std::byte* data() const = 0;
  virtual size_t size() const = 0;

  // Makes the pages of [offset, offset + length) real, so that touching them can't fail (kStoreFull otherwise).
  virtual absl::Status Commit(size_t offset, size_t length) = 0;
  // Gives whole pages within the range back to the system; they read as zero afterwards.
  virtual void Decommit(size_t offset, size_t length) = 0;
  // Maps committed pages into this process now instead of at first touch. A hint.
  virtual void Populate(size_t offset, size_t length) = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_SHARED_MEMORY_H_

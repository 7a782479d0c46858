#include "lib/env_asio/memfd_memory.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

// Sealed by whoever makes a region, asked for by whoever maps one: a peer that could shrink it would turn every access
// into a SIGBUS.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW;

absl::Status SystemError(Cause cause, std::string_view doing, int error) {
  return MakeError(cause, absl::StrCat(std::string(doing), ": ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<MemfdMemory>> MemfdMemory::Create(std::string_view name, size_t size) {
  if (size == 0) return MakeError(Cause::kInvalidArgument, "shared memory needs a size above 0");
  UniqueFd fd(memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return SystemError(Cause::kStoreFull, absl::StrCat("can't make shared memory of ", size, " bytes"), errno);
  if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0 || fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) {
    return SystemError(Cause::kStoreFull, absl::StrCat("can't size shared memory to ", size, " bytes"), errno);
  }
  return Map(std::move(fd));
}

absl::StatusOr<std::shared_ptr<MemfdMemory>> MemfdMemory::Map(UniqueFd fd) {
  const int seals = fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) {
    return MakeError(Cause::kInvalidArgument, "a descriptor that is no sealed shared memory");
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return SystemError(Cause::kInvalidArgument, "can't size shared memory", errno);
  const size_t size = static_cast<size_t>(info.st_size);
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
  if (data == MAP_FAILED) {
    return SystemError(Cause::kStoreFull, absl::StrCat("can't map shared memory of ", FormatBytes(size)), errno);
  }
  return std::make_shared<MemfdMemory>(std::move(fd), static_cast<std::byte*>(data), size);
}

MemfdMemory::~MemfdMemory() { munmap(data_, size_); }

absl::Status MemfdMemory::Commit(size_t offset, size_t length) {
  IOC_CHECK(offset <= size_ && length <= size_ - offset) << "a range beyond the shared memory";
  if (length == 0) return absl::OkStatus();
  while (fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
    if (errno == EINTR) continue;
    return SystemError(Cause::kStoreFull, absl::StrCat("can't get ", length, " bytes of memory for the object store"),
                       errno);
  }
  return absl::OkStatus();
}

void MemfdMemory::Decommit(size_t offset, size_t length) {
  IOC_CHECK(offset <= size_ && length <= size_ - offset) << "a range beyond the shared memory";
  // The kernel would clear the parts of pages at the ends.
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t begin = (offset + page - 1) / page * page;
  const size_t end = offset + length == size_ ? size_ : (offset + length) / page * page;
  if (begin >= end) return;
  fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
            static_cast<off_t>(end - begin));
}

void MemfdMemory::Populate(size_t offset, size_t length) {
  IOC_CHECK(offset <= size_ && length <= size_ - offset) << "a range beyond the shared memory";
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t begin = offset / page * page;
  madvise(data_ + begin, offset + length - begin, MADV_POPULATE_WRITE);
}

}  // namespace ioc

#include "lib/env_asio/posix_scratch.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "lib/base/status.h"
#include "lib/env_asio/fd.h"

namespace ioc {
namespace {

absl::Status ScratchError(std::string_view doing, const std::string& directory, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return MakeError(full ? Cause::kStoreFull : Cause::kInternal,
                   absl::StrCat("can't ", std::string(doing), " ", directory, ": ", std::strerror(error),
                                full ? "; free some space, or set IOCLUSTER_SPILL_DIRECTORY to another disk" : ""));
}

class PosixScratch final : public ScratchFile {
 public:
  PosixScratch(UniqueFd fd, std::string directory) : fd_(std::move(fd)), directory_(std::move(directory)) {}

  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return ScratchError("write a file in", directory_, written == 0 ? EIO : errno);
      bytes = bytes.subspan(static_cast<size_t>(written));
      offset += static_cast<uint64_t>(written);
    }
    return absl::OkStatus();
  }

  absl::Status Read(uint64_t offset, std::span<std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t got = pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return ScratchError("read a file in", directory_, got == 0 ? EIO : errno);
      bytes = bytes.subspan(static_cast<size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
    return absl::OkStatus();
  }

  // A file system without holes keeps the room until it is written again.
  void Discard(uint64_t offset, uint64_t length) override {
    fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
              static_cast<off_t>(length));
  }

 private:
  const UniqueFd fd_;
  const std::string directory_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<ScratchFile>> CreatePosixScratch(const std::string& directory) {
  UniqueFd fd(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600));
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    std::string name = directory + "/iocluster.XXXXXX";
    fd.Reset(mkostemp(name.data(), O_CLOEXEC));
    if (fd) unlink(name.c_str());
  }
  if (!fd) return ScratchError("make a file in", directory, errno);
  return std::make_shared<PosixScratch>(std::move(fd), directory);
}

absl::StatusOr<uint64_t> FreeBytesOf(const std::string& directory) {
  struct statvfs info;
  if (statvfs(directory.c_str(), &info) != 0) return ScratchError("see what is free in", directory, errno);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace ioc

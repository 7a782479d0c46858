// Files by plain system calls. Blocking: a disk's, which the roles accept for the little they do here.
#ifndef IOCLUSTER_LIB_ENV_ASIO_POSIX_FILES_H_
#define IOCLUSTER_LIB_ENV_ASIO_POSIX_FILES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/files.h"

namespace ioc {

class PosixFiles final : public Files {
 public:
  bool Exists(std::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileReader>> Open(std::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileWriter>> Create(std::string_view path) override;
  absl::Status Remove(std::string_view path) override;
  std::vector<FileEntry> List(std::string_view directory) override;
  absl::StatusOr<std::unique_ptr<FileUse>> Use(std::string_view path) override;
  bool RemoveUnused(const FileEntry& seen) override;
  std::string CacheDirectory() override;
  absl::StatusOr<std::shared_ptr<ScratchFile>> CreateScratch(std::string_view directory) override;
  absl::StatusOr<uint64_t> FreeBytes(std::string_view directory) override;
  std::string ScratchDirectory() override;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_POSIX_FILES_H_

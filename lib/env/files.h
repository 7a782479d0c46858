// The few things that roles do with files: read a program in pieces, keep a checked copy of one.
#ifndef IOCLUSTER_LIB_ENV_FILES_H_
#define IOCLUSTER_LIB_ENV_FILES_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ioc {

class FileReader {
 public:
  virtual ~FileReader() = default;
  virtual uint64_t size() const = 0;
  // Up to `length` bytes from `offset`; fewer only at the end.
  virtual absl::StatusOr<std::string> Read(uint64_t offset, size_t length) = 0;
};

// Writes a file beside its final place; it appears there whole with Commit, or not at all.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  virtual absl::Status Append(std::span<const std::byte> bytes) = 0;
  virtual absl::Status Commit(bool executable) = 0;
};

// Paths are absolute. Errors name the path and what to do.
class Files {
 public:
  virtual ~Files() = default;
  virtual bool Exists(std::string_view path) = 0;
  virtual absl::StatusOr<std::unique_ptr<FileReader>> Open(std::string_view path) = 0;
  // Makes the directories above `path` that are missing.
  virtual absl::StatusOr<std::unique_ptr<FileWriter>> Create(std::string_view path) = 0;
  virtual absl::Status Remove(std::string_view path) = 0;
  // Where this user's checked programs are kept: $IOCLUSTER_CACHE, or $XDG_CACHE_HOME/iocluster, or ~/.cache/iocluster.
  virtual std::string CacheDirectory() = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_FILES_H_

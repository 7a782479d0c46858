// The few things that roles do with files: read a program in pieces, keep a checked copy of one, put aside on disk what
// does not fit into memory.
#ifndef IOCLUSTER_LIB_ENV_FILES_H_
#define IOCLUSTER_LIB_ENV_FILES_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// A file without a name, for what may end with its process: nothing of it is left after any kind of end. Thread-safe.
// Blocks as long as the disk takes, so it is used from Background. Errors name the directory and what to do.
class ScratchFile {
 public:
  virtual ~ScratchFile() = default;
  // kStoreFull if the disk has no room.
  virtual absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Fills `bytes`; an error if fewer were ever written there.
  virtual absl::Status Read(uint64_t offset, std::span<std::byte> bytes) = 0;
  // What lies there is not wanted any more: the disk may use the room for others.
  virtual void Discard(uint64_t offset, uint64_t length) = 0;
};

// Somebody needs a file: see Files::Use. Destroying it ends that.
class FileUse {
 public:
  virtual ~FileUse() = default;
};

struct FileEntry {
  std::string path;
  uint64_t bytes = 0;
  absl::Time used;  // when it was written, or when a use of it last began or ended
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
  // The files in `directory` and those below, in the order of their paths; none if it is not there. Thread-safe.
  virtual std::vector<FileEntry> List(std::string_view directory) = 0;
  // As long as the result lives, RemoveUnused leaves the file alone, in whatever process of the machine. An error if it
  // is not there.
  virtual absl::StatusOr<std::unique_ptr<FileUse>> Use(std::string_view path) = 0;
  // Says whether it removed the file; not one that is in use, or was since `seen`. Thread-safe.
  virtual bool RemoveUnused(const FileEntry& seen) = 0;
  // Where this user's checked programs are kept: $IOCLUSTER_CACHE, or $XDG_CACHE_HOME/iocluster, or ~/.cache/iocluster.
  virtual std::string CacheDirectory() = 0;

  // In `directory`, which has to be there.
  virtual absl::StatusOr<std::shared_ptr<ScratchFile>> CreateScratch(std::string_view directory) = 0;
  // What the disk of `directory` has free for this user, in bytes.
  virtual absl::StatusOr<uint64_t> FreeBytes(std::string_view directory) = 0;
  // Where large files that don't outlive their process go unless told otherwise: $TMPDIR, or /var/tmp, or /tmp.
  virtual std::string ScratchDirectory() = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_FILES_H_

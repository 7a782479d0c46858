#include "lib/env_asio/posix_files.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/base/status.h"
#include "lib/env_asio/fd.h"
#include "lib/env_asio/posix_scratch.h"

namespace ioc {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status FileError(std::string_view doing, const std::string& path, int error) {
  std::string hint;
  if (error == ENOSPC || error == EDQUOT) hint = "; free some space, or set IOCLUSTER_CACHE to another disk";
  if (error == EACCES || error == EPERM) hint = "; check its permissions";
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("can't ", std::string(doing), " ", path, ": ", std::strerror(error), hint));
}

// An error number, or 0.
int MakeDirectoryOf(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  return error.value();
}

class PosixReader final : public FileReader {
 public:
  PosixReader(UniqueFd fd, std::string path, uint64_t size) : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

  uint64_t size() const override { return size_; }

  absl::StatusOr<std::string> Read(uint64_t offset, size_t length) override {
    if (offset >= size_) return std::string();
    std::string bytes(static_cast<size_t>(std::min<uint64_t>(length, size_ - offset)), '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got = pread(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FileError("read", path_, errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

 private:
  const UniqueFd fd_;
  const std::string path_;
  const uint64_t size_;
};

// Writes to a file without a name, where the file system has those: nothing is left of it if this process is killed.
class PosixWriter final : public FileWriter {
 public:
  // `temporary`: the name that the file has until it is complete; empty: none.
  PosixWriter(UniqueFd fd, std::string temporary, std::string path)
      : fd_(std::move(fd)), temporary_(std::move(temporary)), path_(std::move(path)) {}
  ~PosixWriter() override {
    if (!committed_ && !temporary_.empty()) unlink(temporary_.c_str());
  }
  PosixWriter(const PosixWriter&) = delete;
  PosixWriter& operator=(const PosixWriter&) = delete;

  absl::Status Append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return FileError("write", path_, errno);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Commit(bool executable) override {
    if (const int error = MakeDirectoryOf(path_); error != 0) return FileError("write", path_, error);
    if (fchmod(fd_.get(), executable ? 0700 : 0600) != 0) return FileError("write", path_, errno);
    if (temporary_.empty()) {
      if (Link(path_)) {
        committed_ = true;
        fd_.Reset();
        return absl::OkStatus();
      }
      if (errno != EEXIST) return FileError("write", path_, errno);
      temporary_ = absl::StrCat(path_, ".", getpid());
      unlink(temporary_.c_str());
      if (!Link(temporary_)) return FileError("write", path_, errno);
    }
    // A program that is still open for writing can't be run.
    fd_.Reset();
    if (rename(temporary_.c_str(), path_.c_str()) != 0) return FileError("write", path_, errno);
    committed_ = true;
    return absl::OkStatus();
  }

 private:
  bool Link(const std::string& name) const {
    const std::string self = absl::StrCat("/proc/self/fd/", fd_.get());
    return linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  }

  UniqueFd fd_;
  std::string temporary_;
  const std::string path_;
  bool committed_ = false;
};

// A shared lock on the file, which ends with its process however that ends. The time of the last change says when it
// was used.
class PosixUse final : public FileUse {
 public:
  explicit PosixUse(UniqueFd fd) : fd_(std::move(fd)) { futimens(fd_.get(), nullptr); }
  ~PosixUse() override { futimens(fd_.get(), nullptr); }

 private:
  const UniqueFd fd_;
};

UniqueFd OpenToLock(const std::string& path) { return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)); }

// Whether it has still a name.
bool IsThere(const UniqueFd& fd, struct stat& info) { return fstat(fd.get(), &info) == 0 && info.st_nlink > 0; }

}  // namespace

bool PosixFiles::Exists(std::string_view path) { return access(std::string(path).c_str(), F_OK) == 0; }

absl::StatusOr<std::unique_ptr<FileReader>> PosixFiles::Open(std::string_view path) {
  std::string name(path);
  UniqueFd fd(open(name.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!fd || fstat(fd.get(), &info) != 0) return FileError("open", name, errno);
  if (!S_ISREG(info.st_mode)) return FileError("open", name, S_ISDIR(info.st_mode) ? EISDIR : EINVAL);
  return std::make_unique<PosixReader>(std::move(fd), std::move(name), static_cast<uint64_t>(info.st_size));
}

absl::StatusOr<std::unique_ptr<FileWriter>> PosixFiles::Create(std::string_view path) {
  std::string name(path);
  if (const int error = MakeDirectoryOf(name); error != 0) return FileError("make the directory of", name, error);
  const std::filesystem::path directory = std::filesystem::path(name).parent_path();
  if (UniqueFd nameless(open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)); nameless) {
    return std::make_unique<PosixWriter>(std::move(nameless), "", std::move(name));
  }
  std::string temporary = absl::StrCat(name, ".XXXXXX");
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return FileError("create", name, errno);
  return std::make_unique<PosixWriter>(std::move(fd), std::move(temporary), std::move(name));
}

absl::Status PosixFiles::Remove(std::string_view path) {
  const std::string name(path);
  if (unlink(name.c_str()) != 0 && errno != ENOENT) return FileError("remove", name, errno);
  return absl::OkStatus();
}

std::vector<FileEntry> PosixFiles::List(std::string_view directory) {
  std::vector<FileEntry> files;
  std::error_code error;
  using Below = std::filesystem::recursive_directory_iterator;
  for (Below file(directory, error); !error && file != Below(); file.increment(error)) {
    struct stat info;
    if (lstat(file->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    files.push_back({.path = file->path().string(),
                     .bytes = static_cast<uint64_t>(info.st_size),
                     .used = absl::TimeFromTimespec(info.st_mtim)});
  }
  std::sort(files.begin(), files.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
  return files;
}

absl::StatusOr<std::unique_ptr<FileUse>> PosixFiles::Use(std::string_view path) {
  const std::string name(path);
  UniqueFd fd = OpenToLock(name);
  if (!fd) return FileError("use", name, errno);
  // On a file system without locks nothing is ever removed.
  const bool is_going = flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  struct stat info;
  if (is_going || !IsThere(fd, info)) return FileError("use", name, ENOENT);
  return std::make_unique<PosixUse>(std::move(fd));
}

bool PosixFiles::RemoveUnused(const FileEntry& seen) {
  const UniqueFd fd = OpenToLock(seen.path);
  if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
  struct stat info;
  const bool is_unused = IsThere(fd, info) && absl::TimeFromTimespec(info.st_mtim) == seen.used;
  if (!is_unused || unlink(seen.path.c_str()) != 0) return false;
  rmdir(std::filesystem::path(seen.path).parent_path().c_str());  // if that was all in it
  return true;
}

std::string PosixFiles::CacheDirectory() {
  if (std::string own = Variable("IOCLUSTER_CACHE"); !own.empty()) return own;
  if (std::string cache = Variable("XDG_CACHE_HOME"); !cache.empty()) return cache + "/iocluster";
  if (std::string home = Variable("HOME"); !home.empty()) return home + "/.cache/iocluster";
  return absl::StrCat("/tmp/iocluster-", geteuid());
}

absl::StatusOr<std::shared_ptr<ScratchFile>> PosixFiles::CreateScratch(std::string_view directory) {
  return CreatePosixScratch(std::string(directory));
}

absl::StatusOr<uint64_t> PosixFiles::FreeBytes(std::string_view directory) {
  return FreeBytesOf(std::string(directory));
}

std::string PosixFiles::ScratchDirectory() {
  if (std::string own = Variable("TMPDIR"); own.starts_with('/')) return own;
  return Exists("/var/tmp") ? "/var/tmp" : "/tmp";  // the latter is memory on many systems
}

}  // namespace ioc

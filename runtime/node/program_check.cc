#include "runtime/node/program_check.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <string_view>

#include "lib/base/status.h"
#include "runtime/node/elf.h"

namespace ioc {
namespace {

constexpr char kLoaderCache[] = "/etc/ld.so.cache";
constexpr size_t kMaxLoaderCacheBytes = size_t{16} << 20;
constexpr size_t kMaxLibraries = 1024;

// What an entry of the loader's cache is marked with: a library of this architecture for the C library of this system.
#if defined(__x86_64__)
constexpr int32_t kLoaderCacheKind = 0x0303;
#elif defined(__aarch64__)
constexpr int32_t kLoaderCacheKind = 0x0a03;
#endif

constexpr const char* kSystemDirectories[] = {
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
#if defined(__x86_64__)
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
#endif
};

// The libraries that ldconfig has found, by name: what is in the loader's cache, in the format of glibc since 2.2.
std::map<std::string, std::string> ReadLoaderCache(Files& files) {
  struct Header {
    char magic[20];  // "glibc-ld.so.cache1.1"
    uint32_t count;
    uint32_t string_bytes;
    uint32_t unused[5];
  };
  struct Entry {
    int32_t flags;
    uint32_t name;  // offsets from the header
    uint32_t path;
    uint32_t os_version;
    uint64_t hardware;
  };
  std::map<std::string, std::string> libraries;
  auto file = files.Open(kLoaderCache);
  if (!file.ok()) return libraries;
  const absl::StatusOr<std::string> bytes = (*file)->Read(0, kMaxLoaderCacheBytes);
  if (!bytes.ok()) return libraries;
  const size_t begin = bytes->find("glibc-ld.so.cache1.1");
  Header header;
  if (begin == std::string::npos || bytes->size() - begin < sizeof header) return libraries;
  std::memcpy(&header, bytes->data() + begin, sizeof header);
  const auto text = [&](uint32_t offset) {
    return offset < bytes->size() - begin ? std::string(bytes->c_str() + begin + offset) : std::string();
  };
  for (size_t i = 0; i < header.count; ++i) {
    const size_t at = begin + sizeof header + i * sizeof(Entry);
    if (at + sizeof(Entry) > bytes->size()) break;
    Entry entry;
    std::memcpy(&entry, bytes->data() + at, sizeof entry);
    if (entry.flags == kLoaderCacheKind) libraries.try_emplace(text(entry.name), text(entry.path));
  }
  return libraries;
}

// 2.9 comes before 2.34.
bool IsOlder(std::string_view a, std::string_view b) {
  const std::vector<std::string> as = absl::StrSplit(absl::string_view(a.data(), a.size()), '.');
  const std::vector<std::string> bs = absl::StrSplit(absl::string_view(b.data(), b.size()), '.');
  for (size_t i = 0; i < as.size() && i < bs.size(); ++i) {
    int left = 0;
    int right = 0;
    if (!absl::SimpleAtoi(as[i], &left) || !absl::SimpleAtoi(bs[i], &right)) return false;
    if (left != right) return left < right;
  }
  return as.size() < bs.size();
}

// Of those provided under the same name ("GLIBC_"), the newest; empty if there is none.
std::string NewestLike(const std::string& version, const std::set<std::string>& provided) {
  const std::string family = version.substr(0, version.rfind('_') + 1);
  std::string newest;
  for (const std::string& one : provided) {
    if (!absl::StartsWith(one, family) || one == family + "PRIVATE") continue;
    if (newest.empty() ||
        IsOlder(std::string_view(newest).substr(family.size()), std::string_view(one).substr(family.size()))) {
      newest = one;
    }
  }
  return newest;
}

class Check {
 public:
  Check(Files& files, const std::string& program, const std::vector<std::string>& directories)
      : files_(files), program_(program), directories_(directories) {}

  absl::Status Run() {
    loaded_[""] = {.path = program_};
    std::deque<std::string> open = {""};
    while (!open.empty() && loaded_.size() < kMaxLibraries) {
      Object& object = loaded_[open.front()];
      open.pop_front();
      object.facts = Facts(object.path);
      if (!object.facts) continue;
      for (const std::string& name : object.facts->needed) {
        if (loaded_.contains(name)) continue;
        IOC_ASSIGN_OR_RETURN(loaded_[name].path, Find(name, object));
        open.push_back(name);
      }
    }
    for (const auto& [name, object] : loaded_) IOC_RETURN_IF_ERROR(CheckVersions(object));
    return absl::OkStatus();
  }

 private:
  struct Object {
    std::string path;
    std::optional<ElfFacts> facts = {};
  };

  std::optional<ElfFacts> Facts(const std::string& path) {
    auto file = files_.Open(path);
    if (!file.ok()) return std::nullopt;
    absl::StatusOr<std::optional<ElfFacts>> facts = ReadElf(**file);
    return facts.ok() ? *std::move(facts) : std::nullopt;
  }

  std::string FindIn(const std::vector<std::string>& directories, const std::string& name, const Object& asker) {
    for (const std::string& directory : directories) {
      std::string path = absl::StrCat(absl::StrReplaceAll(directory, {{"$ORIGIN", DirectoryOf(asker.path)},
                                                                      {"${ORIGIN}", DirectoryOf(asker.path)}}),
                                      "/", name);
      if (path.front() == '/' && files_.Exists(path)) return path;
    }
    return "";
  }

  // In the loader's order.
  absl::StatusOr<std::string> Find(const std::string& name, const Object& asker) {
    if (absl::StrContains(name, '/')) {
      if (files_.Exists(name)) return name;
      return Missing(name, asker);
    }
    std::string path;
    if (asker.facts->runpath.empty()) path = FindIn(asker.facts->rpath, name, asker);
    if (path.empty()) path = FindIn(directories_, name, asker);
    if (path.empty()) path = FindIn(asker.facts->runpath, name, asker);
    if (path.empty()) path = InCache(name);
    for (const char* directory : kSystemDirectories) {
      if (path.empty()) path = FindIn({directory}, name, asker);
    }
    if (path.empty()) return Missing(name, asker);
    return path;
  }

  std::string InCache(const std::string& name) {
    if (!cache_.has_value()) cache_ = ReadLoaderCache(files_);
    const auto found = cache_->find(name);
    return found != cache_->end() && files_.Exists(found->second) ? found->second : "";
  }

  absl::Status Missing(const std::string& name, const Object& asker) const {
    return MakeError(
        Cause::kProgramMissing,
        absl::StrCat("it needs the shared library ", name, AskedBy(asker),
                     ", which this machine has not; install it here, or link the program with its archive"));
  }

  absl::Status CheckVersions(const Object& object) const {
    if (!object.facts) return absl::OkStatus();
    for (const ElfFacts::Version& version : object.facts->versions) {
      const auto provider = loaded_.find(version.library);
      if (provider == loaded_.end() || !provider->second.facts || provider->second.facts->provided.empty()) continue;
      const std::set<std::string>& provided = provider->second.facts->provided;
      if (provided.contains(version.name)) continue;
      const std::string newest = NewestLike(version.name, provided);
      return MakeError(Cause::kProgramMissing,
                       absl::StrCat("it needs version ", version.name, " of ", version.library, AskedBy(object),
                                    ", and this machine's ", provider->second.path, " has ",
                                    newest.empty() ? "none like it" : absl::StrCat(newest, " at most"),
                                    "; build the program on a system as old as this one, or use newer nodes"));
    }
    return absl::OkStatus();
  }

  std::string AskedBy(const Object& asker) const {
    return asker.path == program_ ? "" : absl::StrCat(" (for ", asker.path, ")");
  }

  Files& files_;
  const std::string program_;
  const std::vector<std::string> directories_;
  std::map<std::string, Object> loaded_;  // by the name that was asked for
  std::optional<std::map<std::string, std::string>> cache_;
};

}  // namespace

absl::Status CheckProgramLoads(Files& files, const std::string& program, const std::vector<std::string>& directories) {
  return Check(files, program, directories).Run();
}

}  // namespace ioc

#include "runtime/node/program_cache.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace ioc {
namespace {

std::vector<std::string> RemoveOldest(Files& files, const std::vector<std::string>& directories, uint64_t limit) {
  std::vector<FileEntry> entries;
  for (const std::string& directory : directories) {
    for (FileEntry& entry : files.List(directory)) entries.push_back(std::move(entry));
  }
  uint64_t bytes = 0;
  for (const FileEntry& entry : entries) bytes += entry.bytes;
  std::stable_sort(entries.begin(), entries.end(),
                   [](const FileEntry& a, const FileEntry& b) { return a.used < b.used; });
  std::vector<std::string> removed;
  for (const FileEntry& entry : entries) {
    if (bytes <= limit) break;
    if (!files.RemoveUnused(entry)) continue;
    bytes -= entry.bytes;
    removed.push_back(entry.path);
  }
  return removed;
}

}  // namespace

ProgramCache::ProgramCache(Env& env, uint64_t limit)
    : env_(env),
      limit_(limit),
      programs_(absl::StrCat(env.files().CacheDirectory(), "/programs")),
      libraries_(absl::StrCat(env.files().CacheDirectory(), "/libraries")) {}

std::string ProgramCache::PathOfProgram(std::string_view sha256) const {
  return absl::StrCat(programs_, "/", std::string(sha256));
}

std::string ProgramCache::PathOfLibrary(std::string_view sha256, std::string_view name) const {
  return absl::StrCat(libraries_, "/", std::string(sha256), "/", std::string(name));
}

void ProgramCache::Trim(absl::AnyInvocable<void(const std::vector<std::string>&)> done) {
  auto removed = std::make_shared<std::vector<std::string>>();
  env_.background().Run(
      0,
      [removed, &files = env_.files(), directories = std::vector{programs_, libraries_}, limit = limit_] {
        *removed = RemoveOldest(files, directories, limit);
        return absl::OkStatus();
      },
      life_.Bind([removed, done = std::move(done)](const absl::Status&) mutable { done(*removed); }));
}

}  // namespace ioc

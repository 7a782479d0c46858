#include "lib/serde/function_table.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iocluster/internal/type_name.h"
#include "lib/base/mutex.h"

namespace ioc {
namespace {

using internal::Entry;
using internal::FunctionInfo;

// A loaded executable or shared library.
struct Module {
  uintptr_t base = 0;
  std::vector<std::pair<uintptr_t, uintptr_t>> segments;  // [first, last)
  std::string build_id;                                   // hexadecimal

  bool Contains(uintptr_t address) const {
    for (const auto& [first, last] : segments) {
      if (address >= first && address < last) return true;
    }
    return false;
  }
};

size_t Padded(size_t size) { return (size + 3) & ~size_t{3}; }

// The build id among the notes in [data, data + size), or "".
std::string BuildIdIn(const char* data, size_t size) {
  ElfW(Nhdr) note;
  while (size >= sizeof(note)) {
    std::memcpy(&note, data, sizeof(note));
    const size_t name = Padded(note.n_namesz);
    const size_t length = sizeof(note) + name + Padded(note.n_descsz);
    if (length > size) return {};
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(data + sizeof(note), "GNU", 4) == 0) {
      return absl::BytesToHexString(absl::string_view(data + sizeof(note) + name, note.n_descsz));
    }
    data += length;
    size -= length;
  }
  return {};
}

int AddModule(dl_phdr_info* info, size_t, void* modules) {
  Module module;
  module.base = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const uintptr_t first = module.base + segment.p_vaddr;
    if (segment.p_type == PT_LOAD) module.segments.emplace_back(first, first + segment.p_memsz);
    if (segment.p_type == PT_NOTE && module.build_id.empty()) {
      const auto* notes =
          reinterpret_cast<const char*>(first);  // NOLINT(performance-no-int-to-ptr): as the loader has it
      module.build_id = BuildIdIn(notes, segment.p_memsz);
    }
  }
  static_cast<std::vector<Module>*>(modules)->push_back(std::move(module));
  return 0;
}

// The executable is the first one.
std::vector<Module> LoadedModules() {
  std::vector<Module> modules;
  dl_iterate_phdr(AddModule, &modules);
  return modules;
}

bool IsLambda(const FunctionInfo& info) {
  const absl::string_view label(info.label.data(), info.label.size());
  return absl::StrContains(label, "<lambda") || absl::StrContains(label, "(lambda") ||
         absl::StrContains(label, "'lambda");
}

class FunctionTable {
 public:
  void Add(const FunctionInfo& info) {
    MutexLock lock(mutex_);
    if (known_.insert(info.entry).second) functions_.push_back(&info);
  }

  FunctionKeyParts KeyOf(const FunctionInfo& info) {
    MutexLock lock(mutex_);
    Index();
    FunctionKeyParts key{.build_id = {}, .offset = 0, .name = info.mangled, .label = std::string(info.label)};
    if (const auto place = places_.find(info.entry); place != places_.end()) {
      key.build_id = place->second.first;
      key.offset = place->second.second;
    }
    return key;
  }

  absl::StatusOr<const FunctionInfo*> Find(const FunctionKeyParts& key) {
    MutexLock lock(mutex_);
    Index();
    if (!key.build_id.empty() && build_ids_.count(key.build_id) != 0) {
      const auto found = by_place_.find({key.build_id, key.offset});
      if (found != by_place_.end()) return found->second;
      return MakeError(Cause::kProgramMissing,
                       absl::StrCat("this program, of the same build ", key.build_id, ", has no task function '",
                                    key.label, "' at offset ", key.offset, "; the request is damaged"));
    }
    return FindByName(key);
  }

 private:
  using Place = std::pair<std::string, uint64_t>;

  // Places the functions that came since the last time.
  void Index() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (indexed_ == functions_.size()) return;
    const std::vector<Module> modules = LoadedModules();
    for (const Module& module : modules) {
      if (!module.build_id.empty()) build_ids_.insert(module.build_id);
    }
    for (; indexed_ < functions_.size(); ++indexed_) {
      const FunctionInfo* info = functions_[indexed_];
      by_name_.emplace(info->mangled, info);
      const auto address = reinterpret_cast<uintptr_t>(info->entry);
      for (const Module& module : modules) {
        if (!module.Contains(address) || module.build_id.empty()) continue;
        const Place place(module.build_id, address - module.base);
        places_.emplace(info->entry, place);
        by_place_.emplace(place, info);
        break;
      }
    }
  }

  absl::StatusOr<const FunctionInfo*> FindByName(const FunctionKeyParts& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto [first, last] = by_name_.equal_range(key.name);
    if (first == last) {
      const bool is_known = std::any_of(functions_.begin(), functions_.end(), [&](const FunctionInfo* info) {
        return std::string_view(info->label) == key.label;
      });
      const std::string what =
          is_known ? absl::StrCat("'", key.label, "' with other parameters, or another result, than its caller's build")
                   : absl::StrCat("no task function '", key.label, "'");
      return MakeError(Cause::kProgramMissing,
                       absl::StrCat("this program has ", what, "; run the same program on both sides"));
    }
    const FunctionInfo& info = *first->second;
    if (IsLambda(info)) {
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat("'", key.label, "' is a lambda, which has no name that two builds agree on (here '",
                                    std::string(info.label), "'); make it a named function"));
    }
    if (std::next(first) != last) {
      const FunctionInfo& twin = *std::next(first)->second;
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat("'", key.label, "' of another build may be ", Describe(info), " or ",
                                    Describe(twin), ", static functions of one name; rename one"));
    }
    return &info;
  }

  std::string Describe(const FunctionInfo& info) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto place = places_.find(info.entry);
    const uint64_t offset = place != places_.end() ? place->second.second : 0;
    return absl::StrCat("'", std::string(info.label), "' at offset 0x", absl::Hex(offset));
  }

  Mutex mutex_;
  std::vector<const FunctionInfo*> functions_ ABSL_GUARDED_BY(mutex_);  // as they were registered
  std::set<Entry> known_ ABSL_GUARDED_BY(mutex_);
  size_t indexed_ ABSL_GUARDED_BY(mutex_) = 0;  // so many of them are in the maps below
  std::set<std::string> build_ids_ ABSL_GUARDED_BY(mutex_);
  std::map<Entry, Place> places_ ABSL_GUARDED_BY(mutex_);
  std::map<Place, const FunctionInfo*> by_place_ ABSL_GUARDED_BY(mutex_);
  std::multimap<std::string, const FunctionInfo*> by_name_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: threads may look up functions until the process ends.
FunctionTable& Table() {
  static FunctionTable& table = *new FunctionTable();
  return table;
}

}  // namespace

FunctionKeyParts KeyOf(const internal::FunctionInfo& info) { return Table().KeyOf(info); }

absl::StatusOr<const internal::FunctionInfo*> FindFunction(const FunctionKeyParts& key) { return Table().Find(key); }

std::string ExecutableBuildId() { return LoadedModules().front().build_id; }

namespace internal {

bool RegisterFunction(const FunctionInfo& info) {
  Table().Add(info);
  return true;
}

}  // namespace internal
}  // namespace ioc

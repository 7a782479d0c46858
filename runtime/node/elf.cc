#include "runtime/node/elf.h"

#include <absl/strings/str_split.h>
#include <elf.h>

#include <cstdint>
#include <cstring>
#include <map>

#include "lib/base/status.h"

namespace ioc {
namespace {

// Beyond what any real file has; a damaged one must not keep us busy.
constexpr size_t kMaxSegments = 256;
constexpr size_t kMaxDynamic = 4096;
constexpr size_t kMaxVersions = 65536;
constexpr size_t kMaxName = 4096;

struct Damaged {};

// Reads structures at addresses as the loader would map them. Throws Damaged, and the Status of a failed read.
class ElfFile {
 public:
  explicit ElfFile(FileReader& file) : file_(file) {}

  ElfFacts Read() {
    const auto header = At<Elf64_Ehdr>(0);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phnum > kMaxSegments) {
      throw Damaged();
    }
    for (size_t i = 0; i < header.e_phnum; ++i) {
      const auto segment = At<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
      if (segment.p_type == PT_LOAD) loads_.push_back(segment);
      if (segment.p_type == PT_DYNAMIC) dynamic_ = segment;
    }
    ReadDynamic();
    ReadNeededVersions();
    ReadProvidedVersions();
    return std::move(facts_);
  }

 private:
  std::string Bytes(uint64_t offset, size_t length) {
    absl::StatusOr<std::string> bytes = file_.Read(offset, length);
    if (!bytes.ok()) throw bytes.status();
    return *std::move(bytes);
  }

  template <typename T>
  T At(uint64_t offset) {
    const std::string bytes = Bytes(offset, sizeof(T));
    if (bytes.size() != sizeof(T)) throw Damaged();
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  uint64_t OffsetOf(uint64_t address) const {
    for (const Elf64_Phdr& load : loads_) {
      if (address >= load.p_vaddr && address - load.p_vaddr < load.p_filesz) {
        return load.p_offset + (address - load.p_vaddr);
      }
    }
    throw Damaged();
  }

  std::string Name(uint64_t index) {
    const std::string bytes = Bytes(OffsetOf(strings_) + index, kMaxName);
    const size_t end = bytes.find('\0');
    if (end == std::string::npos) throw Damaged();
    return bytes.substr(0, end);
  }

  void ReadDynamic() {
    std::vector<Elf64_Dyn> entries;
    for (size_t i = 0; i < kMaxDynamic && (i + 1) * sizeof(Elf64_Dyn) <= dynamic_.p_filesz; ++i) {
      entries.push_back(At<Elf64_Dyn>(dynamic_.p_offset + i * sizeof(Elf64_Dyn)));
      if (entries.back().d_tag == DT_NULL) break;
      values_[entries.back().d_tag] = entries.back().d_un.d_val;
    }
    if (entries.empty()) return;
    strings_ = values_[DT_STRTAB];
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_NEEDED) facts_.needed.push_back(Name(entry.d_un.d_val));
      if (entry.d_tag == DT_RPATH) facts_.rpath = absl::StrSplit(Name(entry.d_un.d_val), ':', absl::SkipEmpty());
      if (entry.d_tag == DT_RUNPATH) facts_.runpath = absl::StrSplit(Name(entry.d_un.d_val), ':', absl::SkipEmpty());
    }
  }

  void ReadNeededVersions() {
    if (!values_.contains(DT_VERNEED)) return;
    uint64_t offset = OffsetOf(values_[DT_VERNEED]);
    for (uint64_t left = std::min(values_[DT_VERNEEDNUM], kMaxVersions); left > 0; --left) {
      const auto need = At<Elf64_Verneed>(offset);
      const std::string library = Name(need.vn_file);
      uint64_t aux = offset + need.vn_aux;
      for (int i = 0; i < need.vn_cnt && facts_.versions.size() < kMaxVersions; ++i) {
        const auto version = At<Elf64_Vernaux>(aux);
        if ((version.vna_flags & VER_FLG_WEAK) == 0) facts_.versions.push_back({library, Name(version.vna_name)});
        aux += version.vna_next;
      }
      if (need.vn_next == 0) break;
      offset += need.vn_next;
    }
  }

  void ReadProvidedVersions() {
    if (!values_.contains(DT_VERDEF)) return;
    uint64_t offset = OffsetOf(values_[DT_VERDEF]);
    for (uint64_t left = std::min(values_[DT_VERDEFNUM], kMaxVersions); left > 0; --left) {
      const auto version = At<Elf64_Verdef>(offset);
      facts_.provided.insert(Name(At<Elf64_Verdaux>(offset + version.vd_aux).vda_name));
      if (version.vd_next == 0) break;
      offset += version.vd_next;
    }
  }

  FileReader& file_;
  std::vector<Elf64_Phdr> loads_;
  Elf64_Phdr dynamic_ = {};
  std::map<int64_t, uint64_t> values_;  // of the dynamic section's entries
  uint64_t strings_ = 0;                // their address
  ElfFacts facts_;
};

}  // namespace

absl::StatusOr<std::optional<ElfFacts>> ReadElf(FileReader& file) {
  try {
    return ElfFile(file).Read();
  } catch (const Damaged&) {
    return std::nullopt;
  } catch (const absl::Status& error) {
    return error;
  }
}

}  // namespace ioc

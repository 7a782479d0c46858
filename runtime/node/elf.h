// What the loader will ask for when an executable or a shared library is run, as its file says.
#ifndef IOCLUSTER_RUNTIME_NODE_ELF_H_
#define IOCLUSTER_RUNTIME_NODE_ELF_H_

#include <absl/status/statusor.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/env/files.h"

namespace ioc {

struct ElfFacts {
  struct Version {
    std::string library;  // "libc.so.6"
    std::string name;     // "GLIBC_2.34"
  };

  std::vector<std::string> needed;   // shared libraries, by name
  std::vector<std::string> rpath;    // directories: searched before all others, if there is no runpath
  std::vector<std::string> runpath;  // and after those of the environment
  std::vector<Version> versions;     // that it needs of others
  std::set<std::string> provided;    // that others may need of it
};

// Nothing if the file is no 64-bit ELF file of this machine's byte order, or is damaged; an error if it can't be read.
absl::StatusOr<std::optional<ElfFacts>> ReadElf(FileReader& file);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_ELF_H_

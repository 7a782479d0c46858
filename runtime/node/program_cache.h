// What this machine has of other nodes' programs and libraries, by content hash, under Files::CacheDirectory(). Nodes
// of one user share it. It is kept within a limit: what was not used for longest goes first, whoever left it there, but
// nothing that a node uses just now.
//
// Owned by the ProgramStore, on its executor.
#ifndef IOCLUSTER_RUNTIME_NODE_PROGRAM_CACHE_H_
#define IOCLUSTER_RUNTIME_NODE_PROGRAM_CACHE_H_

#include <absl/functional/any_invocable.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/node/life.h"

namespace ioc {

class ProgramCache {
 public:
  ProgramCache(Env& env, uint64_t limit);
  ProgramCache(const ProgramCache&) = delete;
  ProgramCache& operator=(const ProgramCache&) = delete;

  // Where the file with that hash is, or is to be.
  std::string PathOfProgram(std::string_view sha256) const;
  // In a directory of its own, since the loader looks for it by its name.
  std::string PathOfLibrary(std::string_view sha256, std::string_view name) const;

  // Removes what is too much, in the background; `done` is told the paths.
  void Trim(absl::AnyInvocable<void(const std::vector<std::string>&)> done);

 private:
  Env& env_;
  const uint64_t limit_;
  const std::string programs_;
  const std::string libraries_;
  Life life_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PROGRAM_CACHE_H_

// Whether this machine can load a program: finds every shared library that it needs, and those that they need, where
// the loader would, and compares the versions. What is missing is named before the program is run.
#ifndef IOCLUSTER_RUNTIME_NODE_PROGRAM_CHECK_H_
#define IOCLUSTER_RUNTIME_NODE_PROGRAM_CHECK_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "lib/env/files.h"

namespace ioc {

// Of a file.
inline std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// `directories` come before the system's. kProgramMissing says which library is missing, or which version of one, and
// what to do. What is no ELF file, and what can't be read, is left to the loader.
absl::Status CheckProgramLoads(Files& files, const std::string& program, const std::vector<std::string>& directories);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PROGRAM_CHECK_H_

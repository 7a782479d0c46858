// The functions that this program can run as tasks, and what they are called across processes.
//
// Static initialisation fills the table (RegisterFunction in iocluster/internal/runtime.h), one entry for each function
// that the program submits. Within one build the key is the module's build id and the entry's offset in it: immune to
// address randomisation, to equal names of static functions, and to how compilers print lambdas. Across builds it is
// the mangled name; lambdas, and names that several functions have, are refused there.
//
// Keys come from other processes: a lookup answers only with functions that were registered. Thread-safe.
#ifndef IOCLUSTER_LIB_SERDE_FUNCTION_TABLE_H_
#define IOCLUSTER_LIB_SERDE_FUNCTION_TABLE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "iocluster/internal/runtime.h"

namespace ioc {

struct FunctionKeyParts {
  std::string build_id;  // of the module that has the entry, hexadecimal; empty: it was linked without one
  uint64_t offset = 0;   // of the entry in the module
  std::string name;      // the mangled name
  std::string label;     // for people
};

// What `info` is called in other processes.
FunctionKeyParts KeyOf(const internal::FunctionInfo& info);

// The function with this key. kProgramMissing, naming the label, if this program has none; kInvalidArgument, naming
// what it could be, if another build's name does not say which.
absl::StatusOr<const internal::FunctionInfo*> FindFunction(const FunctionKeyParts& key);

// The build id of the executable, hexadecimal; empty if it was linked without one.
std::string ExecutableBuildId();

}  // namespace ioc

#endif  // IOCLUSTER_LIB_SERDE_FUNCTION_TABLE_H_

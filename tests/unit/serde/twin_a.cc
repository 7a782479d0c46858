#include "iocluster/internal/entry.h"
#include "tests/unit/serde/twins.h"

static int Twin(int x) { return x + 1; }

namespace ioc {

const internal::FunctionInfo& TwinA() { return internal::TaskEntry<Twin>::info(); }
const internal::FunctionInfo& LambdaA() {
  return internal::TaskEntry<[](int x) { return x * 1; }>::info();
}

}  // namespace ioc

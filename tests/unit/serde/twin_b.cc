#include "iocluster/internal/entry.h"
#include "tests/unit/serde/twins.h"

static int Twin(int x) { return x + 2; }

namespace ioc {

const internal::FunctionInfo& TwinB() { return internal::TaskEntry<Twin>::info(); }
const internal::FunctionInfo& LambdaB() {
  return internal::TaskEntry<[](int x) { return x * 2; }>::info();
}

}  // namespace ioc

#include "lib/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace ioc::internal {

CheckFailure::CheckFailure(const char* file, int line, const char* condition) {
  stream_ << "iocluster: " << file << ":" << line << ": not so: " << condition << " ";
}

CheckFailure::~CheckFailure() {
  std::fprintf(stderr, "%s\n", stream_.str().c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace ioc::internal

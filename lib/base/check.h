// IOC_CHECK(condition) << "what it means": a bug of ours ends the process with the place and the words. Kept in release
// builds. What a peer or a user can cause is never a check, but an absl::Status.
#ifndef IOCLUSTER_LIB_BASE_CHECK_H_
#define IOCLUSTER_LIB_BASE_CHECK_H_

#include <sstream>

namespace ioc::internal {

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  [[noreturn]] ~CheckFailure();

  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// Gives the failing branch of IOC_CHECK the type void, so that both branches agree.
struct CheckVoidify {
  void operator&(std::ostream&) {}
};

}  // namespace ioc::internal

#define IOC_CHECK(condition) \
  (condition)                \
      ? static_cast<void>(0) \
      : ::ioc::internal::CheckVoidify() & ::ioc::internal::CheckFailure(__FILE__, __LINE__, #condition).stream()

#endif  // IOCLUSTER_LIB_BASE_CHECK_H_

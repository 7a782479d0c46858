// Helpers around absl::Status for code inside the library. The public part is <iocluster/status.h>.
#ifndef IOCLUSTER_LIB_BASE_STATUS_H_
#define IOCLUSTER_LIB_BASE_STATUS_H_

#include <string_view>
#include <utility>

#include "iocluster/status.h"

namespace ioc {

// A cause from a peer's number; an unknown one (a newer release's) is kInternal.
Cause CauseFromWire(int value);

// The same error with another code; cause and message stay. For what user code returned, whose code is its own.
absl::Status WithCode(const absl::Status& status, absl::StatusCode code);

// The same error with "context: " before its message; code and cause stay.
absl::Status WithContext(const absl::Status& status, std::string_view context);

}  // namespace ioc

#define IOC_CONCAT_INNER_(a, b) a##b
#define IOC_CONCAT_(a, b) IOC_CONCAT_INNER_(a, b)

// Returns from the function with the error of `expression`, if it has one.
#define IOC_RETURN_IF_ERROR(expression)                                                 \
  do {                                                                                  \
    if (absl::Status ioc_status_ = (expression); !ioc_status_.ok()) return ioc_status_; \
  } while (false)

// IOC_ASSIGN_OR_RETURN(auto x, F()): x is F()'s value, or the function returns F()'s error.
#define IOC_ASSIGN_OR_RETURN(left, expression) IOC_ASSIGN_OR_RETURN_(IOC_CONCAT_(ioc_or_, __LINE__), left, expression)
#define IOC_ASSIGN_OR_RETURN_(temporary, left, expression) \
  auto temporary = (expression);                           \
  if (!temporary.ok()) return temporary.status();          \
  left = *std::move(temporary)

#endif  // IOCLUSTER_LIB_BASE_STATUS_H_

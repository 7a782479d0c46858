// Amounts as people write them.
#ifndef IOCLUSTER_LIB_BASE_UNITS_H_
#define IOCLUSTER_LIB_BASE_UNITS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>

namespace ioc {

// "4096", "64MiB", "2GiB", "1.5TiB". InvalidArgument, with what to write, for anything else.
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_UNITS_H_

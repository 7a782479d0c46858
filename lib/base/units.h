// Amounts as people write and read them: the one parser and the one printer of sizes.
#ifndef IOCLUSTER_LIB_BASE_UNITS_H_
#define IOCLUSTER_LIB_BASE_UNITS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace ioc {

// What a unit stands for: "KB", "MB", "GB", "TB" are powers of 1000, "KiB", "MiB", "GiB", "TiB" powers of 1024, in any
// case; "B", or none, is bytes. A fraction is rounded down to a byte: "4096", "64MiB", "2GB", "1.5 TiB".
// InvalidArgument, with what to write, for anything else.
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

// With a unit that is a power of 1024 and at most two decimals: "0 B", "1.5 GiB", "22.35 GiB".
std::string FormatBytes(uint64_t bytes);

// "1 node", "3 nodes"; for nouns that take an s.
std::string Count(uint64_t count, std::string_view noun);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_UNITS_H_

// Where an error of user code happened, for people.
#ifndef IOCLUSTER_LIB_PROTOCOL_LOCATED_H_
#define IOCLUSTER_LIB_PROTOCOL_LOCATED_H_

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ioc {

// What user code says in an error; more is cut off, as it travels in a message.
inline constexpr size_t kMaxUserErrorBytes = size_t{32} << 10;

// The error with " (on node NODE, attempt N)" behind its message; `attempt` counts from 0. OK stays OK.
absl::Status Located(const absl::Status& error, std::string_view node_name, uint32_t attempt);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_LOCATED_H_

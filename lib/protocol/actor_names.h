// What is said of actors' names that are taken, or that nobody has.
#ifndef IOCLUSTER_LIB_PROTOCOL_ACTOR_NAMES_H_
#define IOCLUSTER_LIB_PROTOCOL_ACTOR_NAMES_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "iocluster/ids.h"

namespace ioc {

// kInvalidArgument. `who` the holder is: "Counter, detached".
absl::Status NameTaken(const std::string& name, const std::string& name_space, ObjectId holder, const std::string& who);

// kActorDied, with those of the names in that name space that look most like it.
absl::Status NameUnknown(const std::string& name, const std::string& name_space, std::vector<std::string> known);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_ACTOR_NAMES_H_

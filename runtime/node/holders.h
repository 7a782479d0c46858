// The node's own holds in its object store, beside those of its sessions.
#ifndef IOCLUSTER_RUNTIME_NODE_HOLDERS_H_
#define IOCLUSTER_RUNTIME_NODE_HOLDERS_H_

#include "lib/objects/object_store.h"

namespace ioc {

inline constexpr HolderId kPullHolder = ~HolderId{0};       // what comes from other nodes
inline constexpr HolderId kSendHolder = ~HolderId{0} - 1;   // what is sent to them
inline constexpr HolderId kSpillHolder = ~HolderId{0} - 2;  // what goes to disk or comes back

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_HOLDERS_H_

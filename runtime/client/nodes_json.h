// The nodes of a cluster as JSON, for programs and listings.
#ifndef IOCLUSTER_RUNTIME_CLIENT_NODES_JSON_H_
#define IOCLUSTER_RUNTIME_CLIENT_NODES_JSON_H_

#include <string>
#include <vector>

#include "lib/protocol/head_messages.h"

namespace ioc {

// An array with an object a node: name, id, alive, address, total and free resources, labels, GPU, region.
std::string NodesToJson(const std::vector<NodeStatus>& nodes);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_NODES_JSON_H_

// What the head lists, as JSON: for `iocluster nodes --json` and Cluster::NodesJson.
#ifndef IOCLUSTER_LIB_PROTOCOL_NODES_JSON_H_
#define IOCLUSTER_LIB_PROTOCOL_NODES_JSON_H_

#include <vector>

#include "lib/base/json.h"
#include "lib/protocol/head_messages.h"

namespace ioc {

// An object: name to amount, in whole ones (memory in bytes).
void WriteResources(JsonWriter& json, const ResourceSet& resources);

// An array with an object a node, in the order given.
void WriteNodes(JsonWriter& json, const std::vector<NodeStatus>& nodes);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_NODES_JSON_H_

// What the roles hold, as JSON: for `iocluster objects --json` and Cluster::ObjectsJson.
#ifndef IOCLUSTER_LIB_PROTOCOL_CENSUS_JSON_H_
#define IOCLUSTER_LIB_PROTOCOL_CENSUS_JSON_H_

#include "lib/base/json.h"
#include "lib/protocol/census_messages.h"

namespace ioc {

// An object: "nodes", an array with an object a node, each with its "processes"; "named_actors"; "waiting_leases".
void WriteObjects(JsonWriter& json, const ListObjects::Reply& list);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_CENSUS_JSON_H_

// What the head knows of actors with names, as JSON: for `iocluster actors --json` and Cluster::ActorsJson.
#ifndef IOCLUSTER_LIB_PROTOCOL_ACTORS_JSON_H_
#define IOCLUSTER_LIB_PROTOCOL_ACTORS_JSON_H_

#include <string_view>
#include <vector>

#include "lib/base/json.h"
#include "lib/protocol/actor_messages.h"

namespace ioc {

// "alive", "placing", ...
std::string_view PhaseName(ActorPhase phase);

// An array with an object an actor, in the order given.
void WriteActors(JsonWriter& json, const std::vector<ActorStatus>& actors);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_ACTORS_JSON_H_

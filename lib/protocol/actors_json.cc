#include "lib/protocol/actors_json.h"

namespace ioc {

std::string_view PhaseName(ActorPhase phase) {
  switch (phase) {
    case ActorPhase::kPlacing:
      return "placing";
    case ActorPhase::kConstructing:
      return "constructing";
    case ActorPhase::kAlive:
      return "alive";
    case ActorPhase::kCutOff:
      return "cut off";
  }
  return "";
}

void WriteActors(JsonWriter& json, const std::vector<ActorStatus>& actors) {
  json.BeginArray();
  for (const ActorStatus& actor : actors) {
    json.BeginObject();
    json.Member("name", actor.name);
    json.Member("namespace", actor.name_space);
    json.Member("class", actor.type);
    json.Member("id", actor.id.ToString());
    json.Member("state", PhaseName(actor.phase));
    json.Member("node", actor.node_name);
    json.Member("restarts", actor.restarts);
    json.Member("detached", actor.detached);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace ioc

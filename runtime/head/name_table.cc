#include "runtime/head/name_table.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/protocol/actor_names.h"

namespace ioc {
namespace {

// Names that are compared with the one asked for; in a larger table the first ones have to do.
constexpr size_t kMaxCompared = 1000;

std::string OwnerOf(const RefInfo& actor) {
  if (actor.owner.process == kHeadProcess) return "detached";
  return absl::StrCat("owned by process ", actor.owner.process.ToString());
}

}  // namespace

absl::Status NameTable::Register(const RegisterActorName& request) {
  if (request.name.empty() || request.name.size() > kMaxActorNameBytes ||
      request.name_space.size() > kMaxActorNameBytes) {
    return MakeError(
        Cause::kInvalidArgument,
        absl::StrCat("an actor's name of ", request.name.size(), " bytes in a name space of ",
                     request.name_space.size(), "; both take at most ", kMaxActorNameBytes, " and a name at least 1"));
  }
  const auto it = holders_.find(Key(request.name_space, request.name));
  if (it != holders_.end()) {
    const Holder& holder = it->second;
    if (holder.actor.id == request.actor.id) return absl::OkStatus();
    return NameTaken(request.name, request.name_space, holder.actor.id,
                     absl::StrCat(holder.type, ", ", OwnerOf(holder.actor)));
  }
  if (holders_.size() >= kMaxNames) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("the cluster already has ", kMaxNames, " named actors"));
  }
  Holder holder;
  holder.type = request.type;
  holder.actor = request.actor;
  holders_.emplace(Key(request.name_space, request.name), std::move(holder));
  return absl::OkStatus();
}

absl::StatusOr<FindActorName::Reply> NameTable::Find(const FindActorName& request) const {
  const auto it = holders_.find(Key(request.name_space, request.name));
  if (it != holders_.end()) return FindActorName::Reply{.type = it->second.type, .actor = it->second.actor};

  std::vector<std::string> known;
  for (auto near = holders_.lower_bound(Key(request.name_space, "")); near != holders_.end(); ++near) {
    if (near->first.first != request.name_space || known.size() >= kMaxCompared) break;
    known.push_back(near->first.second);
  }
  return NameUnknown(request.name, request.name_space, std::move(known));
}

void NameTable::Note(const NoteActor& note) {
  const auto it = holders_.find(Key(note.name_space, note.name));
  if (it == holders_.end() || it->second.actor.id != note.actor) return;
  it->second.phase = note.phase;
  it->second.node_name = note.node_name;
  it->second.restarts = note.restarts;
}

ListActors::Reply NameTable::List(const ListActors& request) const {
  ListActors::Reply reply;
  const bool is_first = request.after_name.empty();
  auto it = holders_.begin();
  if (!is_first) {
    it = holders_.upper_bound(Key(request.after_space, request.after_name));
  } else if (request.one_space) {
    it = holders_.lower_bound(Key(request.name_space, ""));
  }
  for (; it != holders_.end(); ++it) {
    const auto& [key, holder] = *it;
    if (request.one_space && key.first != request.name_space) break;
    if (reply.actors.size() >= kMaxListedActors) {
      reply.more = true;
      break;
    }
    reply.actors.push_back({.id = holder.actor.id,
                            .name_space = key.first,
                            .name = key.second,
                            .type = holder.type,
                            .phase = holder.phase,
                            .node_name = holder.node_name,
                            .restarts = holder.restarts,
                            .detached = holder.actor.owner.process == kHeadProcess});
  }
  return reply;
}

void NameTable::Release(const ReleaseActorName& request) {
  const auto it = holders_.find(Key(request.name_space, request.name));
  if (it != holders_.end() && it->second.actor.id == request.actor) holders_.erase(it);
}

void NameTable::DropProcess(NodeId node, ProcessId process) {
  std::erase_if(holders_, [&](const auto& entry) {
    const ProcessAddress& owner = entry.second.actor.owner;
    return owner.node == node && owner.process == process;
  });
}

void NameTable::DropNode(NodeId node) {
  std::erase_if(holders_, [&](const auto& entry) { return entry.second.actor.owner.node == node; });
}

}  // namespace ioc

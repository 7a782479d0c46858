// The names of actors: who holds which.
//
// In memory; the Store takes its place when names have to survive the head. Belongs to the Head, on its executor.
// Invariants: a name in a name space has one holder; at most kMaxNames names of at most kMaxActorNameBytes bytes.
#ifndef IOCLUSTER_RUNTIME_HEAD_NAME_TABLE_H_
#define IOCLUSTER_RUNTIME_HEAD_NAME_TABLE_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "lib/protocol/actor_messages.h"
#include "lib/protocol/head_messages.h"

namespace ioc {

inline constexpr size_t kMaxNames = 1 << 20;

class NameTable {
 public:
  // kInvalidArgument, naming the holder, if another actor has the name. The same actor may register again.
  absl::Status Register(const RegisterActorName& request);
  // kActorDied, listing similar names, if nobody has it.
  absl::StatusOr<FindActorName::Reply> Find(const FindActorName& request) const;
  // What becomes of an actor that a process owns. Does nothing unless this very actor holds the name.
  void Note(const NoteActor& note);
  // Of detached ones, only who they are.
  ListActors::Reply List(const ListActors& request) const;
  // Does nothing unless this very actor holds the name.
  void Release(const ReleaseActorName& request);

  // Drops the names of the actors that the process, or any process of the node, owned.
  void DropProcess(NodeId node, ProcessId process);
  void DropNode(NodeId node);

  size_t size() const { return holders_.size(); }

 private:
  struct Holder {
    std::string type;
    RefInfo actor;
    ActorPhase phase = ActorPhase::kPlacing;
    std::string node_name;
    uint32_t restarts = 0;
  };
  using Key = std::pair<std::string, std::string>;  // name space, name

  std::map<Key, Holder> holders_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_NAME_TABLE_H_

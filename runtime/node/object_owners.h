// Who owns the objects of a node's store: who made them, until another process says that it has adopted them.
//
// What an ended process owned is freed a little later (kOrphanGrace): it may just have given objects away in its last
// words, and the one who has them now needs time to say so. When memory is short they go at once.
//
// Owned by the StoreService, on its executor. Only adoptions are kept here, at most kMaxEarlyAdoptions of them for
// objects that are not in the store yet: messages about one object come over several connections, in any order.
#ifndef IOCLUSTER_RUNTIME_NODE_OBJECT_OWNERS_H_
#define IOCLUSTER_RUNTIME_NODE_OBJECT_OWNERS_H_

#include <absl/functional/any_invocable.h>
#include <absl/time/time.h>

#include <cstddef>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "iocluster/ids.h"
#include "runtime/node/recent_set.h"

namespace ioc {

inline constexpr absl::Duration kOrphanGrace = absl::Seconds(5);
inline constexpr size_t kMaxEarlyAdoptions = 4096;
inline constexpr size_t kMaxGoneProcesses = 1024;

class ObjectOwners {
 public:
  // `is_here` says whether the node has the object, in memory or on disk.
  explicit ObjectOwners(absl::AnyInvocable<bool(ObjectId) const> is_here) : is_here_(std::move(is_here)) {}

  void Adopt(ObjectId id, ProcessId owner);
  // The object was freed.
  void Forget(ObjectId id) { adopted_.erase(id); }
  bool IsOwnedBy(ObjectId id, ProcessId process) const { return OwnerOf(id) == process; }

  // The process has ended.
  void NoteGone(ProcessId process) { gone_.Insert(process); }
  bool IsOrphan(ObjectId id) const { return gone_.contains(OwnerOf(id)); }
  // Those of `made`, which the process has made, that are still its own, and those that it has adopted; in order.
  std::vector<ObjectId> OwnedBy(ProcessId process, std::vector<ObjectId> made) const;

 private:
  ProcessId OwnerOf(ObjectId id) const;

  const absl::AnyInvocable<bool(ObjectId) const> is_here_;
  std::map<ObjectId, ProcessId> adopted_;
  std::deque<ObjectId> early_;  // adopted before they were here
  RecentSet<ProcessId> gone_{kMaxGoneProcesses};
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_OBJECT_OWNERS_H_

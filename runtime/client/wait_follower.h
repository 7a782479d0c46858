// Follows what calls wait for, from process to process, to find actors that wait for each other in a circle.
//
// A call that waits long sends a FollowWait along: to the owner of the object, which knows where that is being made; to
// that worker, where the call that makes it waits for another object, or behind another call of its actor; and so on
// (edge chasing, after Chandy, Misra and Haas, "Distributed deadlock detection", 1983). When the chain comes back to a
// call that it has passed, the call that waits behind that one can never begin, and fails with the circle named. What
// waits for any one of several objects, or not for long, starts no chain and ends one: a circle is found where all in
// it can do nothing but wait.
//
// Lives on the client's executor; keeps nothing.
#ifndef IOCLUSTER_RUNTIME_CLIENT_WAIT_FOLLOWER_H_
#define IOCLUSTER_RUNTIME_CLIENT_WAIT_FOLLOWER_H_

#include <cstddef>
#include <vector>

#include "runtime/client/object_table.h"
#include "runtime/client/peers.h"
#include "runtime/client/task_book.h"

namespace ioc {

// Longer circles are not found.
inline constexpr size_t kMaxWaitChain = 16;
// Objects that one call waits for and that are followed.
inline constexpr size_t kMaxWaitsFollowed = 16;
// Calls of this process that are looked at, each once, for one step of a chain: they may wait for each other in any
// number of ways.
inline constexpr size_t kMaxCallsFollowed = 256;

class WaitFollower {
 public:
  WaitFollower(ObjectTable& objects, TaskBook& book, PeerTable& peers)
      : objects_(objects), book_(book), peers_(peers) {}

  // The last of `chain` waits for this.
  void Follow(const ObjectRecord& awaited, const std::vector<WaitLink>& chain);
  // Asked as the owner of what is awaited.
  void OnFollowWait(const FollowWait& follow);

 private:
  // Tells the worker where `task` is.
  void TellWorker(const TaskRecord& task, const std::vector<WaitLink>& chain);

  ObjectTable& objects_;
  TaskBook& book_;
  PeerTable& peers_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_WAIT_FOLLOWER_H_

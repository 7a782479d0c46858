// What a process knows, as its caller, of an actor that it calls or has made: where it lives, and the calls without an
// answer. Made and changed by the ActorCaller, on its executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_ACTOR_STATE_H_
#define IOCLUSTER_RUNTIME_CLIENT_ACTOR_STATE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "runtime/client/peers.h"
#include "runtime/client/task_record.h"

namespace ioc {

// Where an incarnation of an actor lives.
struct ActorPlace {
  ProcessAddress worker;
  std::string node_name;
  uint32_t incarnation = 0;  // 0: it has not lived yet

  NodeAddress node() const { return NodeOf(worker, node_name); }
};

// Shared by the actor's record and by callbacks on their way.
struct ActorState {
  // kStarting: who makes it will say where it lives. kConnecting: that is asked for, or its worker dialled, once there
  // are calls. kLeaving: it has left its worker, and calls that were sent there are still answered.
  enum class Phase { kStarting, kConnecting, kAlive, kLeaving, kDead };
  static constexpr size_t kInactive = ~size_t{0};

  ObjectRecord* record = nullptr;  // null once nobody refers to the actor
  std::string type;
  std::string name;  // or empty
  Phase phase = Phase::kStarting;
  bool resolving = false;  // kConnecting: under way
  bool told_to_leave = false;
  ActorPlace at;
  Peer* peer = nullptr;
  absl::Time out_of_reach = absl::InfiniteFuture();  // since when its worker can't be dialled
  int misplaced = 0;                                 // how often in a row it was not where its owner said that it lives
  absl::Status error;                                // of kDead
  int32_t max_task_retries = 0;
  std::deque<TaskRecord*> waiting;    // in the order called
  std::deque<TaskRecord*> in_flight;  // in the order sent
  std::vector<TaskRecord*> batch;     // the last of in_flight, not sent yet
  size_t batch_bytes = 0;
  bool dirty = false;
  size_t active = kInactive;  // its place among those with a worker
  bool unheard = false;       // in the list of those whose worker is to be told which answers came
  uint64_t session = 0;       // of this process with the actor: a later one numbers its calls anew
  uint64_t last_call = 0;     // the number of the last call that was sent to this incarnation
  uint64_t heard = 0;         // up to this one the worker knows that their answers have come

  // All calls with this number or a lower one have been answered.
  uint64_t AnsweredUpTo() const { return in_flight.empty() ? last_call : in_flight.front()->call_sequence - 1; }
};

// For messages: "actor Counter "hits"".
std::string NameOf(const ActorState& state);
// "... has died: " and the reason.
absl::Status DeathOf(const ActorState& state, const absl::Status& why);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_ACTOR_STATE_H_

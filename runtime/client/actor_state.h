// What a process knows of an actor that it has made or calls. Made and changed by the ActorCaller, on its executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_ACTOR_STATE_H_
#define IOCLUSTER_RUNTIME_CLIENT_ACTOR_STATE_H_

#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/network.h"
#include "runtime/client/peers.h"
#include "runtime/client/task_record.h"

namespace ioc {

// The last checkpoint of an actor that this process owns. What it views lies in `words`; the references in it are held.
struct KeptCheckpoint {
  std::vector<uint64_t> words;
  KeepCheckpoint message;
  std::vector<ObjectRecord*> refs;
  ObjectRecord* state = nullptr;  // the state, if it is stored; held
};

// Shared by the actor's record and by callbacks on their way.
struct ActorState {
  // kLeaving: it has left its worker, and calls that were sent there are still answered.
  enum class Phase { kStarting, kConnecting, kAlive, kLeaving, kDead };
  static constexpr size_t kInactive = ~size_t{0};

  ObjectRecord* record = nullptr;  // null once nobody refers to the actor
  std::string type;
  Phase phase = Phase::kStarting;
  bool owned = false;
  bool resolving = false;
  ProcessAddress worker;
  std::string node_name;
  uint32_t incarnation = 0;
  Peer* peer = nullptr;
  absl::Time out_of_reach = absl::InfiniteFuture();  // since when its worker can't be dialled
  absl::Status error;                                // of kDead
  std::deque<TaskRecord*> waiting;                   // in the order called
  std::deque<TaskRecord*> in_flight;                 // in the order sent
  std::vector<TaskRecord*> batch;                    // the last of in_flight, not sent yet
  size_t batch_bytes = 0;
  bool dirty = false;
  size_t active = kInactive;  // its place among those with a worker
  bool unheard = false;       // in the list of those whose worker is to be told which answers came
  uint64_t session = 0;       // of this process with the actor: a later one numbers its calls anew
  uint64_t last_call = 0;     // the number of the last call that was sent to this incarnation
  uint64_t heard = 0;         // up to this one the worker knows that their answers have come

  // Of one that this process owns:
  ActorOptions options;
  SchedulingClass spec;
  LeaseId lease;
  uint64_t creation = 0;       // sequence of the constructor's task, while it is under way
  internal::Call constructor;  // without references: those are in the records below
  std::vector<ObjectRecord*> dependencies;
  std::vector<ObjectRecord*> refs;
  int restarts_left = 0;
  int misplaced = 0;            // how often in a row it was not where its owner said that it lives
  bool remaking = false;        // killed, to be made again
  uint64_t checkpoint_ids = 0;  // of this incarnation: see TaskSpec
  std::shared_ptr<KeptCheckpoint> checkpoint;
  std::map<uint64_t, FrameHeader> asking;  // ResolveActor calls that wait, by link

  // All calls with this number or a lower one have been answered.
  uint64_t AnsweredUpTo() const { return in_flight.empty() ? last_call : in_flight.front()->call_sequence - 1; }
};

// For messages: "actor Counter "hits"".
std::string NameOf(const ActorState& state);

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_ACTOR_STATE_H_

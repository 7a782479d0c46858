// Owns the actors that this process has made, until nobody refers to them: has the constructor of each run, under a
// dedicated lease or in a shared host, and again when its worker ends, if it may be restarted; keeps its name and its
// last checkpoint; tells others where it lives, and ends it.
//
// The seam with the ActorCaller: this class says of an incarnation that it begins and where (Found), that it is to
// leave its worker, and that the actor is dead. The caller has the connection with the worker, and says when there is
// one and when the incarnation is over (ActorCallerHooks). So how a worker is reached is the caller's affair, and
// whether there is another incarnation is this class's.
//
// Lives on the client's executor. Invariants:
// 1. There is an OwnedActor as long as anybody refers to the actor, also when it is dead.
// 2. While kMaking, its name is being registered or its constructor is under way (`creation`); at most one is.
// 3. While kAlive or kLeaving, the ActorCaller has Found it at `at`, and will say OnActorOver once.
#ifndef IOCLUSTER_RUNTIME_CLIENT_ACTOR_OWNER_H_
#define IOCLUSTER_RUNTIME_CLIENT_ACTOR_OWNER_H_

#include <absl/container/flat_hash_map.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/actor_caller.h"
#include "runtime/client/actor_construction.h"
#include "runtime/client/peer_reach.h"
#include "runtime/client/shared_hosts.h"
#include "runtime/client/store_copies.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {

class ActorOwner final : public ActorEvents, public ActorCallerHooks {
 public:
  ActorOwner(Env& env, NodeLink& node, PeerTable& peers, ObjectTable& objects, TaskBook& book, Borrowing& borrowing,
             PeerReach& reach, StoreClient& store, TaskDispatcher& dispatcher, SharedHosts& hosts, ActorCaller& caller);

  // A new actor; the record comes unheld. `constructor` keeps its references.
  ObjectRecord& Create(internal::Call& constructor, const ActorOptions& options, std::string_view type);
  // Ends it at once; kActorDied if it was forgotten.
  absl::Status Kill(ObjectId actor, bool no_restart);

  void OnResolveActor(PeerLink& link, const FrameHeader& request, const ResolveActor& message);
  void OnKillActor(PeerLink& link, const FrameHeader& request, const KillActor& kill);
  // An encoded KeepCheckpoint.
  absl::Status OnKeepCheckpoint(PeerLink& link, const FrameHeader& request, std::span<const std::byte> body);
  // Nobody refers to the actor any more: it ends. After the ActorCaller's.
  void OnDead(ObjectRecord& record);
  // Nothing is begun any more.
  void Clear() {
    closed_ = true;
    copies_.Clear();
  }

 private:
  // kLeaving: it was killed, to be made again, and what was sent to its worker is not accounted for yet.
  enum class Phase { kMaking, kAlive, kLeaving, kDead };

  struct OwnedActor {
    explicit OwnedActor(ObjectRecord& record) : record(record) {}

    ObjectRecord& record;  // its name for messages is in `record.actor`
    Phase phase = Phase::kMaking;
    ActorPlace at;       // of its last incarnation
    absl::Status error;  // of kDead
    int restarts_left = 0;
    SchedulingClass spec;
    std::shared_ptr<Construction> construction;
    internal::Call constructor;  // without references: those are in the records below
    std::vector<ObjectRecord*> dependencies;
    std::vector<ObjectRecord*> refs;
    uint64_t next_checkpoint = 0;            // the ids of those that came from this incarnation are lower
    uint64_t creation = 0;                   // sequence of the constructor's task, while it is under way
    std::map<uint64_t, FrameHeader> asking;  // ResolveActor calls that wait, by link

    const ActorOptions& options() const { return construction->options; }
  };

  struct Stopping {
    ActorPlace place;
    ObjectId actor;
    bool force = false;
    absl::Time until;
  };

  void OnActorConstructed(TaskRecord& creation, const ProcessAddress& worker, const std::string& node_name) override;
  void OnActorFailed(TaskRecord& creation, const absl::Status& error) override;
  bool MayLive(const ObjectRecord& record) const override;
  void OnActorReached(ObjectRecord& record) override;
  void OnActorOver(ObjectRecord& record, const WorkerEnd& end) override;

  OwnedActor* Find(ObjectId id) const;
  OwnedActor& Get(const ObjectRecord& record) const;
  void RegisterName(OwnedActor& actor);
  void ReleaseName(const OwnedActor& actor);
  // What listings are to say of it, if it has a name.
  void Note(const OwnedActor& actor, ActorPhase phase);
  void Construct(OwnedActor& actor);
  void ReleaseConstructor(OwnedActor& actor);
  void AnswerAsking(OwnedActor& actor);
  // Also destroys the actor, if only its calls refer to it.
  void Die(OwnedActor& actor, const absl::Status& error);
  // Its worker is told; one of its own ends with it.
  void LeaveWorker(const OwnedActor& actor, bool force);
  void Stop(const OwnedActor& actor, bool force);
  void Stop(const Stopping& stopping);
  // actor_owner_checkpoints.cc
  void SetIdsApart(OwnedActor& actor);
  // Has its state in the own node's store, if it is stored.
  void BringHome(const std::shared_ptr<KeptCheckpoint>& kept);
  void EndCheckpoint(const std::shared_ptr<KeptCheckpoint>& kept, absl::Status status);
  // What its worker may have stored for checkpoints that never came here: those before the one with the sequence `end`;
  // or, if it is over, the one that would have come next.
  void FreeUnheard(OwnedActor& actor, uint64_t end);
  void FreeUnheard(OwnedActor& actor);
  void Release(KeptCheckpoint& kept);
  void ReleaseCheckpoint(OwnedActor& actor);

  Env& env_;
  NodeLink& node_;
  PeerTable& peers_;
  ObjectTable& objects_;
  TaskBook& book_;
  Borrowing& borrowing_;
  PeerReach& reach_;
  StoreClient& store_;
  TaskDispatcher& dispatcher_;
  SharedHosts& hosts_;
  ActorCaller& caller_;
  absl::flat_hash_map<ObjectId, std::unique_ptr<OwnedActor>> actors_;
  StoreCopies copies_;
  bool closed_ = false;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_ACTOR_OWNER_H_

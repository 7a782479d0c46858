#include "runtime/client/actor_owner.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

absl::Status HasEnded(ObjectId actor) {
  return MakeError(Cause::kActorDied, absl::StrCat("actor ", actor.ToString(), " has ended"));
}

}  // namespace

ActorOwner::ActorOwner(Env& env, NodeLink& node, PeerTable& peers, ObjectTable& objects, TaskBook& book,
                       Borrowing& borrowing, PeerReach& reach, StoreClient& store, TaskDispatcher& dispatcher,
                       SharedHosts& hosts, ActorCaller& caller)
    : env_(env),
      node_(node),
      peers_(peers),
      objects_(objects),
      book_(book),
      borrowing_(borrowing),
      reach_(reach),
      store_(store),
      dispatcher_(dispatcher),
      hosts_(hosts),
      caller_(caller),
      copies_(env, store) {}

ActorOwner::OwnedActor* ActorOwner::Find(ObjectId id) const {
  const auto found = actors_.find(id);
  return found == actors_.end() ? nullptr : found->second.get();
}

ActorOwner::OwnedActor& ActorOwner::Get(const ObjectRecord& record) const {
  OwnedActor* const actor = Find(record.id());
  IOC_CHECK(actor != nullptr) << "an actor's owner has forgotten it";
  return *actor;
}

// --- making it ---

ObjectRecord& ActorOwner::Create(internal::Call& constructor, const ActorOptions& options, std::string_view type) {
  ObjectRecord& record = objects_.Create(book_.NextId());
  objects_.Hold(record);  // what fails at once must not take it away before there is a reference
  caller_.Begin(record, type, options);
  auto owned = std::make_unique<OwnedActor>(record);
  OwnedActor& actor = *owned;
  actors_[record.id()] = std::move(owned);
  actor.restarts_left = options.max_restarts;
  actor.construction = std::make_shared<Construction>();
  actor.construction->options = options;
  actor.constructor.function = constructor.function;
  actor.constructor.payload = std::move(constructor.payload);
  actor.constructor.num_returns = 0;
  auto hold_all = [this](const std::vector<internal::Ref>& refs, std::vector<ObjectRecord*>& records) {
    for (const internal::Ref& ref : refs) {
      records.push_back(static_cast<ObjectRecord*>(ref.get()));
      objects_.Hold(*records.back());
    }
  };
  hold_all(constructor.dependencies, actor.dependencies);
  hold_all(constructor.refs, actor.refs);
  absl::StatusOr<SchedulingClass> spec = TaskDispatcher::ClassOf(options);
  if (!spec.ok()) {
    Die(actor, WithContext(spec.status(), NameOf(*record.actor)));
  } else {
    actor.spec = *std::move(spec);
    options.name.empty() ? Construct(actor) : RegisterName(actor);
  }
  --record.holds;
  return record;
}

void ActorOwner::RegisterName(OwnedActor& actor) {
  objects_.Hold(actor.record);
  const RegisterActorName request{.name_space = actor.options().name_space,
                                  .name = actor.options().name,
                                  .type = actor.record.actor->type,
                                  .actor = borrowing_.Export(actor.record)};
  node_.Call(request, kBorrowTimeout, [this, &actor](const absl::StatusOr<RegisterActorName::Reply>& reply) {
    ObjectRecord& record = actor.record;
    if (actor.phase == Phase::kDead) {
      // Killed meanwhile, and the name given back.
    } else if (reply.ok()) {
      Construct(actor);
    } else {
      // Who asks for it must not take the head's absence for a connection of its own that broke.
      const bool away = CauseOf(reply.status()) == Cause::kDisconnected;
      Die(actor,
          MakeError(away ? Cause::kActorDied : CauseOf(reply.status()),
                    absl::StrCat(NameOf(*record.actor), " can't be made: ", std::string(reply.status().message()))));
    }
    objects_.Drop(record);
  });
}

void ActorOwner::Construct(OwnedActor& actor) {
  internal::Call call;
  call.function = actor.constructor.function;
  call.payload = actor.constructor.payload;
  call.num_returns = 0;
  if (actor.restarts_left == 0) call.payload = std::move(actor.constructor.payload);
  TaskRecord& task = book_.Create(TaskKind::kCreateActor, call, 0);
  task.actor = &actor.record;
  objects_.Hold(actor.record);
  task.construction = actor.construction;
  task.dependencies = actor.dependencies;
  task.refs = actor.refs;
  for (ObjectRecord* held : task.dependencies) objects_.Hold(*held);
  for (ObjectRecord* held : task.refs) objects_.Hold(*held);
  task.retries_left = 3;  // a worker that dies before its constructor has begun is not the actor's fault
  actor.creation = task.sequence;
  SetIdsApart(actor);
  if (actor.options().shared_process) {
    hosts_.Submit(task, actor.spec);
  } else {
    dispatcher_.Submit(task, actor.spec);
  }
}

void ActorOwner::OnActorConstructed(TaskRecord& creation, const ProcessAddress& worker, const std::string& node_name) {
  OwnedActor& actor = Get(*creation.actor);
  actor.creation = 0;
  actor.at = {.worker = worker, .node_name = node_name, .incarnation = actor.at.incarnation + 1};
  if (actor.phase == Phase::kDead) return LeaveWorker(actor, /*force=*/true);  // killed meanwhile
  actor.phase = Phase::kAlive;
  if (actor.restarts_left == 0) ReleaseConstructor(actor);
  Note(actor, ActorPhase::kAlive);
  caller_.Found(actor.record, actor.at);
}

void ActorOwner::OnActorFailed(TaskRecord& creation, const absl::Status& error) {
  OwnedActor& actor = Get(*creation.actor);
  actor.creation = 0;
  if (actor.phase == Phase::kDead) return;  // killed meanwhile
  const Cause cause = CauseOf(error);
  const bool plain =
      cause == Cause::kUnschedulable || cause == Cause::kProgramMissing || cause == Cause::kInvalidArgument;
  Die(actor,
      MakeError(plain ? cause : Cause::kActorDied,
                absl::StrCat(NameOf(*actor.record.actor), " could not be made: ", std::string(error.message()))));
}

void ActorOwner::ReleaseConstructor(OwnedActor& actor) {
  objects_.DropAll(std::exchange(actor.dependencies, {}));
  objects_.DropAll(std::exchange(actor.refs, {}));
}

void ActorOwner::ReleaseName(const OwnedActor& actor) {
  const ActorOptions& options = actor.options();
  if (!options.name.empty()) node_.Notify(ReleaseActorName{options.name_space, options.name, actor.record.id()});
}

void ActorOwner::Note(const OwnedActor& actor, ActorPhase phase) {
  if (actor.options().name.empty()) return;
  node_.Notify(NoteActor{.name_space = actor.options().name_space,
                         .name = actor.options().name,
                         .actor = actor.record.id(),
                         .phase = phase,
                         .node_name = actor.at.node_name,
                         .restarts = actor.at.incarnation - (phase == ActorPhase::kAlive ? 1 : 0)});
}

// --- where it lives ---

void ActorOwner::OnResolveActor(PeerLink& link, const FrameHeader& request, const ResolveActor& message) {
  OwnedActor* const actor = Find(message.actor);
  if (actor == nullptr) return link.channel->Fail(request, HasEnded(message.actor));
  auto [asking, first] = actor->asking.try_emplace(link.id, request);
  // Who asks again has given the earlier question up.
  if (!first) link.channel->Fail(std::exchange(asking->second, request), absl::CancelledError("asked again"));
  AnswerAsking(*actor);
  caller_.Reach(actor->record);
}

void ActorOwner::OnActorReached(ObjectRecord& record) { AnswerAsking(Get(record)); }

void ActorOwner::AnswerAsking(OwnedActor& actor) {
  const bool dead = actor.phase == Phase::kDead;
  if (!dead && !(actor.phase == Phase::kAlive && caller_.IsReached(actor.record))) return;
  for (const auto& [id, request] : std::exchange(actor.asking, {})) {
    PeerLink* link = peers_.FindLink(id);
    if (link == nullptr) continue;
    if (dead) {
      link->channel->Fail(request, actor.error);
    } else {
      link->channel->Reply(request, ResolveActor::Reply{.worker = actor.at.worker,
                                                        .incarnation = actor.at.incarnation,
                                                        .node_name = actor.at.node_name,
                                                        .max_task_retries = actor.options().max_task_retries});
    }
  }
}

// --- its end ---

bool ActorOwner::MayLive(const ObjectRecord& record) const { return Get(record).restarts_left != 0; }

void ActorOwner::OnActorOver(ObjectRecord& record, const WorkerEnd& end) {
  OwnedActor& actor = Get(record);
  FreeUnheard(actor);
  if (end.running && actor.phase == Phase::kAlive) hosts_.OnActorLeft(actor.at.worker.process);
  actor.phase = Phase::kMaking;
  if (actor.restarts_left == 0) return Die(actor, DeathOf(*record.actor, end.error));
  if (actor.restarts_left > 0) --actor.restarts_left;
  Note(actor, ActorPhase::kPlacing);
  Construct(actor);
}

void ActorOwner::Die(OwnedActor& actor, const absl::Status& error) {
  actor.phase = Phase::kDead;
  actor.error = error;
  ReleaseConstructor(actor);
  FreeUnheard(actor);
  ReleaseCheckpoint(actor);
  if (CauseOf(error) != Cause::kInvalidArgument) ReleaseName(actor);
  AnswerAsking(actor);
  caller_.Die(actor.record, error);
}

void ActorOwner::OnDead(ObjectRecord& record) {
  OwnedActor* const actor = Find(record.id());
  if (actor == nullptr) return;
  if (actor->phase != Phase::kDead) ReleaseName(*actor);
  if (actor->phase == Phase::kAlive) LeaveWorker(*actor, /*force=*/false);
  ReleaseConstructor(*actor);
  FreeUnheard(*actor);
  ReleaseCheckpoint(*actor);
  actors_.erase(record.id());
}

void ActorOwner::OnKillActor(PeerLink& link, const FrameHeader& request, const KillActor& kill) {
  const absl::Status killed = Kill(kill.actor, kill.no_restart);
  if (!killed.ok()) return link.channel->Fail(request, killed);
  link.channel->Reply(request, KillActor::Reply{});
}

absl::Status ActorOwner::Kill(ObjectId id, bool no_restart) {
  OwnedActor* const actor = Find(id);
  if (actor == nullptr) return HasEnded(id);
  if (actor->phase == Phase::kDead) return absl::OkStatus();
  if (!no_restart && actor->restarts_left != 0) {
    if (actor->phase != Phase::kAlive) return absl::OkStatus();
    if (!actor->options().shared_process) {
      Stop(*actor, /*force=*/true);  // it is made again when its worker has ended
    } else {
      LeaveWorker(*actor, /*force=*/true);
      actor->phase = Phase::kLeaving;
      caller_.Leave(actor->record);
    }
    return absl::OkStatus();
  }
  if (actor->phase == Phase::kAlive) LeaveWorker(*actor, /*force=*/true);  // also if it is out of reach just now
  const uint64_t creation = actor->creation;
  const bool shared = actor->options().shared_process;
  Die(*actor, MakeError(Cause::kActorDied, absl::StrCat(NameOf(*actor->record.actor), " was killed")));
  if (TaskRecord* const task = creation == 0 ? nullptr : book_.Find(creation)) {
    shared ? hosts_.Cancel(*task) : dispatcher_.Cancel(*task, /*force=*/true);
  }
  return absl::OkStatus();
}

void ActorOwner::LeaveWorker(const OwnedActor& actor, bool force) {
  Stop(actor, force);
  if (actor.options().shared_process) hosts_.OnActorLeft(actor.at.worker.process);
}

void ActorOwner::Stop(const OwnedActor& actor, bool force) {
  Stop({.place = actor.at,
        .actor = actor.record.id(),
        .force = force,
        .until = env_.executor().Now() + kActorOutOfReach});
}

// Nobody else would tell the worker, if only the connection with it broke: it is told again until it has answered or
// ended.
void ActorOwner::Stop(const Stopping& stopping) {
  if (closed_ || env_.executor().Now() >= stopping.until) return;
  reach_.With(stopping.place.worker, [this, stopping](absl::StatusOr<Peer*> peer) {
    if (!peer.ok()) return;
    const StopActor stop{.actor = stopping.actor, .force = stopping.force, .incarnation = stopping.place.incarnation};
    (*peer)->channel().Call(stop, kBorrowTimeout, [this, stopping](const absl::StatusOr<StopActor::Reply>& reply) {
      if (CauseOf(reply.status()) == Cause::kDisconnected) Stop(stopping);
    });
  });
}

}  // namespace ioc

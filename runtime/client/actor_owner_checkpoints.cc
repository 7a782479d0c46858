// The part of ActorOwner that keeps the actors' checkpoints. A state that is stored lies in the store of this process's
// node: one that comes from another node is copied, and its checkpoint takes the place of the one before, and is
// answered, when it is here.
#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_owner.h"

namespace ioc {
namespace {

// Ids that one incarnation may use for checkpoints that are stored.
constexpr uint64_t kCheckpointIds = uint64_t{1} << 32;
// Messages in a row of which it is thought that they were lost with a connection.
constexpr uint64_t kMaxUnheardCheckpoints = 64;

}  // namespace

// One that is not made again wants no checkpoints.
void ActorOwner::SetIdsApart(OwnedActor& actor) {
  const uint64_t ids = actor.restarts_left == 0 ? 0 : book_.NextId(kCheckpointIds).sequence;
  actor.construction->checkpoint_ids = ids;
  actor.next_checkpoint = ids;
}

absl::Status ActorOwner::OnKeepCheckpoint(PeerLink& link, const FrameHeader& request, std::span<const std::byte> body) {
  auto kept = std::make_shared<KeptCheckpoint>();
  kept->words.resize(body.size() / sizeof(uint64_t));
  std::memcpy(kept->words.data(), body.data(), body.size());
  IOC_RETURN_IF_ERROR(Decode(std::as_bytes(std::span(kept->words)), kept->message));
  const ProcessId sender = link.peer->process;
  const auto import = [&](const WireValue& value) {
    for (ObjectRecord* record : borrowing_.ImportReceived(value.refs, sender)) kept->refs.push_back(record);
  };
  Checkpoint& checkpoint = kept->message.checkpoint;
  import(checkpoint.state);
  for (const SavedCall& call : checkpoint.calls) {
    for (const WireValue& value : call.result.returns) import(value);
    for (const SavedItem& item : call.items) import(item.value);
  }
  kept->id = {book_.self(), checkpoint.state.id.sequence};
  kept->link = link.id;
  kept->request = request;
  OwnedActor* const actor = Find(kept->message.actor);
  const bool current = actor != nullptr && actor->phase == Phase::kAlive && actor->at.worker.process == sender &&
                       actor->at.incarnation == kept->message.incarnation &&
                       kept->id.sequence >= actor->next_checkpoint &&
                       kept->id.sequence < actor->construction->checkpoint_ids + kCheckpointIds;
  const bool stored = checkpoint.state.kind == ValueKind::kStored;
  if (!current) {
    if (stored && objects_.Find(kept->id) == nullptr) store_.Free(kept->id, checkpoint.state.copies);
    EndCheckpoint(kept, MakeError(Cause::kActorDied, "this incarnation of the actor is over"));
    return absl::OkStatus();
  }
  FreeUnheard(*actor, kept->id.sequence);
  actor->next_checkpoint = kept->id.sequence + 1;
  stored ? BringHome(kept) : EndCheckpoint(kept, absl::OkStatus());
  return absl::OkStatus();
}

void ActorOwner::BringHome(const std::shared_ptr<KeptCheckpoint>& kept) {
  WireValue& state = kept->message.checkpoint.state;
  const auto settle = [this, kept](ObjectId id) {
    kept->state = &objects_.Create(id);
    objects_.Hold(*kept->state);
    objects_.SettleStored(*kept->state, kept->message.checkpoint.state.size, {ObjectCopy{book_.node()}}, {});
  };
  const bool is_here = std::any_of(state.copies.begin(), state.copies.end(),
                                   [this](const ObjectCopy& copy) { return copy.node == book_.node(); });
  if (is_here) {
    settle(kept->id);
    return EndCheckpoint(kept, absl::OkStatus());
  }
  const ObjectId copy = book_.NextId();
  copies_.Copy(kept->id, state.size, state.copies, copy, [this, kept, settle, copy](const absl::Status& copied) {
    WireValue& state = kept->message.checkpoint.state;
    store_.Free(kept->id, state.copies);
    if (copied.ok()) {
      settle(copy);
      state.id = copy;
      state.copies = {ObjectCopy{book_.node()}};
    }
    EndCheckpoint(kept, copied);
  });
}

// It is here, or never will be.
void ActorOwner::EndCheckpoint(const std::shared_ptr<KeptCheckpoint>& kept, absl::Status status) {
  OwnedActor* const actor = Find(kept->message.actor);
  const bool current = actor != nullptr && actor->phase == Phase::kAlive &&
                       actor->at.incarnation == kept->message.incarnation &&
                       actor->next_checkpoint == kept->id.sequence + 1;
  if (status.ok() && !current)
    status = MakeError(Cause::kActorDied, "there is a later one, or none is wanted any more");
  if (status.ok()) {
    ReleaseCheckpoint(*actor);
    actor->construction->checkpoint = kept;
  } else {
    Release(*kept);
  }
  PeerLink* const link = peers_.FindLink(kept->link);
  if (link == nullptr) return;
  status.ok() ? link->channel->Reply(kept->request, KeepCheckpoint::Reply{})
              : link->channel->Fail(kept->request, status);
}

void ActorOwner::FreeUnheard(OwnedActor& actor, uint64_t end) {
  const uint64_t first = std::max(actor.next_checkpoint, end - std::min(end, kMaxUnheardCheckpoints));
  for (uint64_t id = first; id < end; ++id) store_.Free({book_.self(), id}, {ObjectCopy{actor.at.node()}});
}

void ActorOwner::FreeUnheard(OwnedActor& actor) {
  const KeptCheckpoint* const last = actor.construction->checkpoint.get();
  if (last != nullptr && last->state != nullptr) FreeUnheard(actor, actor.next_checkpoint + 1);
}

void ActorOwner::Release(KeptCheckpoint& kept) {
  objects_.DropAll(std::exchange(kept.refs, {}));
  if (kept.state != nullptr) objects_.Drop(*std::exchange(kept.state, nullptr));
}

void ActorOwner::ReleaseCheckpoint(OwnedActor& actor) {
  if (const auto kept = std::exchange(actor.construction->checkpoint, nullptr)) Release(*kept);
}

}  // namespace ioc

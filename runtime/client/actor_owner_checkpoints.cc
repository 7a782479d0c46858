// The part of ActorOwner that keeps the actors' checkpoints.
#include <absl/strings/str_cat.h>

#include <cstring>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_owner.h"

namespace ioc {
namespace {

// Ids that one incarnation may use for checkpoints that are stored.
constexpr uint64_t kCheckpointIds = uint64_t{1} << 32;

}  // namespace

// One that is not made again wants no checkpoints.
void ActorOwner::SetIdsApart(OwnedActor& actor) {
  actor.construction->checkpoint_ids = actor.restarts_left == 0 ? 0 : book_.NextId(kCheckpointIds).sequence;
}

absl::Status ActorOwner::OnKeepCheckpoint(PeerLink& link, const FrameHeader& request, std::span<const std::byte> body) {
  auto kept = std::make_unique<KeptCheckpoint>();
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
  OwnedActor* const actor = Find(kept->message.actor);
  const bool current = actor != nullptr && actor->phase == Phase::kAlive && actor->at.worker.process == sender &&
                       actor->at.incarnation == kept->message.incarnation;
  const WireValue& saved = checkpoint.state;
  const bool stored = saved.kind == ValueKind::kStored;
  if (!current || (stored && objects_.Find(saved.id) != nullptr)) {
    Release(*kept);
    link.channel->Fail(request, MakeError(Cause::kActorDied, "this incarnation of the actor is over"));
    return absl::OkStatus();
  }
  if (stored) {
    kept->state = &objects_.Create({book_.self(), saved.id.sequence});
    objects_.Hold(*kept->state);
    objects_.SettleStored(*kept->state, saved.size, saved.copies, {});
  }
  ReleaseCheckpoint(*actor);
  actor->construction->checkpoint = std::move(kept);
  link.channel->Reply(request, KeepCheckpoint::Reply{});
  return absl::OkStatus();
}

void ActorOwner::Release(KeptCheckpoint& kept) {
  objects_.DropAll(std::exchange(kept.refs, {}));
  if (kept.state != nullptr) objects_.Drop(*std::exchange(kept.state, nullptr));
}

void ActorOwner::ReleaseCheckpoint(OwnedActor& actor) {
  if (const auto kept = std::exchange(actor.construction->checkpoint, nullptr)) Release(*kept);
}

void ActorOwner::DropCheckpointIfLost(OwnedActor& actor, const WorkerEnd& end) {
  const KeptCheckpoint* const kept = actor.construction->checkpoint.get();
  if (kept == nullptr || kept->state == nullptr || CauseOf(end.error) != Cause::kNodeDied) return;
  env_.Log(LogLevel::kWarning, absl::StrCat("the last checkpoint of ", NameOf(*actor.record.actor), " (",
                                            kept->state->size, " bytes) is lost with node ", actor.at.node_name,
                                            "; it is made again by its constructor alone"));
  ReleaseCheckpoint(actor);
}

}  // namespace ioc

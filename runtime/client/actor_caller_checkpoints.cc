// The part of ActorCaller that keeps the checkpoints of this process's actors.
#include <absl/strings/str_cat.h>

#include <cstring>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/actor_caller.h"

namespace ioc {
namespace {

// Ids that one incarnation may use for checkpoints that are stored.
constexpr uint64_t kCheckpointIds = uint64_t{1} << 32;

}  // namespace

bool ActorCaller::WantsCheckpoints(const ActorState& state) const { return state.restarts_left != 0; }

void ActorCaller::SetIdsApart(ActorState& state) {
  state.checkpoint_ids = WantsCheckpoints(state) ? book_.NextId(kCheckpointIds).sequence : 0;
}

absl::Status ActorCaller::OnKeepCheckpoint(PeerLink& link, const FrameHeader& request,
                                           std::span<const std::byte> body) {
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
  ObjectRecord* const record = objects_.Find(kept->message.actor);
  const State state = record == nullptr ? nullptr : record->actor;
  const bool current = state != nullptr && state->owned && state->worker.process == sender &&
                       state->incarnation == kept->message.incarnation && state->phase == ActorState::Phase::kAlive;
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
  ReleaseCheckpoint(*state);
  state->checkpoint = std::move(kept);
  link.channel->Reply(request, KeepCheckpoint::Reply{});
  return absl::OkStatus();
}

void ActorCaller::Release(KeptCheckpoint& kept) {
  objects_.DropAll(std::exchange(kept.refs, {}));
  if (kept.state != nullptr) objects_.Drop(*std::exchange(kept.state, nullptr));
}

void ActorCaller::ReleaseCheckpoint(ActorState& state) {
  if (const std::shared_ptr<KeptCheckpoint> kept = std::exchange(state.checkpoint, nullptr)) Release(*kept);
}

void ActorCaller::DropCheckpointIfLost(ActorState& state, const WorkerEnd& end) {
  if (state.checkpoint == nullptr || state.checkpoint->state == nullptr || CauseOf(end.error) != Cause::kNodeDied)
    return;
  env_.Log(LogLevel::kWarning,
           absl::StrCat("the last checkpoint of ", NameOf(state), " (", state.checkpoint->state->size,
                        " bytes) is lost with node ", state.node_name, "; it is made again by its constructor alone"));
  ReleaseCheckpoint(state);
}

}  // namespace ioc

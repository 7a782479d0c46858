// The part of Client that reads streams.
#include <absl/cleanup/cleanup.h>

#include "lib/base/status.h"
#include "runtime/client/client.h"
#include "runtime/client/settle_waiter.h"

namespace ioc {

void Client::WhenItemReady(const internal::Ref& stream, absl::Time deadline,
                           std::shared_ptr<internal::ReadyListener> listener) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* const end = RecordOf(stream);
  if (end == nullptr || !closed_.ok()) return listener->OnReady(absl::OkStatus());  // NextItem says what is wrong
  waits_.ForItem(*end, deadline, std::move(listener));
  env_->executor().Expedite();
}

absl::StatusOr<internal::Ref> Client::NextItem(const internal::Ref& stream, absl::Time deadline) {
  IOC_RETURN_IF_ERROR(MayWait("Next", deadline));
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* const end = RecordOf(stream);
  if (end == nullptr) return MakeError(Cause::kInvalidArgument, "Next of a stream of another cluster");
  const uint64_t sequence = end->id().sequence;
  while (true) {
    if (ObjectRecord* item = streams_.Take(sequence)) {
      internal::Ref ref = objects_.MakeRef(*item);
      objects_.Drop(*item);
      return ref;
    }
    if (end->state == ObjectState::kFailed) return end->error;
    if (end->settled()) return internal::Ref();
    SettleWaiter settle(env_->executor(), objects_, {end}, 1);
    streams_.Listen(sequence, settle.waiter);
    const absl::Cleanup unlisten = [&] { streams_.Unlisten(sequence, settle.waiter); };
    const std::vector<ObjectRecord*> awaited = {end};
    const bool notified = Block(settle.waiter, deadline, &awaited);
    if (!notified) return MakeError(Cause::kDeadline, "the stream's next item was not there when the deadline passed");
  }
}

void Client::CloseStream(const internal::Ref& stream) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* const end = RecordOf(stream);
  if (end == nullptr) return;
  TaskRecord* const task = book_.Find(end->id().sequence);
  if (task != nullptr) book_.NoteClosed(*task);
  if (streams_.Close(end->id().sequence) && task != nullptr) CancelCall(*task, /*force=*/false);
}

absl::Status Client::TakeItem(PeerLink& link, const FrameView& frame) {
  StreamItem item;
  IOC_RETURN_IF_ERROR(Decode(frame.body, item));
  const TaskRecord* task = book_.Find(item.sequence);
  const ProcessAddress* worker = nullptr;
  if (task != nullptr && task->kind == TaskKind::kActorCall) worker = &task->actor->actor->at.worker;
  if (task != nullptr && task->lease != nullptr) worker = &task->lease->worker;
  const bool expected = worker != nullptr && worker->process == link.peer->process && task->stream_window > 0 &&
                        task->attempt == item.attempt;
  if (expected) {
    streams_.OnItem(link, *task, item, NodeOf(*worker));
  } else {
    book_.Discard(item, *link.peer);
  }
  return absl::OkStatus();
}

}  // namespace ioc

// The part of Client that takes messages from its node and from other processes, to whom they are for.
#include <absl/strings/str_cat.h>

#include <cstring>
#include <utility>

#include "lib/base/status.h"
#include "runtime/client/client.h"

namespace ioc {

absl::Status Client::OnNodeMessage(Channel& channel, FrameView frame) {
  switch (static_cast<Method>(frame.header.method)) {
    case Method::kLeaseGranted:
      return Take<LeaseGranted>(frame, [this](const LeaseGranted& granted) { dispatcher_.OnLeaseGranted(granted); });
    case Method::kDemandRefused:
      return Take<DemandRefused>(frame, [this](const DemandRefused& refused) { dispatcher_.OnDemandRefused(refused); });
    case Method::kDemandWarning:
      return Take<DemandWarning>(frame, [this](const DemandWarning& warning) { dispatcher_.OnDemandWarning(warning); });
    case Method::kHandOver:
      for (Attachment& attachment : frame.attachments) {
        if (auto* connection = std::get_if<std::unique_ptr<Connection>>(&attachment))
          peers_.Accept(std::move(*connection));
      }
      return absl::OkStatus();
    case Method::kReleaseUnused:
      return Take<ReleaseUnused>(frame, [this](const ReleaseUnused&) { store_.ReleaseUnused(); });
    case Method::kAssignLease:
      return Take<AssignLease>(frame, [&](const AssignLease& lease) {
        if (worker_ != nullptr) worker_->OnAssignLease(lease);
        channel.Reply(frame.header, AssignLease::Reply{});
      });
    case Method::kConstructActor:
      return Take<ConstructActor>(frame, [this](const ConstructActor& construct) {
        if (worker_ != nullptr) worker_->OnConstructActor(construct);
      });
    case Method::kRecallLease:
      return Take<RecallLease>(frame, [this](const RecallLease& recall) {
        if (worker_ != nullptr) worker_->OnRecallLease(recall.lease);
      });
    case Method::kProcessGone:
      return Take<ProcessGone>(frame, [this](const ProcessGone& gone) {
        lending_.OnProcessGone(gone.process);
        if (worker_ != nullptr) worker_->OnProcessGone(gone.process);
      });
    case Method::kNodeRemoved:
      return Take<NodeRemoved>(frame, [this](const NodeRemoved& m) {
        fates_.OnNodeRemoved(m.node, m.reason);
        peers_.OnNodeRemoved(m.node, m.reason);
        lending_.OnNodeRemoved(m.node);
      });
    case Method::kTakeProcessCensus:
      channel.Reply(frame.header, TakeProcessCensus::Reply{Census()});
      return absl::OkStatus();
    case Method::kStopWorker:
      return Take<StopWorker>(frame, [this](const StopWorker& stop) {
        if (worker_ != nullptr) worker_->OnStop(stop.reason);
      });
    default:
      return MakeError(Cause::kInternal, absl::StrCat("a process does not serve method ", frame.header.method));
  }
}

absl::Status Client::OnPeerMessage(PeerLink& link, FrameView frame) {
  absl::Status status = DispatchPeer(link, frame);
  NoteOwned();
  return status;
}

absl::Status Client::DispatchPeer(PeerLink& link, const FrameView& frame) {
  switch (static_cast<Method>(frame.header.method)) {
    case Method::kTaskResults:
      return TakeResults(link, frame);
    case Method::kStreamItem:
      return TakeItem(link, frame);
    case Method::kLeaseRecalled:
      return Take<LeaseRecalled>(
          frame, [this](const LeaseRecalled& recalled) { dispatcher_.OnLeaseRecalled(recalled.lease); });
    case Method::kResolveObjects:
    case Method::kObjectsResolved:
    case Method::kAddBorrower:
    case Method::kReleaseBorrows:
    case Method::kRefsReceived:
    case Method::kBorrowsRestored:
      return OnBorrowMessage(link, frame);
    case Method::kResolveActor:
    case Method::kKillActor:
    case Method::kFollowWait:
    case Method::kKeepCheckpoint:
    case Method::kTakeOver:
    case Method::kOwnerMoved:
      return OnOwnerMessage(link, frame);
    default:
      return OnWorkerMessage(link, frame);
  }
}

absl::Status Client::OnBorrowMessage(PeerLink& link, const FrameView& frame) {
  const FrameHeader& header = frame.header;
  switch (static_cast<Method>(header.method)) {
    case Method::kResolveObjects:
      return Take<ResolveObjects>(frame, [&](const ResolveObjects& m) { lending_.OnResolveObjects(link, header, m); });
    case Method::kObjectsResolved:
      return Take<ObjectsResolved>(frame,
                                   [&](const ObjectsResolved& m) { borrowing_.OnObjectsResolved(*link.peer, m); });
    case Method::kAddBorrower:
      return Take<AddBorrower>(frame, [&](const AddBorrower& m) {
        lending_.OnAddBorrower(link, header, m);
        owner_moves_.OnBorrowed(link, m.ids);
      });
    case Method::kReleaseBorrows:
      return Take<ReleaseBorrows>(frame, [&](const ReleaseBorrows& m) { lending_.OnReleaseBorrows(*link.peer, m); });
    case Method::kRefsReceived:
      return Take<RefsReceived>(frame, [&](const RefsReceived& m) { lending_.OnRefsReceived(*link.peer, m); });
    default:
      return Take<BorrowsRestored>(frame, [&](const BorrowsRestored&) { lending_.OnBorrowsRestored(*link.peer); });
  }
}

absl::Status Client::OnOwnerMessage(PeerLink& link, const FrameView& frame) {
  const FrameHeader& header = frame.header;
  switch (static_cast<Method>(header.method)) {
    case Method::kTakeOver:
      return Take<TakeOver>(frame, [&](const TakeOver& m) { moved_borrows_.OnTakeOver(link, header, m); });
    case Method::kOwnerMoved:
      return Take<OwnerMoved>(frame, [&](const OwnerMoved& m) { moved_borrows_.OnOwnerMoved(*link.peer, m); });
    case Method::kKeepCheckpoint:
      return actor_owner_.OnKeepCheckpoint(link, header, frame.body);
    case Method::kFollowWait:
      return Take<FollowWait>(frame, [&](const FollowWait& m) {
        if (!m.at_worker) return wait_follower_.OnFollowWait(m);
        if (worker_ != nullptr) worker_->OnFollowWait(link, m);
      });
    case Method::kKillActor:
      return Take<ioc::KillActor>(frame, [&](const ioc::KillActor& m) { actor_owner_.OnKillActor(link, header, m); });
    default:
      return Take<ResolveActor>(frame, [&](const ResolveActor& m) { actor_owner_.OnResolveActor(link, header, m); });
  }
}

absl::Status Client::OnWorkerMessage(PeerLink& link, const FrameView& frame) {
  const Method method = static_cast<Method>(frame.header.method);
  if (worker_ == nullptr) {
    return MakeError(Cause::kInternal, absl::StrCat("a driver does not serve method ", frame.header.method));
  }
  switch (method) {
    case Method::kPushTasks:
      return TakePush(link, frame);
    case Method::kReturnLease:
      return Take<ReturnLease>(frame, [&](const ReturnLease& m) { worker_->OnReturnLease(link, m.lease); });
    case Method::kRecallTasks:
      return Take<RecallTasks>(frame, [&](const RecallTasks& m) { worker_->OnRecallTasks(link, m); });
    case Method::kCancelTask:
      return Take<CancelTask>(frame, [&](const CancelTask& m) { worker_->OnCancelTask(link, m); });
    case Method::kAnswersHeard:
      return Take<AnswersHeard>(frame, [&](const AnswersHeard& m) { worker_->OnAnswersHeard(link, m); });
    case Method::kStopActor:
      return Take<StopActor>(frame, [&](const StopActor& m) { worker_->OnStopActor(link, frame.header, m); });
    case Method::kStreamCredit:
      return Take<StreamCredit>(frame, [&](const StreamCredit& m) { worker_->OnStreamCredit(link, m); });
    default:
      return MakeError(Cause::kInternal, absl::StrCat("a worker does not serve method ", frame.header.method));
  }
}

absl::Status Client::TakePush(PeerLink& link, const FrameView& frame) {
  auto kept = std::make_shared<PushFrame>();
  kept->words.resize(frame.body.size() / sizeof(uint64_t));
  std::memcpy(kept->words.data(), frame.body.data(), frame.body.size());
  IOC_RETURN_IF_ERROR(Decode(std::as_bytes(std::span(kept->words)), kept->push));
  worker_->OnPushTasks(link, std::move(kept));
  return absl::OkStatus();
}

absl::Status Client::TakeResults(PeerLink& link, const FrameView& frame) {
  IOC_RETURN_IF_ERROR(Decode(frame.body, results_));
  for (TaskResult& result : results_.results) {
    TaskRecord* task = book_.Find(result.sequence);
    if (task == nullptr) {
      book_.Discard(result, *link.peer);
    } else if (task->kind == TaskKind::kActorCall) {
      actor_caller_.OnResult(*task, link, result);
    } else if (task->pool != 0) {
      hosts_.OnResult(*task, link, result);
    } else {
      dispatcher_.OnResult(link, result);
    }
  }
  return absl::OkStatus();
}

}  // namespace ioc

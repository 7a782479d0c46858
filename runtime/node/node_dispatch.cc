// Which part of the node answers which message, by who says it: a process of this machine, another node, a tool.
#include <absl/strings/str_cat.h>

#include "lib/base/status.h"
#include "lib/protocol/codec.h"
#include "runtime/node/node_impl.h"

namespace ioc {
namespace {

// What a client's question about a worker leaves for the way back.
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(200);

absl::Duration TimeoutOf(const FrameHeader& request) {
  return request.timeout_ms == 0 ? kHeadCallTimeout : absl::Milliseconds(request.timeout_ms);
}

absl::Status Unexpected(const FrameView& frame, const Session& session) {
  return MakeError(Cause::kInvalidArgument, absl::StrCat("a node can't be asked for method ", frame.header.method,
                                                         " in the role ", static_cast<int>(session.role())));
}

}  // namespace

absl::Status Node::Impl::OnSessionMessage(Session& session, FrameView& frame) {
  switch (session.role()) {
    case Role::kDriver:
    case Role::kWorker:
      return OnProcessMessage(session, frame);
    case Role::kNode:
      return OnNodeMessage(session, frame);
    case Role::kHead:
    case Role::kTool:
      return OnToolMessage(session, frame);
  }
  return Unexpected(frame, session);
}

absl::Status Node::Impl::OnProcessMessage(Session& session, FrameView& frame) {
  const FrameHeader& header = frame.header;
  const Method method = static_cast<Method>(header.method);
  if (method == Method::kRegisterProcess) {
    RegisterProcess registration;
    IOC_RETURN_IF_ERROR(Decode(frame.body, registration));
    return OnRegisterProcess(session, header, registration);
  }
  // A driver asks for its node before it registers anywhere.
  const bool is_heads = (method >= Method::kRegisterNode && method <= Method::kKillDetachedActor) ||
                        method == Method::kListActors || method == Method::kNoteActor;
  if (is_heads) return RelayToHead(session, frame);
  const ProcessId process = session.process();
  if (session.has_left()) return absl::OkStatus();  // said before it left
  if (!process) return MakeError(Cause::kInvalidArgument, "a process must register with its node first");

  absl::Status result;
  switch (method) {
    case Method::kSetDemand: {
      SetDemand demand;
      IOC_RETURN_IF_ERROR(Decode(frame.body, demand));
      return leases_->SetDemand(process, demand);
    }
    case Method::kLeaseEnded:
      return Take<LeaseEnded>(frame, [&](const LeaseEnded& m) { leases_->LeaseEnded(process, m.lease); });
    case Method::kTaskBlocked:
      return Take<TaskBlocked>(frame, [&](const TaskBlocked& m) { leases_->TaskBlocked(process, m.lease, true); });
    case Method::kTaskUnblocked:
      return Take<TaskUnblocked>(frame, [&](const TaskUnblocked& m) { leases_->TaskBlocked(process, m.lease, false); });
    case Method::kGetWorkerFate:
      return Take<GetWorkerFate>(frame,
                                 [&](const GetWorkerFate& m) { OnGetWorkerFate(session.id(), header, m, true); });
    case Method::kLeaveCluster:
      return Take<LeaveCluster>(frame, [&](const LeaveCluster&) { OnLeaveCluster(session); });
    case Method::kActorConstructed:
      return Take<ActorConstructed>(frame, [&](const ActorConstructed& m) { actors_->Constructed(process, m); });
    default:
      return store_->OnProcessMessage(session, frame);
  }
}

absl::Status Node::Impl::OnNodeMessage(Session& session, FrameView& frame) {
  switch (static_cast<Method>(frame.header.method)) {
    case Method::kDescribeProgram:
    case Method::kReadProgram:
      return programs_->OnNodeMessage(session, frame);
    case Method::kGetWorkerFate:
      return Take<GetWorkerFate>(
          frame, [&](const GetWorkerFate& m) { OnGetWorkerFate(session.id(), frame.header, m, false); });
    default:
      return store_->OnNodeMessage(session, frame);
  }
}

absl::Status Node::Impl::OnToolMessage(Session& session, FrameView& frame) {
  switch (static_cast<Method>(frame.header.method)) {
    case Method::kStop:
      session.channel().Reply(frame.header, Stop::Reply{});
      session.channel().Flush();
      StopLater(absl::OkStatus(), absl::StrCat("node ", info_.name, " was stopped"));
      return absl::OkStatus();
    case Method::kPing:
      session.channel().Reply(frame.header, Ping::Reply{});
      return absl::OkStatus();
    default:
      return RelayToHead(session, frame);
  }
}

absl::Status Node::Impl::OnRegisterProcess(Session& session, const FrameHeader& request,
                                           RegisterProcess& registration) {
  absl::Status refused;
  if (!registration.process) {
    refused = MakeError(Cause::kInvalidArgument, "a process registers with the id 0");
  } else if (!session.same_machine()) {
    refused = MakeError(Cause::kInvalidArgument,
                        absl::StrCat("node ", info_.name, " is on another machine than ",
                                     session.channel().description(), "; a process needs a node on its own machine"));
  } else if (session.process() || sessions_->FindProcess(registration.process) != nullptr) {
    refused = MakeError(Cause::kInvalidArgument,
                        absl::StrCat("process ", registration.process.ToString(), " is registered already"));
  }
  if (!refused.ok()) {
    session.channel().Fail(request, refused);
    return absl::OkStatus();
  }
  if (session.role() == Role::kWorker) return RegisterWorker(session, request, registration);

  sessions_->Bind(session, registration.process);
  head_->Notify(ProcessesHere{.processes = {registration.process}});
  const JobId job(registration.process.value());
  programs_->AddJob(job, std::move(registration.program));
  RegisterProcess::Reply reply{.cluster = cluster_,
                               .address = {registration.process, info_.address.node, info_.address.machine,
                                           info_.address.local_address, info_.address.node_address},
                               .job = job,
                               .job_origin = info_.address,
                               .node_name = info_.name};
  Extras extras;
  extras.attachments.push_back(store_->memory());
  session.channel().Reply(request, reply, std::move(extras));
  workers_->AddJob(job, info_.address);
  return absl::OkStatus();
}

absl::Status Node::Impl::RegisterWorker(Session& session, const FrameHeader& request,
                                        const RegisterProcess& registration) {
  absl::StatusOr<WorkerPool::Registration> worker = workers_->Register(session.id(), registration.process);
  if (!worker.ok()) {
    session.channel().Fail(request, worker.status());
    return absl::OkStatus();
  }
  sessions_->Bind(session, registration.process);
  head_->Notify(ProcessesHere{.processes = {registration.process}});
  RegisterProcess::Reply reply{.cluster = cluster_,
                               .address = {registration.process, info_.address.node, info_.address.machine,
                                           info_.address.local_address, info_.address.node_address},
                               .job = worker->job,
                               .job_origin = worker->origin,
                               .node_name = info_.name};
  Extras extras;
  extras.attachments.push_back(store_->memory());
  extras.attachments.push_back(worker->page);
  session.channel().Reply(request, reply, std::move(extras));
  workers_->Registered(session.id());
  return absl::OkStatus();
}

absl::Status Node::Impl::RelayToHead(Session& session, FrameView& frame) {
  const Method method = static_cast<Method>(frame.header.method);
  switch (method) {
    case Method::kReleaseActorName:
      return Take<ReleaseActorName>(frame, [&](const ReleaseActorName& m) { head_->Notify(m); });
    case Method::kNoteActor:
      return Take<NoteActor>(frame, [&](const NoteActor& m) { head_->Notify(m); });
    case Method::kListActors:
    case Method::kListNodes:
    case Method::kListObjects:
    case Method::kFindLocalNode:
    case Method::kRegisterActorName:
    case Method::kFindActorName:
    case Method::kCreateDetachedActor:
    case Method::kLocateActor:
    case Method::kKillDetachedActor:
    case Method::kPing:
    case Method::kGetStatus:
    case Method::kStop:
      break;
    default:
      return Unexpected(frame, session);
  }
  if (frame.header.kind != FrameKind::kRequest) return Unexpected(frame, session);
  head_->CallEncoded(method, frame.body, TimeoutOf(frame.header),
                     life_.Bind([this, id = session.id(), request = frame.header](absl::StatusOr<RawReply> reply) {
                       if (!reply.ok()) return sessions_->Fail(id, request, reply.status());
                       if (Session* session = sessions_->Find(id))
                         session->channel().ReplyEncoded(request, reply->body);
                     }));
  return absl::OkStatus();
}

void Node::Impl::OnGetWorkerFate(SessionId session, const FrameHeader& request, const GetWorkerFate& ask,
                                 bool may_relay) {
  const absl::Duration timeout = TimeoutOf(request);
  if (ask.node.node == info_.address.node || !may_relay) {
    const Session* const asked = sessions_->FindProcess(ask.process);
    if (asked != nullptr && asked->role() == Role::kDriver) {
      return sessions_->Reply(session, request, GetWorkerFate::Reply{.running = true, .known = true});
    }
    // Half of the time is for the ways: a link may have to be dialled for the question. Who hears that it runs asks
    // again.
    return workers_->AskFate(ask.process, timeout / 2,
                             life_.Bind([this, session, request](const GetWorkerFate::Reply& fate) {
                               sessions_->Reply(session, request, fate);
                             }));
  }
  peers_->Call(ask.node, ask, timeout - std::min(kAnswerMargin, timeout / 4),
               life_.Bind([this, session, request](absl::StatusOr<GetWorkerFate::Reply> fate) {
                 if (!fate.ok()) return sessions_->Fail(session, request, fate.status());
                 sessions_->Reply(session, request, *fate);
               }));
}

}  // namespace ioc

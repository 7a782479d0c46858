#include "lib/protocol/actor_messages.h"
#include "lib/protocol/actors.capnp.h"
#include "lib/protocol/common_codec.h"
#include "lib/protocol/wire.h"

namespace ioc {
namespace {

void Write(const DetachedActor& actor, wire::DetachedActor::Builder out) {
  Write(actor.id, out.initId());
  out.setNameSpace(AsText(actor.name_space));
  out.setName(AsText(actor.name));
  out.setType(AsText(actor.type));
  Write(actor.spec, out.initSpec());
  out.setConstructor(AsData(actor.constructor));
  out.setMaxRestarts(actor.max_restarts);
  out.setMaxTaskRetries(actor.max_task_retries);
}
void Read(Budget& budget, wire::DetachedActor::Reader in, DetachedActor& actor) {
  Read(budget, in.getId(), actor.id);
  actor.name_space = AsView(in.getNameSpace());
  actor.name = AsView(in.getName());
  actor.type = AsView(in.getType());
  Read(budget, in.getSpec(), actor.spec);
  actor.constructor = AsView(in.getConstructor());
  actor.max_restarts = in.getMaxRestarts();
  actor.max_task_retries = in.getMaxTaskRetries();
}

void Write(const CreateDetachedActor& request, wire::CreateDetachedActor::Builder out) {
  Write(request.actor, out.initActor());
}
void Read(Budget& budget, wire::CreateDetachedActor::Reader in, CreateDetachedActor& request) {
  Read(budget, in.getActor(), request.actor);
}

void Write(const LocateActor& request, wire::LocateActor::Builder out) { Write(request.actor, out.initActor()); }
void Read(Budget& budget, wire::LocateActor::Reader in, LocateActor& request) {
  Read(budget, in.getActor(), request.actor);
}

void Write(const LocateActor::Reply& reply, wire::LocateActor::Reply::Builder out) {
  Write(reply.worker, out.initWorker());
  out.setIncarnation(reply.incarnation);
  out.setNodeName(AsText(reply.node_name));
  out.setType(AsText(reply.type));
  out.setMaxTaskRetries(reply.max_task_retries);
}
void Read(Budget& budget, wire::LocateActor::Reply::Reader in, LocateActor::Reply& reply) {
  Read(budget, in.getWorker(), reply.worker);
  reply.incarnation = in.getIncarnation();
  reply.node_name = AsView(in.getNodeName());
  reply.type = AsView(in.getType());
  reply.max_task_retries = in.getMaxTaskRetries();
}

void Write(const KillDetachedActor& request, wire::KillDetachedActor::Builder out) {
  Write(request.actor, out.initActor());
  out.setNoRestart(request.no_restart);
}
void Read(Budget& budget, wire::KillDetachedActor::Reader in, KillDetachedActor& request) {
  Read(budget, in.getActor(), request.actor);
  request.no_restart = in.getNoRestart();
}

void Write(const HostActor& request, wire::HostActor::Builder out) {
  Write(request.actor, out.initActor());
  out.setIncarnation(request.incarnation);
  out.setLease(request.lease.value());
  out.setConstructor(AsData(request.constructor));
}
void Read(Budget& budget, wire::HostActor::Reader in, HostActor& request) {
  Read(budget, in.getActor(), request.actor);
  request.incarnation = in.getIncarnation();
  request.lease = LeaseId(in.getLease());
  request.constructor = AsView(in.getConstructor());
}

void Write(const ConstructActor& construct, wire::ConstructActor::Builder out) {
  Write(construct.actor, out.initActor());
  out.setIncarnation(construct.incarnation);
  out.setConstructor(AsData(construct.constructor));
}
void Read(Budget& budget, wire::ConstructActor::Reader in, ConstructActor& construct) {
  Read(budget, in.getActor(), construct.actor);
  construct.incarnation = in.getIncarnation();
  construct.constructor = AsView(in.getConstructor());
}

void Write(const ActorConstructed& constructed, wire::ActorConstructed::Builder out) {
  Write(constructed.actor, out.initActor());
  out.setIncarnation(constructed.incarnation);
  if (!constructed.error.ok()) WriteError(constructed.error, out.initError());
}
void Read(Budget& budget, wire::ActorConstructed::Reader in, ActorConstructed& constructed) {
  Read(budget, in.getActor(), constructed.actor);
  constructed.incarnation = in.getIncarnation();
  constructed.error = in.hasError() ? ReadError(in.getError()) : absl::OkStatus();
}

void Write(const ReportActor& report, wire::ReportActor::Builder out) {
  Write(report.actor, out.initActor());
  out.setIncarnation(report.incarnation);
  out.setState(WriteEnum<wire::HostedState>(report.state));
  Write(report.worker, out.initWorker());
  if (!report.error.ok()) WriteError(report.error, out.initError());
}
void Read(Budget& budget, wire::ReportActor::Reader in, ReportActor& report) {
  Read(budget, in.getActor(), report.actor);
  report.incarnation = in.getIncarnation();
  report.state = ReadEnum(in.getState(), HostedState::kConstructing, HostedState::kEnded, "the state of an actor");
  Read(budget, in.getWorker(), report.worker);
  report.error = in.hasError() ? ReadError(in.getError()) : absl::OkStatus();
}

void Write(const ReportActor::Reply& reply, wire::ReportActor::Reply::Builder out) { out.setUnwanted(reply.unwanted); }
void Read(Budget&, wire::ReportActor::Reply::Reader in, ReportActor::Reply& reply) {
  reply.unwanted = in.getUnwanted();
}

ActorPhase ReadPhase(wire::ActorPhase phase) {
  return ReadEnum(phase, ActorPhase::kPlacing, ActorPhase::kCutOff, "the phase of an actor");
}

void Write(const ActorStatus& actor, wire::ActorStatus::Builder out) {
  Write(actor.id, out.initId());
  out.setNameSpace(AsText(actor.name_space));
  out.setName(AsText(actor.name));
  out.setType(AsText(actor.type));
  out.setPhase(WriteEnum<wire::ActorPhase>(actor.phase));
  out.setNodeName(AsText(actor.node_name));
  out.setRestarts(actor.restarts);
  out.setDetached(actor.detached);
}
void Read(Budget& budget, wire::ActorStatus::Reader in, ActorStatus& actor) {
  Read(budget, in.getId(), actor.id);
  actor.name_space = AsView(in.getNameSpace());
  actor.name = AsView(in.getName());
  actor.type = AsView(in.getType());
  actor.phase = ReadPhase(in.getPhase());
  actor.node_name = AsView(in.getNodeName());
  actor.restarts = in.getRestarts();
  actor.detached = in.getDetached();
}

void Write(const ListActors& request, wire::ListActors::Builder out) {
  out.setOneSpace(request.one_space);
  out.setNameSpace(AsText(request.name_space));
  out.setAfterSpace(AsText(request.after_space));
  out.setAfterName(AsText(request.after_name));
}
void Read(Budget&, wire::ListActors::Reader in, ListActors& request) {
  request.one_space = in.getOneSpace();
  request.name_space = AsView(in.getNameSpace());
  request.after_space = AsView(in.getAfterSpace());
  request.after_name = AsView(in.getAfterName());
}

void Write(const ListActors::Reply& reply, wire::ListActors::Reply::Builder out) {
  auto actors = out.initActors(static_cast<unsigned>(reply.actors.size()));
  for (unsigned i = 0; i < actors.size(); ++i) Write(reply.actors[i], actors[i]);
  out.setMore(reply.more);
}
void Read(Budget& budget, wire::ListActors::Reply::Reader in, ListActors::Reply& reply) {
  const auto actors = in.getActors();
  ResizeFor(budget, actors, reply.actors);
  for (unsigned i = 0; i < actors.size(); ++i) Read(budget, actors[i], reply.actors[i]);
  reply.more = in.getMore();
}

void Write(const NoteActor& note, wire::NoteActor::Builder out) {
  out.setNameSpace(AsText(note.name_space));
  out.setName(AsText(note.name));
  Write(note.actor, out.initActor());
  out.setPhase(WriteEnum<wire::ActorPhase>(note.phase));
  out.setNodeName(AsText(note.node_name));
  out.setRestarts(note.restarts);
}
void Read(Budget& budget, wire::NoteActor::Reader in, NoteActor& note) {
  note.name_space = AsView(in.getNameSpace());
  note.name = AsView(in.getName());
  Read(budget, in.getActor(), note.actor);
  note.phase = ReadPhase(in.getPhase());
  note.node_name = AsView(in.getNodeName());
  note.restarts = in.getRestarts();
}

void Write(const FetchProgram& fetch, wire::FetchProgram::Builder out) {
  out.setJob(fetch.job.value());
  Write(fetch.origin, out.initOrigin());
}
void Read(Budget& budget, wire::FetchProgram::Reader in, FetchProgram& fetch) {
  fetch.job = JobId(in.getJob());
  Read(budget, in.getOrigin(), fetch.origin);
}

void Write(const EndActor& end, wire::EndActor::Builder out) {
  Write(end.actor, out.initActor());
  out.setIncarnation(end.incarnation);
}
void Read(Budget& budget, wire::EndActor::Reader in, EndActor& end) {
  Read(budget, in.getActor(), end.actor);
  end.incarnation = in.getIncarnation();
}

void Write(const CreateDetachedActor::Reply&, wire::CreateDetachedActor::Reply::Builder) {}
void Read(Budget&, wire::CreateDetachedActor::Reply::Reader, CreateDetachedActor::Reply&) {}
void Write(const KillDetachedActor::Reply&, wire::KillDetachedActor::Reply::Builder) {}
void Read(Budget&, wire::KillDetachedActor::Reply::Reader, KillDetachedActor::Reply&) {}
void Write(const FetchProgram::Reply&, wire::FetchProgram::Reply::Builder) {}
void Read(Budget&, wire::FetchProgram::Reply::Reader, FetchProgram::Reply&) {}
void Write(const HostActor::Reply&, wire::HostActor::Reply::Builder) {}
void Read(Budget&, wire::HostActor::Reply::Reader, HostActor::Reply&) {}

}  // namespace

IOC_DEFINE_CODEC(CreateDetachedActor);
IOC_DEFINE_CODEC(CreateDetachedActor::Reply);
IOC_DEFINE_CODEC(LocateActor);
IOC_DEFINE_CODEC(LocateActor::Reply);
IOC_DEFINE_CODEC(KillDetachedActor);
IOC_DEFINE_CODEC(KillDetachedActor::Reply);
IOC_DEFINE_CODEC(HostActor);
IOC_DEFINE_CODEC(HostActor::Reply);
IOC_DEFINE_CODEC(ConstructActor);
IOC_DEFINE_CODEC(ActorConstructed);
IOC_DEFINE_CODEC(ReportActor);
IOC_DEFINE_CODEC(ReportActor::Reply);
IOC_DEFINE_CODEC(ListActors);
IOC_DEFINE_CODEC(ListActors::Reply);
IOC_DEFINE_CODEC(NoteActor);
IOC_DEFINE_CODEC(FetchProgram);
IOC_DEFINE_CODEC(FetchProgram::Reply);
IOC_DEFINE_CODEC(EndActor);

}  // namespace ioc

#include "lib/protocol/common_codec.h"
#include "lib/protocol/head.capnp.h"
#include "lib/protocol/head_messages.h"
#include "lib/protocol/wire.h"

namespace ioc {
namespace {

void Write(const RegisterNode& request, wire::RegisterNode::Builder out) {
  Write(request.info, out.initInfo());
  Write(request.free, out.initFree(CountOf(request.free)));
}
void Read(Budget& budget, wire::RegisterNode::Reader in, RegisterNode& request) {
  Read(budget, in.getInfo(), request.info);
  Read(budget, in.getFree(), request.free);
}

void Write(const RegisterNode::Reply& reply, wire::RegisterNode::Reply::Builder out) {
  out.setCluster(reply.cluster.value());
  out.setTerm(reply.term);
  out.setNodes(reply.nodes);
}
void Read(Budget&, wire::RegisterNode::Reply::Reader in, RegisterNode::Reply& reply) {
  reply.cluster = ClusterId(in.getCluster());
  reply.term = in.getTerm();
  reply.nodes = in.getNodes();
}

void Write(const ReportResources& report, wire::ReportResources::Builder out) {
  out.setVersion(report.version);
  Write(report.free, out.initFree(CountOf(report.free)));
  out.setWorkers(report.workers);
  out.setLeases(report.leases);
  out.setWaiting(report.waiting);
  out.setStoreUsed(report.store_used);
  out.setObjects(report.objects);
  out.setSpilled(report.spilled);
  out.setFull(report.full);
}
void Read(Budget& budget, wire::ReportResources::Reader in, ReportResources& report) {
  report.version = in.getVersion();
  Read(budget, in.getFree(), report.free);
  report.workers = in.getWorkers();
  report.leases = in.getLeases();
  report.waiting = in.getWaiting();
  report.store_used = in.getStoreUsed();
  report.objects = in.getObjects();
  report.spilled = in.getSpilled();
  report.full = in.getFull();
}

void Write(const ForwardDemand& demand, wire::ForwardDemand::Builder out) {
  out.setClient(demand.client.value());
  out.setClassId(demand.class_id);
  Write(demand.spec, out.initSpec());
  out.setWanted(demand.wanted);
  out.setDepth(demand.depth);
}
void Read(Budget& budget, wire::ForwardDemand::Reader in, ForwardDemand& demand) {
  demand.client = ProcessId(in.getClient());
  demand.class_id = in.getClassId();
  Read(budget, in.getSpec(), demand.spec);
  demand.wanted = in.getWanted();
  demand.depth = in.getDepth();
}

void Write(const PlaceLease& place, wire::PlaceLease::Builder out) {
  out.setTerm(place.term);
  out.setClient(place.client.value());
  Write(place.spec, out.initSpec());
}
void Read(Budget& budget, wire::PlaceLease::Reader in, PlaceLease& place) {
  place.term = in.getTerm();
  place.client = ProcessId(in.getClient());
  Read(budget, in.getSpec(), place.spec);
}

void Write(const PlaceLease::Reply& reply, wire::PlaceLease::Reply::Builder out) {
  out.setLease(reply.lease.value());
  Write(reply.worker, out.initWorker());
  Write(reply.free, out.initFree(CountOf(reply.free)));
  out.setVersion(reply.version);
}
void Read(Budget& budget, wire::PlaceLease::Reply::Reader in, PlaceLease::Reply& reply) {
  reply.lease = LeaseId(in.getLease());
  Read(budget, in.getWorker(), reply.worker);
  Read(budget, in.getFree(), reply.free);
  reply.version = in.getVersion();
}

void Write(const ForwardGrant& grant, wire::ForwardGrant::Builder out) {
  out.setClient(grant.client.value());
  out.setClassId(grant.class_id);
  out.setLease(grant.lease.value());
  Write(grant.worker, out.initWorker());
  out.setNodeName(AsText(grant.node_name));
}
void Read(Budget& budget, wire::ForwardGrant::Reader in, ForwardGrant& grant) {
  grant.client = ProcessId(in.getClient());
  grant.class_id = in.getClassId();
  grant.lease = LeaseId(in.getLease());
  Read(budget, in.getWorker(), grant.worker);
  grant.node_name = AsView(in.getNodeName());
}

void Write(const ForwardRefusal& refusal, wire::ForwardRefusal::Builder out) {
  out.setClient(refusal.client.value());
  out.setClassId(refusal.class_id);
  if (!refusal.error.ok()) WriteError(refusal.error, out.initError());
}
void Read(Budget&, wire::ForwardRefusal::Reader in, ForwardRefusal& refusal) {
  refusal.client = ProcessId(in.getClient());
  refusal.class_id = in.getClassId();
  refusal.error = ReadError(in.getError());
}

void Write(const WaitingDemand& demand, wire::WaitingDemand::Builder out) {
  out.setJob(demand.job.value());
  Write(demand.resources, out.initResources(CountOf(demand.resources)));
  out.setWanted(demand.wanted);
}
void Read(Budget& budget, wire::WaitingDemand::Reader in, WaitingDemand& demand) {
  demand.job = JobId(in.getJob());
  Read(budget, in.getResources(), demand.resources);
  demand.wanted = in.getWanted();
}

void Write(const Outlook& outlook, wire::Outlook::Builder out) {
  out.setOthers(outlook.others);
  auto waiting = out.initWaiting(outlook.waiting.size());
  for (unsigned i = 0; i < waiting.size(); ++i) Write(outlook.waiting[i], waiting[i]);
}
void Read(Budget& budget, wire::Outlook::Reader in, Outlook& outlook) {
  outlook.others = in.getOthers();
  const auto waiting = in.getWaiting();
  ResizeFor(budget, waiting, outlook.waiting);
  for (unsigned i = 0; i < waiting.size(); ++i) Read(budget, waiting[i], outlook.waiting[i]);
}

void Write(const ForwardWarning& warning, wire::ForwardWarning::Builder out) {
  out.setClient(warning.client.value());
  out.setClassId(warning.class_id);
  out.setReason(AsText(warning.reason));
}
void Read(Budget&, wire::ForwardWarning::Reader in, ForwardWarning& warning) {
  warning.client = ProcessId(in.getClient());
  warning.class_id = in.getClassId();
  warning.reason = AsView(in.getReason());
}

void Write(const ProcessGone& gone, wire::ProcessGone::Builder out) { out.setProcess(gone.process.value()); }
void Read(Budget&, wire::ProcessGone::Reader in, ProcessGone& gone) { gone.process = ProcessId(in.getProcess()); }

void Write(const NodeStatus& node, wire::NodeStatus::Builder out) {
  Write(node.info, out.initInfo());
  Write(node.report, out.initReport());
  out.setAlive(node.alive);
  out.setAgeMs(node.age_ms);
}
void Read(Budget& budget, wire::NodeStatus::Reader in, NodeStatus& node) {
  Read(budget, in.getInfo(), node.info);
  Read(budget, in.getReport(), node.report);
  node.alive = in.getAlive();
  node.age_ms = NonNegative(in.getAgeMs(), "age_ms");
}

void Write(const ListNodes::Reply& reply, wire::ListNodes::Reply::Builder out) {
  auto nodes = out.initNodes(reply.nodes.size());
  for (unsigned i = 0; i < nodes.size(); ++i) Write(reply.nodes[i], nodes[i]);
}
void Read(Budget& budget, wire::ListNodes::Reply::Reader in, ListNodes::Reply& reply) {
  const auto nodes = in.getNodes();
  ResizeFor(budget, nodes, reply.nodes);
  for (unsigned i = 0; i < nodes.size(); ++i) Read(budget, nodes[i], reply.nodes[i]);
}

void Write(const FindLocalNode& request, wire::FindLocalNode::Builder out) { out.setMachine(request.machine); }
void Read(Budget&, wire::FindLocalNode::Reader in, FindLocalNode& request) { request.machine = in.getMachine(); }

void Write(const FindLocalNode::Reply& reply, wire::FindLocalNode::Reply::Builder out) {
  out.setCluster(reply.cluster.value());
  Write(reply.node, out.initNode());
}
void Read(Budget& budget, wire::FindLocalNode::Reply::Reader in, FindLocalNode::Reply& reply) {
  reply.cluster = ClusterId(in.getCluster());
  Read(budget, in.getNode(), reply.node);
}

void Write(const RegisterActorName& request, wire::RegisterActorName::Builder out) {
  out.setNameSpace(AsText(request.name_space));
  out.setName(AsText(request.name));
  out.setType(AsText(request.type));
  Write(request.actor, out.initActor());
}
void Read(Budget& budget, wire::RegisterActorName::Reader in, RegisterActorName& request) {
  request.name_space = AsView(in.getNameSpace());
  request.name = AsView(in.getName());
  request.type = AsView(in.getType());
  Read(budget, in.getActor(), request.actor);
}

void Write(const FindActorName& request, wire::FindActorName::Builder out) {
  out.setNameSpace(AsText(request.name_space));
  out.setName(AsText(request.name));
}
void Read(Budget&, wire::FindActorName::Reader in, FindActorName& request) {
  request.name_space = AsView(in.getNameSpace());
  request.name = AsView(in.getName());
}

void Write(const FindActorName::Reply& reply, wire::FindActorName::Reply::Builder out) {
  out.setType(AsText(reply.type));
  Write(reply.actor, out.initActor());
}
void Read(Budget& budget, wire::FindActorName::Reply::Reader in, FindActorName::Reply& reply) {
  reply.type = AsView(in.getType());
  Read(budget, in.getActor(), reply.actor);
}

void Write(const ReleaseActorName& release, wire::ReleaseActorName::Builder out) {
  out.setNameSpace(AsText(release.name_space));
  out.setName(AsText(release.name));
  Write(release.actor, out.initActor());
}
void Read(Budget& budget, wire::ReleaseActorName::Reader in, ReleaseActorName& release) {
  release.name_space = AsView(in.getNameSpace());
  release.name = AsView(in.getName());
  Read(budget, in.getActor(), release.actor);
}

void Write(const ProcessesHere& here, wire::ProcessesHere::Builder out) {
  auto processes = out.initProcesses(static_cast<unsigned>(here.processes.size()));
  for (unsigned i = 0; i < processes.size(); ++i) processes.set(i, here.processes[i].value());
  out.setComplete(here.complete);
}
void Read(Budget& budget, wire::ProcessesHere::Reader in, ProcessesHere& here) {
  const auto processes = in.getProcesses();
  ResizeFor(budget, processes, here.processes);
  for (unsigned i = 0; i < processes.size(); ++i) here.processes[i] = ProcessId(processes[i]);
  here.complete = in.getComplete();
}

void Write(const NodeRemoved& removed, wire::NodeRemoved::Builder out) {
  out.setNode(removed.node.value());
  out.setReason(AsText(removed.reason));
}
void Read(Budget&, wire::NodeRemoved::Reader in, NodeRemoved& removed) {
  removed.node = NodeId(in.getNode());
  removed.reason = AsView(in.getReason());
}

void Write(const GetStatus::Reply& status, wire::GetStatus::Reply::Builder out) {
  out.setCluster(status.cluster.value());
  out.setRelease(AsText(status.release));
  out.setAddress(AsText(status.address));
  out.setUptimeMs(status.uptime_ms);
  out.setNodes(status.nodes);
  out.setActors(status.actors);
  out.setWaiting(status.waiting);
  Write(status.total, out.initTotal(CountOf(status.total)));
  Write(status.free, out.initFree(CountOf(status.free)));
  out.setObjects(status.objects);
  out.setStoreUsed(status.store_used);
  out.setStoreBytes(status.store_bytes);
  out.setSpilled(status.spilled);
}
void Read(Budget& budget, wire::GetStatus::Reply::Reader in, GetStatus::Reply& status) {
  status.cluster = ClusterId(in.getCluster());
  status.release = AsView(in.getRelease());
  status.address = AsView(in.getAddress());
  status.uptime_ms = NonNegative(in.getUptimeMs(), "uptime_ms");
  status.nodes = in.getNodes();
  status.actors = in.getActors();
  status.waiting = in.getWaiting();
  Read(budget, in.getTotal(), status.total);
  Read(budget, in.getFree(), status.free);
  status.objects = in.getObjects();
  status.store_used = in.getStoreUsed();
  status.store_bytes = in.getStoreBytes();
  status.spilled = in.getSpilled();
}

void Write(const ListNodes&, wire::ListNodes::Builder) {}
void Read(Budget&, wire::ListNodes::Reader, ListNodes&) {}
void Write(const RegisterActorName::Reply&, wire::RegisterActorName::Reply::Builder) {}
void Read(Budget&, wire::RegisterActorName::Reply::Reader, RegisterActorName::Reply&) {}
void Write(const Stop&, wire::Stop::Builder) {}
void Read(Budget&, wire::Stop::Reader, Stop&) {}
void Write(const Stop::Reply&, wire::Stop::Reply::Builder) {}
void Read(Budget&, wire::Stop::Reply::Reader, Stop::Reply&) {}
void Write(const Ping&, wire::Ping::Builder) {}
void Read(Budget&, wire::Ping::Reader, Ping&) {}
void Write(const Ping::Reply&, wire::Ping::Reply::Builder) {}
void Read(Budget&, wire::Ping::Reply::Reader, Ping::Reply&) {}
void Write(const GetStatus&, wire::GetStatus::Builder) {}
void Read(Budget&, wire::GetStatus::Reader, GetStatus&) {}

}  // namespace

IOC_DEFINE_CODEC(RegisterNode);
IOC_DEFINE_CODEC(RegisterNode::Reply);
IOC_DEFINE_CODEC(ReportResources);
IOC_DEFINE_CODEC(ForwardDemand);
IOC_DEFINE_CODEC(PlaceLease);
IOC_DEFINE_CODEC(PlaceLease::Reply);
IOC_DEFINE_CODEC(ForwardGrant);
IOC_DEFINE_CODEC(ForwardRefusal);
IOC_DEFINE_CODEC(ForwardWarning);
IOC_DEFINE_CODEC(Outlook);
IOC_DEFINE_CODEC(ProcessGone);
IOC_DEFINE_CODEC(ProcessesHere);
IOC_DEFINE_CODEC(ListNodes);
IOC_DEFINE_CODEC(ListNodes::Reply);
IOC_DEFINE_CODEC(FindLocalNode);
IOC_DEFINE_CODEC(FindLocalNode::Reply);
IOC_DEFINE_CODEC(RegisterActorName);
IOC_DEFINE_CODEC(RegisterActorName::Reply);
IOC_DEFINE_CODEC(FindActorName);
IOC_DEFINE_CODEC(FindActorName::Reply);
IOC_DEFINE_CODEC(ReleaseActorName);
IOC_DEFINE_CODEC(Stop);
IOC_DEFINE_CODEC(Stop::Reply);
IOC_DEFINE_CODEC(NodeRemoved);
IOC_DEFINE_CODEC(Ping);
IOC_DEFINE_CODEC(Ping::Reply);
IOC_DEFINE_CODEC(GetStatus);
IOC_DEFINE_CODEC(GetStatus::Reply);

}  // namespace ioc

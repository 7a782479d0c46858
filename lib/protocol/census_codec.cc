#include "lib/protocol/census.capnp.h"
#include "lib/protocol/census_messages.h"
#include "lib/protocol/common_codec.h"
#include "lib/protocol/wire.h"

namespace ioc {
namespace {

void Write(const ProcessCensus& census, wire::ProcessCensus::Builder out) {
  out.setProcess(census.process.value());
  out.setRole(WriteEnum<wire::Role>(census.role));
  out.setName(AsText(census.name));
  out.setSilent(census.silent);
  out.setOwned(census.owned);
  out.setBorrowed(census.borrowed);
  out.setInUse(census.in_use);
  out.setPending(census.pending);
  out.setLent(census.lent);
  out.setInTransit(census.in_transit);
  out.setAnswering(census.answering);
  out.setActors(census.actors);
  out.setPins(census.pins);
  out.setSlabs(census.slabs);
  out.setTasks(census.tasks);
  out.setLeases(census.leases);
  out.setStreams(census.streams);
  out.setPeers(census.peers);
  out.setJobs(census.jobs);
  out.setAnswers(census.answers);
  out.setClasses(census.classes);
}

void Read(Budget&, wire::ProcessCensus::Reader in, ProcessCensus& census) {
  census.process = ProcessId(in.getProcess());
  census.role = ReadEnum(in.getRole(), Role::kHead, Role::kTool, "the role");
  census.name = AsView(in.getName());
  census.silent = in.getSilent();
  census.owned = in.getOwned();
  census.borrowed = in.getBorrowed();
  census.in_use = in.getInUse();
  census.pending = in.getPending();
  census.lent = in.getLent();
  census.in_transit = in.getInTransit();
  census.answering = in.getAnswering();
  census.actors = in.getActors();
  census.pins = in.getPins();
  census.slabs = in.getSlabs();
  census.tasks = in.getTasks();
  census.leases = in.getLeases();
  census.streams = in.getStreams();
  census.peers = in.getPeers();
  census.jobs = in.getJobs();
  census.answers = in.getAnswers();
  census.classes = in.getClasses();
}

void Write(const NodeCensus& census, wire::NodeCensus::Builder out) {
  out.setName(AsText(census.name));
  out.setNode(census.node.value());
  out.setSilent(census.silent);
  out.setSessions(census.sessions);
  out.setWorkers(census.workers);
  out.setLeases(census.leases);
  out.setWaiting(census.waiting);
  out.setDemands(census.demands);
  out.setObjects(census.objects);
  out.setBytes(census.bytes);
  out.setPins(census.pins);
  out.setExtents(census.extents);
  out.setCopies(census.copies);
  out.setTransfers(census.transfers);
  out.setAllocations(census.allocations);
  auto processes = out.initProcesses(census.processes.size());
  for (unsigned i = 0; i < processes.size(); ++i) Write(census.processes[i], processes[i]);
}

void Read(Budget& budget, wire::NodeCensus::Reader in, NodeCensus& census) {
  census.name = AsView(in.getName());
  census.node = NodeId(in.getNode());
  census.silent = in.getSilent();
  census.sessions = in.getSessions();
  census.workers = in.getWorkers();
  census.leases = in.getLeases();
  census.waiting = in.getWaiting();
  census.demands = in.getDemands();
  census.objects = in.getObjects();
  census.bytes = in.getBytes();
  census.pins = in.getPins();
  census.extents = in.getExtents();
  census.copies = in.getCopies();
  census.transfers = in.getTransfers();
  census.allocations = in.getAllocations();
  const auto processes = in.getProcesses();
  ResizeFor(budget, processes, census.processes);
  for (unsigned i = 0; i < processes.size(); ++i) Read(budget, processes[i], census.processes[i]);
}

void Write(const TakeProcessCensus&, wire::TakeProcessCensus::Builder) {}
void Read(Budget&, wire::TakeProcessCensus::Reader, TakeProcessCensus&) {}
void Write(const TakeProcessCensus::Reply& reply, wire::TakeProcessCensus::Reply::Builder out) {
  Write(reply.census, out.initCensus());
}
void Read(Budget& budget, wire::TakeProcessCensus::Reply::Reader in, TakeProcessCensus::Reply& reply) {
  Read(budget, in.getCensus(), reply.census);
}

void Write(const TakeNodeCensus&, wire::TakeNodeCensus::Builder) {}
void Read(Budget&, wire::TakeNodeCensus::Reader, TakeNodeCensus&) {}
void Write(const TakeNodeCensus::Reply& reply, wire::TakeNodeCensus::Reply::Builder out) {
  Write(reply.census, out.initCensus());
}
void Read(Budget& budget, wire::TakeNodeCensus::Reply::Reader in, TakeNodeCensus::Reply& reply) {
  Read(budget, in.getCensus(), reply.census);
}

void Write(const ListObjects&, wire::ListObjects::Builder) {}
void Read(Budget&, wire::ListObjects::Reader, ListObjects&) {}
void Write(const ListObjects::Reply& reply, wire::ListObjects::Reply::Builder out) {
  auto nodes = out.initNodes(reply.nodes.size());
  for (unsigned i = 0; i < nodes.size(); ++i) Write(reply.nodes[i], nodes[i]);
  out.setNames(reply.names);
  out.setWaiting(reply.waiting);
  out.setDemands(reply.demands);
}
void Read(Budget& budget, wire::ListObjects::Reply::Reader in, ListObjects::Reply& reply) {
  const auto nodes = in.getNodes();
  ResizeFor(budget, nodes, reply.nodes);
  for (unsigned i = 0; i < nodes.size(); ++i) Read(budget, nodes[i], reply.nodes[i]);
  reply.names = in.getNames();
  reply.waiting = in.getWaiting();
  reply.demands = in.getDemands();
}

}  // namespace

IOC_DEFINE_CODEC(TakeProcessCensus);
IOC_DEFINE_CODEC(TakeProcessCensus::Reply);
IOC_DEFINE_CODEC(TakeNodeCensus);
IOC_DEFINE_CODEC(TakeNodeCensus::Reply);
IOC_DEFINE_CODEC(ListObjects);
IOC_DEFINE_CODEC(ListObjects::Reply);

}  // namespace ioc

#include "lib/protocol/common_codec.h"
#include "lib/protocol/node.capnp.h"
#include "lib/protocol/node_messages.h"
#include "lib/protocol/wire.h"

namespace ioc {
namespace {

Role ReadRole(wire::Role role) { return ReadEnum(role, Role::kHead, Role::kTool, "the role"); }

void Write(const Hello& hello, wire::Hello::Builder out) {
  out.setMajor(hello.major);
  out.setMinor(hello.minor);
  out.setFeatures(hello.features);
  out.setCluster(hello.cluster.value());
  out.setRole(WriteEnum<wire::Role>(hello.role));
  out.setNode(hello.node.value());
  out.setProcess(hello.process.value());
  out.setName(AsText(hello.name));
  out.setRelease(AsText(hello.release));
  out.setCredential(AsData(hello.credential));
}

void Read(Budget&, wire::Hello::Reader in, Hello& hello) {
  hello.major = in.getMajor();
  hello.minor = in.getMinor();
  hello.features = in.getFeatures();
  hello.cluster = ClusterId(in.getCluster());
  hello.role = ReadRole(in.getRole());
  hello.node = NodeId(in.getNode());
  hello.process = ProcessId(in.getProcess());
  hello.name = AsView(in.getName());
  hello.release = AsView(in.getRelease());
  hello.credential = AsView(in.getCredential());
}

void Write(const RegisterProcess& request, wire::RegisterProcess::Builder out) {
  out.setProcess(request.process.value());
  out.setRole(WriteEnum<wire::Role>(request.role));
  out.setPid(request.pid);
  Write(request.program, out.initProgram());
}

void Read(Budget& budget, wire::RegisterProcess::Reader in, RegisterProcess& request) {
  request.process = ProcessId(in.getProcess());
  request.role = ReadRole(in.getRole());
  request.pid = NonNegative(in.getPid(), "pid");
  Read(budget, in.getProgram(), request.program);
}

void Write(const RegisterProcess::Reply& reply, wire::RegisterProcess::Reply::Builder out) {
  out.setCluster(reply.cluster.value());
  Write(reply.address, out.initAddress());
  out.setJob(reply.job.value());
  Write(reply.job_origin, out.initJobOrigin());
  out.setNodeName(AsText(reply.node_name));
}

void Read(Budget& budget, wire::RegisterProcess::Reply::Reader in, RegisterProcess::Reply& reply) {
  reply.cluster = ClusterId(in.getCluster());
  Read(budget, in.getAddress(), reply.address);
  reply.job = JobId(in.getJob());
  Read(budget, in.getJobOrigin(), reply.job_origin);
  reply.node_name = AsView(in.getNodeName());
}

void Write(const SetDemand& demand, wire::SetDemand::Builder out) {
  out.setClassId(demand.class_id);
  Write(demand.spec, out.initSpec());
  out.setWanted(demand.wanted);
  out.setDepth(demand.depth);
}

void Read(Budget& budget, wire::SetDemand::Reader in, SetDemand& demand) {
  demand.class_id = in.getClassId();
  Read(budget, in.getSpec(), demand.spec);
  demand.wanted = in.getWanted();
  demand.depth = in.getDepth();
}

void Write(const LeaseGranted& granted, wire::LeaseGranted::Builder out) {
  out.setClassId(granted.class_id);
  out.setLease(granted.lease.value());
  Write(granted.worker, out.initWorker());
  out.setNodeName(AsText(granted.node_name));
}

void Read(Budget& budget, wire::LeaseGranted::Reader in, LeaseGranted& granted) {
  granted.class_id = in.getClassId();
  granted.lease = LeaseId(in.getLease());
  Read(budget, in.getWorker(), granted.worker);
  granted.node_name = AsView(in.getNodeName());
}

void Write(const DemandRefused& refused, wire::DemandRefused::Builder out) {
  out.setClassId(refused.class_id);
  if (!refused.error.ok()) WriteError(refused.error, out.initError());
}

void Read(Budget&, wire::DemandRefused::Reader in, DemandRefused& refused) {
  refused.class_id = in.getClassId();
  refused.error = ReadError(in.getError());
}

void Write(const DemandWarning& warning, wire::DemandWarning::Builder out) {
  out.setClassId(warning.class_id);
  out.setReason(AsText(warning.reason));
}

void Read(Budget&, wire::DemandWarning::Reader in, DemandWarning& warning) {
  warning.class_id = in.getClassId();
  warning.reason = AsView(in.getReason());
}

void Write(const AssignLease& assign, wire::AssignLease::Builder out) {
  out.setLease(assign.lease.value());
  out.setClient(assign.client.value());
  out.setDedicated(assign.dedicated);
  out.setCpus(assign.cpus);
  out.setOutlivesDriver(assign.outlives_driver);
}

void Read(Budget&, wire::AssignLease::Reader in, AssignLease& assign) {
  assign.lease = LeaseId(in.getLease());
  assign.client = ProcessId(in.getClient());
  assign.dedicated = in.getDedicated();
  assign.cpus = in.getCpus();
  assign.outlives_driver = in.getOutlivesDriver();
}

void Write(const GetWorkerFate& request, wire::GetWorkerFate::Builder out) {
  Write(request.node, out.initNode());
  out.setProcess(request.process.value());
}

void Read(Budget& budget, wire::GetWorkerFate::Reader in, GetWorkerFate& request) {
  Read(budget, in.getNode(), request.node);
  request.process = ProcessId(in.getProcess());
}

void Write(const GetWorkerFate::Reply& fate, wire::GetWorkerFate::Reply::Builder out) {
  out.setRunning(fate.running);
  out.setKnown(fate.known);
  out.setExitCode(fate.exit_code);
  out.setSignal(fate.signal);
  out.setStderrTail(AsData(fate.stderr_tail));
  out.setReason(AsText(fate.reason));
  out.setStarted(fate.started);
  out.setCaller(fate.caller.value());
}

void Read(Budget&, wire::GetWorkerFate::Reply::Reader in, GetWorkerFate::Reply& fate) {
  fate.running = in.getRunning();
  fate.known = in.getKnown();
  fate.exit_code = in.getExitCode();
  fate.signal = in.getSignal();
  fate.stderr_tail = AsView(in.getStderrTail());
  fate.reason = AsView(in.getReason());
  fate.started = in.getStarted();
  fate.caller = ProcessId(in.getCaller());
}

void Write(const StopWorker& stop, wire::StopWorker::Builder out) { out.setReason(AsText(stop.reason)); }
void Read(Budget&, wire::StopWorker::Reader in, StopWorker& stop) { stop.reason = AsView(in.getReason()); }

void Write(const LeaveCluster&, wire::LeaveCluster::Builder) {}
void Read(Budget&, wire::LeaveCluster::Reader, LeaveCluster&) {}

void Write(const DescribeProgram& request, wire::DescribeProgram::Builder out) { out.setJob(request.job.value()); }
void Read(Budget&, wire::DescribeProgram::Reader in, DescribeProgram& request) { request.job = JobId(in.getJob()); }

void Write(const DescribeProgram::Reply& reply, wire::DescribeProgram::Reply::Builder out) {
  Write(reply.program, out.initProgram());
}
void Read(Budget& budget, wire::DescribeProgram::Reply::Reader in, DescribeProgram::Reply& reply) {
  Read(budget, in.getProgram(), reply.program);
}

void Write(const ReadProgram& request, wire::ReadProgram::Builder out) {
  out.setJob(request.job.value());
  out.setOffset(request.offset);
  out.setLength(request.length);
  out.setLibrary(request.library);
}

void Read(Budget&, wire::ReadProgram::Reader in, ReadProgram& request) {
  request.job = JobId(in.getJob());
  request.offset = in.getOffset();
  request.length = in.getLength();
  request.library = in.getLibrary();
}

// Messages that carry a lease and nothing else.
template <typename M, typename Builder>
void WriteLease(const M& message, Builder out) {
  out.setLease(message.lease.value());
}
void Write(const LeaseEnded& message, wire::LeaseEnded::Builder out) { WriteLease(message, out); }
void Write(const RecallLease& message, wire::RecallLease::Builder out) { WriteLease(message, out); }
void Write(const TaskBlocked& message, wire::TaskBlocked::Builder out) { WriteLease(message, out); }
void Write(const TaskUnblocked& message, wire::TaskUnblocked::Builder out) { WriteLease(message, out); }
void Read(Budget&, wire::LeaseEnded::Reader in, LeaseEnded& message) { message.lease = LeaseId(in.getLease()); }
void Read(Budget&, wire::RecallLease::Reader in, RecallLease& message) { message.lease = LeaseId(in.getLease()); }
void Read(Budget&, wire::TaskBlocked::Reader in, TaskBlocked& message) { message.lease = LeaseId(in.getLease()); }
void Read(Budget&, wire::TaskUnblocked::Reader in, TaskUnblocked& message) { message.lease = LeaseId(in.getLease()); }

void Write(const AssignLease::Reply&, wire::AssignLease::Reply::Builder) {}
void Read(Budget&, wire::AssignLease::Reply::Reader, AssignLease::Reply&) {}
void Write(const HandOver&, wire::HandOver::Builder) {}
void Read(Budget&, wire::HandOver::Reader, HandOver&) {}
void Write(const ReadProgram::Reply&, wire::ReadProgram::Reply::Builder) {}
void Read(Budget&, wire::ReadProgram::Reply::Reader, ReadProgram::Reply&) {}

}  // namespace

IOC_DEFINE_CODEC(Hello);
IOC_DEFINE_CODEC(RegisterProcess);
IOC_DEFINE_CODEC(RegisterProcess::Reply);
IOC_DEFINE_CODEC(SetDemand);
IOC_DEFINE_CODEC(LeaseGranted);
IOC_DEFINE_CODEC(DemandRefused);
IOC_DEFINE_CODEC(DemandWarning);
IOC_DEFINE_CODEC(AssignLease);
IOC_DEFINE_CODEC(AssignLease::Reply);
IOC_DEFINE_CODEC(LeaseEnded);
IOC_DEFINE_CODEC(RecallLease);
IOC_DEFINE_CODEC(TaskBlocked);
IOC_DEFINE_CODEC(TaskUnblocked);
IOC_DEFINE_CODEC(HandOver);
IOC_DEFINE_CODEC(GetWorkerFate);
IOC_DEFINE_CODEC(GetWorkerFate::Reply);
IOC_DEFINE_CODEC(StopWorker);
IOC_DEFINE_CODEC(LeaveCluster);
IOC_DEFINE_CODEC(DescribeProgram);
IOC_DEFINE_CODEC(DescribeProgram::Reply);
IOC_DEFINE_CODEC(ReadProgram);
IOC_DEFINE_CODEC(ReadProgram::Reply);

}  // namespace ioc

#include "runtime/node/node.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "iocluster/version.h"
#include "lib/base/status.h"
#include "lib/base/units.h"
#include "runtime/node/node_impl.h"

namespace ioc {
namespace {

// The region is larger than its budget, so that fragments of it do not fill the store.
constexpr uint64_t kStoreRegionFactor = 2;
constexpr uint64_t kMinDefaultStoreBytes = uint64_t{64} << 20;
// What sets its size.
constexpr char kStoreSettings[] =
    "--store-memory, IOCLUSTER_OBJECT_STORE_MEMORY and ConnectOptions.object_store_memory";
constexpr int kMaxPrestart = 4;
constexpr char kClusterStopped[] = "the cluster was stopped";
// After the head has told a node to stop, it ends itself within this.
constexpr absl::Duration kHeadEndTimeout = absl::Seconds(3);

NodeId MakeNodeId(Env& env) {
  uint64_t id = env.Random();
  return NodeId(id == 0 ? 1 : id);
}

// A wildcard is where we listen, not where others reach us.
std::string Advertised(const NodeOptions& options, const std::string& listened, const HostInfo& host) {
  if (!options.advertise_address.empty()) return options.advertise_address;
  for (const char* wildcard : {"0.0.0.0:", "[::]:"}) {
    if (absl::StartsWith(listened, wildcard)) {
      return absl::StrCat(host.hostname, ":", listened.substr(std::string_view(wildcard).size()));
    }
  }
  return listened;
}

// What was not declared is found. A node that declares anything of itself has no more CPUs or memory than it says.
NodeInfo FoundInfo(NodeInfo info, NodeId id, const HostInfo& host, bool find_resources) {
  info.address.node = id;
  info.address.machine = host.machine;
  info.address.local_address = absl::StrCat("unix:ioc-", id.ToString());
  if (info.name.empty()) info.name = absl::StrCat(host.hostname, "-", id.ToString().substr(0, 6));
  info.address.name = info.name;
  info.hostname = host.hostname;
  info.pid = host.pid;
  if (info.total.empty() && find_resources) {
    info.total.Set(kCpu, host.cpus);
    info.total.Set(kMemory, static_cast<double>(host.memory_bytes));
  } else if (info.total.GetTicks(kCpu) > 0 && info.total.GetTicks(kMemory) == 0) {
    info.total.Set(kMemory, static_cast<double>(host.memory_bytes));
  }
  if (info.arch.empty()) info.arch = host.arch;
  if (info.os.empty()) info.os = host.os;
  info.release = IOCLUSTER_VERSION;
  return info;
}

Hello SelfOf(const NodeInfo& info, ClusterId cluster) {
  return {.features = kFeatureOutlook,
          .cluster = cluster,
          .role = Role::kNode,
          .node = info.address.node,
          .name = absl::StrCat("node ", info.name),
          .release = IOCLUSTER_VERSION};
}

}  // namespace

uint64_t DefaultStoreBytes(const HostInfo& host) {
  return std::max(kMinDefaultStoreBytes, static_cast<uint64_t>(kStoreShare * static_cast<double>(host.memory_bytes)));
}

absl::Status CheckStoreBytes(uint64_t bytes) {
  if (bytes >= kMinStoreBytes) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("an object store of ", FormatBytes(bytes), " is too small; it must have ",
                                FormatBytes(kMinStoreBytes), " at least, because every process that makes small ",
                                "objects leases a slab of ", FormatBytes(kSlabBytes), " of it"));
}

Node::Impl::Impl(Env& env, NodeOptions options, absl::AnyInvocable<void(absl::Status)> on_ready,
                 absl::AnyInvocable<void(absl::Status)> on_stopped)
    : env_(env),
      options_(std::move(options)),
      on_ready_(std::move(on_ready)),
      on_stopped_(std::move(on_stopped)),
      cluster_(options_.cluster),
      info_(FoundInfo(options_.declared, MakeNodeId(env), env.host(), options_.find_resources)),
      farewell_(MakeError(Cause::kDisconnected, absl::StrCat("node ", info_.name, " was stopped"))) {
  if (absl::Status status = Start(); !status.ok()) {
    env_.executor().Post(life_.Bind([this, status] { Ready(status); }));
  }
}

Node::Impl::~Impl() {
  env_.executor().CancelTimer(stop_timer_);
  if (sessions_ != nullptr) sessions_->SayGoodbye(farewell_);
  if (head_ != nullptr) head_->SayGoodbye(farewell_);
}

absl::Status Node::Impl::Start() {
  const uint64_t budget = options_.store_bytes != 0 ? options_.store_bytes : DefaultStoreBytes(env_.host());
  IOC_RETURN_IF_ERROR(CheckStoreBytes(budget));
  info_.store_bytes = budget;
  absl::StatusOr<std::shared_ptr<SharedMemory>> memory =
      env_.CreateSharedMemory("ioc-store", budget * kStoreRegionFactor);
  if (!memory.ok()) {
    return WithContext(memory.status(),
                       absl::StrCat("no object store of ", FormatBytes(budget), " (", kStoreSettings, ")"));
  }
  if (budget > env_.host().memory_bytes) {
    env_.Log(LogLevel::kWarning,
             absl::StrCat("the object store may grow to ", FormatBytes(budget), ", but this machine has ",
                          FormatBytes(env_.host().memory_bytes), " of memory; ", kStoreSettings, " set less"));
  }
  IOC_RETURN_IF_ERROR(Listen());  // nobody is let in before the parts below are there

  const Hello self = SelfOf(info_, cluster_);
  sessions_ = std::make_unique<Sessions>(env_, self, *this);
  peers_ = std::make_unique<PeerNodes>(env_, self);
  const std::string head = options_.head_address.empty() ? info_.address.local_address : options_.head_address;
  head_ = std::make_unique<HeadLink>(env_, head, self, *this);
  const StoreOptions store{.budget = budget,
                           .spill = {.directory = options_.spill_directory, .limit = options_.spill_limit},
                           .patience = options_.store_patience};
  store_ = std::make_unique<StoreService>(env_, *std::move(memory), store, info_.address.node, *sessions_, *peers_);
  process_ends_ = std::make_unique<ProcessEnds>(env_, [this](SessionId session) { store_->Release(session); });
  programs_ = std::make_unique<ProgramStore>(env_, info_.address, *sessions_, *peers_, options_.program_cache_limit);
  const int cpus = static_cast<int>(info_.total.GetTicks(kCpu) / ResourceSet::kUnit);
  workers_ = std::make_unique<WorkerPool>(
      env_,
      WorkerPool::Options{
          .max_workers = options_.max_workers,
          .prestart = options_.prestart_workers >= 0 ? options_.prestart_workers : std::min(cpus, kMaxPrestart),
          .start_timeout = options_.worker_start_timeout},
      *sessions_, *programs_, *this);
  leases_ = std::make_unique<LeaseManager>(env_, info_, *sessions_, *workers_, *this);
  actors_ = std::make_unique<DetachedActors>(env_, info_.name, *sessions_, *workers_, *leases_, *head_);
  head_->Start();
  return absl::OkStatus();
}

absl::Status Node::Impl::Listen() {
  auto accept = [this] {
    return life_.Bind([this](std::unique_ptr<Connection> connection, const Preamble& preamble) {
      Accept(std::move(connection), preamble);
    });
  };
  IOC_ASSIGN_OR_RETURN(local_listener_, env_.network().Listen(info_.address.local_address, accept()));
  if (options_.listen_address.empty()) return absl::OkStatus();
  IOC_ASSIGN_OR_RETURN(listener_, env_.network().Listen(options_.listen_address, accept()));
  info_.address.node_address = Advertised(options_, listener_->address(), env_.host());
  return absl::OkStatus();
}

void Node::Impl::Accept(std::unique_ptr<Connection> connection, const Preamble& preamble) {
  switch (preamble.target) {
    case Target::kNode:
      sessions_->Accept(std::move(connection));
      return;
    case Target::kHead:
      if (head_door_) return head_door_(std::move(connection), preamble);
      EndWithGoodbye(std::move(connection),
                     MakeError(Cause::kInvalidArgument,
                               absl::StrCat("node ", info_.name, " listens there, not a head; its head is ",
                                            options_.head_address)));
      return;
    case Target::kProcess:
      if (Session* process = sessions_->FindProcess(ProcessId(preamble.id))) {
        Extras extras;
        extras.attachments.push_back(std::move(connection));
        process->channel().Notify(HandOver{}, std::move(extras));
      }
      return;
  }
}

void Node::Impl::Ready(const absl::Status& status) {
  if (auto on_ready = std::exchange(on_ready_, nullptr)) on_ready(status);
}

void Node::Impl::OnClusterStopped() {
  farewell_ = MakeError(Cause::kDisconnected, kClusterStopped);
  sessions_->SayGoodbye(farewell_, Role::kDriver);
  head_->ExpectEnd();
  env_.executor().CancelTimer(stop_timer_);
  stop_timer_ =
      env_.executor().Schedule(kHeadEndTimeout, life_.Bind([this] { StopLater(absl::OkStatus(), kClusterStopped); }));
}

void Node::Impl::StopLater(const absl::Status& why, std::string_view farewell) {
  if (stopping_) return;
  stopping_ = true;
  farewell_ = MakeError(Cause::kDisconnected, farewell);
  env_.executor().Post(life_.Bind([this, why] {
    if (auto on_stopped = std::exchange(on_stopped_, nullptr)) on_stopped(why);
  }));
}

void Node::Impl::OnSessionClosed(Session& session, const absl::Status&) {
  const SessionId id = session.id();
  store_->SessionClosed(id);
  // A process that runs on may yet use what it has in the store. A worker's end is seen by its pool: OnWorkerExited.
  const bool is_cut_off = session.process() && session.role() == Role::kDriver;
  if (is_cut_off) {
    process_ends_->Await(id, session.pid());
  } else if (!workers_->Runs(id)) {
    store_->Release(id);
  }
  EndProcess(id, session.process(), session.role());
}

void Node::Impl::OnLeaveCluster(Session& session) {
  const ProcessId process = session.process();
  sessions_->Leave(session);
  EndProcess(session.id(), process, session.role());
}

void Node::Impl::EndProcess(SessionId session, ProcessId process, Role role) {
  if (process) {
    OnProcessGone(process);
    head_->Notify(ProcessGone{.process = process});
  }
  workers_->SessionClosed(session);
  if (process && role == Role::kDriver) {
    EndJob(JobId(process.value()));
    programs_->RemoveJob(JobId(process.value()));
  }
}

void Node::Impl::OnWorkerLost(ProcessId worker) {
  leases_->WorkerLost(worker);
  actors_->WorkerLost(worker);
}

void Node::Impl::OnWorkerExited(SessionId session, ProcessId worker) {
  if (sessions_->Find(session) == nullptr) store_->Release(session);
  if (!worker) return;
  leases_->WorkerExited(worker);
  actors_->WorkerLost(worker);
}

void Node::Impl::EndJob(JobId job) {
  workers_->EndJob(job, [this](ProcessId worker) { return leases_->OutlivesDriver(worker); });
}

void Node::Impl::OnProcessGone(ProcessId process) {
  leases_->ClientGone(process);
  store_->ProcessGone(process);
  for (Session* session : sessions_->Processes()) {
    if (session->process() != process) session->channel().Notify(ProcessGone{.process = process});
  }
}

// Connections to a machine that has no power break late or never.
void Node::Impl::OnNodeRemoved(const NodeRemoved& removed) {
  if (removed.node == info_.address.node) return;
  const absl::Status why = MakeError(Cause::kDisconnected, removed.reason);
  sessions_->DropNode(removed.node, why);
  peers_->Drop(removed.node, why);
  store_->NodeRemoved(removed.node);
  sessions_->NotifyProcesses(removed);
}

RegisterNode Node::Impl::MakeRegistration() { return {.info = info_, .free = leases_->free()}; }

void Node::Impl::OnRegistered(const RegisterNode::Reply& reply) {
  cluster_ = reply.cluster;
  sessions_->set_cluster(cluster_);
  peers_->set_cluster(cluster_);
  head_->Notify(ProcessesHere{.processes = sessions_->ProcessIds(), .complete = true});
  leases_->SetOutlook({.others = reply.nodes > 1});
  leases_->NewHead();
  actors_->NewHead();
  Ready(absl::OkStatus());
}

void Node::Impl::OnReportDue() {
  leases_->FlushForwards();
  ReportResources report;
  leases_->Describe(report);
  const StoreService::Stats stats = store_->stats();
  report.workers = workers_->count();
  report.store_used = stats.used;
  report.objects = static_cast<uint32_t>(stats.objects);
  report.spilled = stats.spilled;
  head_->Notify(report);
}

void Node::Impl::OnHeadAway() { leases_->HeadAway(); }

void Node::Impl::OnHeadLost(const absl::Status& why) {
  if (on_ready_) return env_.executor().Post(life_.Bind([this, why] { Ready(why); }));
  StopLater(why, why.ok() ? std::string(kClusterStopped) : std::string(why.message()));
}

absl::Status Node::Impl::OnHeadMessage(Channel& head, FrameView& frame) {
  switch (static_cast<Method>(frame.header.method)) {
    case Method::kPlaceLease:
      return Take<PlaceLease>(frame, [&](const PlaceLease& place) { PlaceForHead(frame.header, place); });
    case Method::kHostActor:
      return Take<HostActor>(frame, [&](const HostActor& host) {
        const absl::Status status = actors_->Host(host);
        status.ok() ? head.Reply(frame.header, HostActor::Reply{}) : head.Fail(frame.header, status);
      });
    case Method::kFetchProgram:
      return Take<FetchProgram>(frame, [&](const FetchProgram& fetch) {
        programs_->Locate(fetch.job, fetch.origin,
                          life_.Bind([this, request = frame.header,
                                      connection = head_->connection()](const absl::StatusOr<ProgramInfo>& program) {
                            absl::StatusOr<FetchProgram::Reply> reply = FetchProgram::Reply{};
                            if (!program.ok()) reply = program.status();
                            head_->Reply(connection, request, reply);
                          }));
      });
    case Method::kEndActor:
      return Take<EndActor>(frame, [&](const EndActor& end) { actors_->End(end); });
    case Method::kForwardGrant:
      return Take<ForwardGrant>(frame, [&](const ForwardGrant& grant) { leases_->Granted(grant); });
    case Method::kForwardRefusal:
      return Take<ForwardRefusal>(frame, [&](const ForwardRefusal& refusal) { leases_->Refused(refusal); });
    case Method::kForwardWarning:
      return Take<ForwardWarning>(frame, [&](const ForwardWarning& warning) { leases_->Warned(warning); });
    case Method::kOutlook:
      return Take<Outlook>(frame, [&](const Outlook& outlook) { leases_->SetOutlook(outlook); });
    case Method::kProcessGone:
      return Take<ProcessGone>(frame, [&](const ProcessGone& gone) {
        OnProcessGone(gone.process);
        EndJob(JobId(gone.process.value()));
      });
    case Method::kTakeNodeCensus:
      TakeCensus([this, request = frame.header, connection = head_->connection()](const NodeCensus& census) {
        head_->Reply(connection, request, absl::StatusOr<TakeNodeCensus::Reply>(TakeNodeCensus::Reply{census}));
      });
      return absl::OkStatus();
    case Method::kNodeRemoved:
      return Take<NodeRemoved>(frame, [&](const NodeRemoved& removed) { OnNodeRemoved(removed); });
    case Method::kPing:
      head.Reply(frame.header, Ping::Reply{});
      return absl::OkStatus();
    case Method::kStop:
      head.Reply(frame.header, Stop::Reply{});
      head.Flush();
      OnClusterStopped();
      return absl::OkStatus();
    default:
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat("a head can't ask a node for method ", frame.header.method));
  }
}

void Node::Impl::PlaceForHead(const FrameHeader& request, const PlaceLease& place) {
  auto answer = life_.Bind([this, request, connection = head_->connection()](absl::StatusOr<PlaceLease::Reply> reply) {
    head_->Reply(connection, request, reply);
  });
  if (place.term < head_->term()) {
    return answer(absl::StatusOr<PlaceLease::Reply>(absl::FailedPreconditionError(
        absl::StrCat("a head of term ", head_->term(), " has replaced the one of term ", place.term))));
  }
  leases_->Place(place, std::move(answer));
}

void Node::Impl::ForwardToHead(const LocalScheduler::Forward& forward) {
  head_->Notify(ForwardDemand{.client = forward.demand.client,
                              .class_id = forward.demand.class_id,
                              .spec = *forward.spec,
                              .wanted = forward.wanted,
                              .depth = forward.depth});
}

Node::Node(Env& env, NodeOptions options, absl::AnyInvocable<void(absl::Status)> on_ready,
           absl::AnyInvocable<void(absl::Status)> on_stopped)
    : impl_(std::make_unique<Impl>(env, std::move(options), std::move(on_ready), std::move(on_stopped))) {}

Node::~Node() = default;

void Node::set_head_door(AcceptHandler head) { impl_->set_head_door(std::move(head)); }
const NodeAddress& Node::address() const { return impl_->info().address; }
const NodeInfo& Node::info() const { return impl_->info(); }
uint32_t Node::worker_count() const { return impl_->worker_count(); }

}  // namespace ioc

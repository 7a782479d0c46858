#include "runtime/client/client.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "iocluster/version.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/objects/worker_page.h"
#include "runtime/client/awaited.h"
#include "runtime/client/settle_waiter.h"

namespace ioc {
namespace {

absl::Status ForeignArgument() {
  return MakeError(Cause::kInvalidArgument, "an argument is a reference that is empty, or of another cluster");
}

absl::Status Deadline(const std::string& what) {
  return MakeError(Cause::kDeadline, absl::StrCat(what, " was not there when the deadline passed"));
}

// Where a task is that has not ended: " (of Train, on node den)", " (of Train, which waits for a worker)".
std::string Whereabouts(const TaskRecord& task) {
  const ActorState* actor = task.actor == nullptr ? nullptr : task.actor->actor.get();
  const std::string node = task.lease != nullptr ? task.lease->node.name : actor != nullptr ? actor->node_name : "";
  const char* awaited = task.missing > 0 ? "its arguments" : task.actor != nullptr ? "its actor" : "a worker";
  return absl::StrCat(" (of ", std::string(task.label()),
                      node.empty() ? absl::StrCat(", which waits for ", awaited) : absl::StrCat(", on node ", node),
                      ")");
}

}  // namespace

Client::Client(std::shared_ptr<Env> env, WorkerHooks* worker)
    : env_(std::move(env)),
      worker_(worker),
      closed_(MakeError(Cause::kDisconnected, "this process is not connected to a cluster yet")),
      objects_(env_->executor(), *this),
      peers_(*env_, *this),
      node_(*env_, *this),
      store_(*env_, node_),
      borrowing_(*env_, objects_, peers_),
      ownership_(objects_, borrowing_, store_),
      streams_(env_->executor(), peers_, objects_, borrowing_, store_),
      waits_(env_->executor(), objects_, store_, streams_, *this),
      book_(objects_, borrowing_, ownership_, store_, streams_),
      dispatcher_(*env_, node_, peers_, book_, actors_),
      detached_(*env_, node_, book_, store_),
      wait_follower_(objects_, book_, peers_),
      hosts_(*env_, peers_, book_, dispatcher_, actors_),
      actors_(*env_, node_, peers_, objects_, book_, borrowing_, dispatcher_, hosts_, detached_),
      default_options_(std::make_shared<const TaskOptions>()) {}

Client::~Client() { IOC_CHECK(!closed_.ok()) << "a client is destroyed without Shutdown"; }

void Client::Retain() { references_.fetch_add(1, std::memory_order_relaxed); }

void Client::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::shared_ptr<Env> env = env_;    // outlives the members that use it
  MutexLock lock(env->executor().mutex());  // what a member has put off may be running
  delete this;
}

absl::Status Client::Connect(const ClientOptions& options) {
  MutexLock lock(env_->executor().mutex());
  Awaited<absl::Status> result;
  process_ = ProcessId(env_->Random());
  const Hello self{.major = kProtocolMajor,
                   .minor = kProtocolMinor,
                   .role = options.role,
                   .process = process_,
                   .name = absl::StrCat(options.role == Role::kWorker ? "worker" : "driver", " pid ", env_->host().pid,
                                        " on ", env_->host().hostname),
                   .release = IOCLUSTER_VERSION};
  const RegisterProcess request{
      .process = process_, .role = options.role, .pid = env_->host().pid, .program = options.program};
  std::unique_ptr<Connection> parent = options.node_address.empty() ? env_->TakeParent() : nullptr;
  node_.Register(std::move(parent), options.node_address, self, request, options.timeout,
                 [this, self, promise = result.promise()](absl::StatusOr<Registration> registered) {
                   const absl::Status status = registered.status();
                   // Here and not after Await: the next frame may already be a connection that is handed over.
                   if (status.ok()) Registered(*std::move(registered), self);
                   promise.Set(env_->executor(), status);
                 });
  env_->executor().Await(result.waiter(), env_->executor().Now() + options.timeout + absl::Seconds(1));
  if (result.value().has_value()) return *result.value();
  node_.Close();
  return MakeError(Cause::kDeadline,
                   absl::StrCat("the node did not answer within ", absl::FormatDuration(options.timeout)));
}

void Client::Registered(Registration registration, const Hello& self) {
  registration_ = std::move(registration);
  const RegisterProcess::Reply& reply = registration_.reply;
  closed_ = absl::OkStatus();
  Hello hello = self;
  hello.cluster = reply.cluster;
  hello.node = registration_.node.node;
  peers_.SetSelf(hello, registration_.node.machine);
  store_.SetMemory(registration_.store);
  borrowing_.SetSelf(reply.address);
  streams_.SetSelf(process_);
  book_.SetSelf(process_, registration_.node);
  const bool driver = worker_ == nullptr;
  dispatcher_.SetJob(driver ? JobId(process_.value()) : reply.job, driver ? registration_.node : reply.job_origin);
}

void Client::Shutdown() {
  MutexLock lock(env_->executor().mutex());
  Disconnect(MakeError(Cause::kDisconnected, "this cluster was shut down"));
}

void Client::Disconnect(const absl::Status& why) {
  if (!closed_.ok()) return node_.Close();
  closed_ = why;
  // First: their queues point to the tasks that fail now.
  dispatcher_.Clear();
  hosts_.Clear();
  actors_.Clear();
  book_.FailAll(why);
  objects_.FailAll(why);
  waits_.FailAll(why);
  peers_.Clear();
  node_.Flush();  // a detached actor that was just made is to live
  node_.Close();
}

void Client::OnNodeClosed(const absl::Status& why) {
  if (worker_ != nullptr) worker_->OnStop(why.message().empty() ? "its node is gone" : std::string(why.message()));
  Disconnect(why);
}

// --- messages ---

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
        if (worker_ != nullptr) worker_->OnProcessGone(gone.process);
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

void Client::NoteOwned() {
  if (registration_.status_page == nullptr) return;
  WorkerPageIn(*registration_.status_page).owned.store(objects_.size(), std::memory_order_relaxed);
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
    case Method::kResolveObject:
    case Method::kAddBorrower:
    case Method::kReleaseBorrows:
    case Method::kRefsReceived:
    case Method::kResolveActor:
    case Method::kKillActor:
    case Method::kFollowWait:
    case Method::kKeepCheckpoint:
      return OnOwnerMessage(link, frame);
    default:
      return OnWorkerMessage(link, frame);
  }
}

absl::Status Client::OnOwnerMessage(PeerLink& link, const FrameView& frame) {
  const FrameHeader& header = frame.header;
  switch (static_cast<Method>(header.method)) {
    case Method::kResolveObject:
      return Take<ResolveObject>(frame, [&](const ResolveObject& m) { borrowing_.OnResolveObject(link, header, m); });
    case Method::kAddBorrower:
      return Take<AddBorrower>(frame, [&](const AddBorrower& m) { borrowing_.OnAddBorrower(link, header, m); });
    case Method::kReleaseBorrows:
      return Take<ReleaseBorrows>(frame, [&](const ReleaseBorrows& m) { borrowing_.OnReleaseBorrows(*link.peer, m); });
    case Method::kRefsReceived:
      return Take<RefsReceived>(frame, [&](const RefsReceived& m) { borrowing_.OnRefsReceived(*link.peer, m); });
    case Method::kKeepCheckpoint:
      return actors_.OnKeepCheckpoint(link, header, frame.body);
    case Method::kFollowWait:
      return Take<FollowWait>(frame, [&](const FollowWait& m) {
        if (!m.at_worker) return wait_follower_.OnFollowWait(m);
        if (worker_ != nullptr) worker_->OnFollowWait(link, m);
      });
    case Method::kKillActor:
      return Take<ioc::KillActor>(frame, [&](const ioc::KillActor& m) { actors_.OnKillActor(link, header, m); });
    default:
      return Take<ResolveActor>(frame, [&](const ResolveActor& m) { actors_.OnResolveActor(link, header, m); });
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
      actors_.OnResult(*task, link, result);
    } else if (task->pool != 0) {
      hosts_.OnResult(*task, link, result);
    } else {
      dispatcher_.OnResult(link, result);
    }
  }
  return absl::OkStatus();
}

void Client::OnPeerGone(Peer& peer, const absl::Status&) {
  borrowing_.OnPeerGone(peer);
  dispatcher_.OnPeerGone(peer);
  hosts_.OnPeerGone(peer);
  actors_.OnPeerGone(peer);
  if (worker_ != nullptr) worker_->OnPeerGone(peer);
  NoteOwned();
}

void Client::OnDead(ObjectRecord& record) {
  actors_.OnDead(record);
  store_.Uncache(record.id());
  // What was offered, and maybe never arrived: the stores know better.
  if (record.given == GivenState::kOffered && record.state == ObjectState::kStored) {
    store_.Free(record.id(), record.copies);
  }
  if (!record.owned()) return borrowing_.OnDead(record);
  if (record.state == ObjectState::kStored) store_.Free(record.id(), record.copies);
}

// --- calls ---

ObjectRecord* Client::RecordOf(const internal::Ref& ref) const {
  auto* record = static_cast<ObjectRecord*>(ref.get());
  return record != nullptr && &record->table == &objects_ ? record : nullptr;
}

std::vector<internal::Ref> Client::TakeIfForeign(internal::Call& call) {
  const auto foreign = [this](const internal::Ref& ref) { return RecordOf(ref) == nullptr; };
  if (std::none_of(call.dependencies.begin(), call.dependencies.end(), foreign) &&
      std::none_of(call.refs.begin(), call.refs.end(), foreign)) {
    return {};
  }
  std::vector<internal::Ref> taken = std::exchange(call.dependencies, {});
  for (internal::Ref& ref : call.refs) taken.push_back(std::move(ref));
  call.refs.clear();
  return taken;
}

std::vector<ObjectRecord*> Client::HoldAll(const std::vector<internal::Ref>& refs) {
  std::vector<ObjectRecord*> records;
  records.reserve(refs.size());
  for (const internal::Ref& ref : refs) {
    records.push_back(static_cast<ObjectRecord*>(ref.get()));
    objects_.Hold(*records.back());
  }
  return records;
}

std::vector<internal::Ref> Client::MakeRefs(TaskRecord& task) {
  std::vector<internal::Ref> refs;
  refs.reserve(task.num_returns);
  for (uint32_t i = 0; i < task.num_returns; ++i) refs.push_back(objects_.MakeRef(book_.Result(task, i)));
  return refs;
}

std::vector<internal::Ref> Client::Submit(internal::Call call, const std::shared_ptr<const TaskOptions>& options) {
  const std::vector<internal::Ref> foreign = TakeIfForeign(call);
  MutexLock lock(env_->executor().mutex());
  TaskRecord& task = book_.Create(TaskKind::kTask, call, depth_);
  task.parent = CurrentJob();
  std::vector<internal::Ref> refs = MakeRefs(task);
  absl::Status error = foreign.empty() ? closed_ : ForeignArgument();
  task.options = options == nullptr ? default_options_ : options;
  task.retries_left = task.options->max_retries;
  if (error.ok()) error = dispatcher_.Submit(task);
  if (!error.ok()) {
    book_.Fail(task, WithContext(error, absl::StrCat("task ", std::string(task.label()))));
  } else {
    dispatcher_.PushUrgent();
  }
  return refs;
}

internal::Ref Client::CreateActor(internal::Call constructor, const ActorOptions& options, std::string_view type) {
  const std::vector<internal::Ref> foreign = TakeIfForeign(constructor);
  if (!foreign.empty()) return PutError(ForeignArgument());
  MutexLock lock(env_->executor().mutex());
  if (!closed_.ok()) {
    ObjectRecord& record = objects_.Create(book_.NextId());
    internal::Ref ref = objects_.MakeRef(record);
    objects_.Fail(record, closed_);
    return ref;
  }
  ObjectRecord& record = options.lifetime == Lifetime::kDetached ? actors_.CreateDetached(constructor, options, type)
                                                                 : actors_.Create(constructor, options, type);
  return objects_.MakeRef(record);
}

std::vector<internal::Ref> Client::CallActor(const internal::Ref& actor, internal::Call call) {
  const std::vector<internal::Ref> foreign = TakeIfForeign(call);
  MutexLock lock(env_->executor().mutex());
  TaskRecord& task = book_.Create(TaskKind::kActorCall, call, depth_);
  task.parent = CurrentJob();
  std::vector<internal::Ref> refs = MakeRefs(task);
  ObjectRecord* record = RecordOf(actor);
  if (record == nullptr) {
    book_.Fail(task, MakeError(Cause::kInvalidArgument, absl::StrCat("call of ", std::string(task.label()),
                                                                     ": the handle is empty, or of another cluster")));
  } else if (!closed_.ok()) {
    book_.Fail(task, closed_);
  } else if (!foreign.empty()) {
    book_.Fail(task, ForeignArgument());
  } else if (record->state == ObjectState::kFailed) {
    book_.Fail(task, record->error);
  } else {
    task.actor = record;
    objects_.Hold(*record);
    if (record->actor != nullptr) task.retries_left = record->actor->options.max_task_retries;
    actors_.Call(task);
  }
  return refs;
}

absl::StatusOr<internal::Ref> Client::FindActor(std::string_view name, std::string_view name_space,
                                                std::string_view type) {
  MutexLock lock(env_->executor().mutex());
  if (!closed_.ok()) return closed_;
  Awaited<absl::StatusOr<ObjectRecord*>> found;  // the record comes held
  const FindActorName request{.name_space = std::string(name_space), .name = std::string(name)};
  node_.Call(request, kHeadCallTimeout,
             [this, promise = found.promise(), name = request.name,
              type = std::string(type)](absl::StatusOr<FindActorName::Reply> reply) {
               Executor& executor = env_->executor();
               if (!reply.ok()) return void(promise.Set(executor, reply.status()));
               if (reply->type != type) {
                 const std::string message =
                     absl::StrCat("the actor \"", name, "\" is a ", reply->type, ", not a ", type);
                 return void(promise.Set(executor, MakeError(Cause::kTypeMismatch, message)));
               }
               borrowing_.ImportUnheld(reply->actor, [this, promise](absl::StatusOr<ObjectRecord*> record) {
                 if (record.ok()) objects_.Hold(**record);
                 if (!promise.Set(env_->executor(), record) && record.ok()) objects_.Drop(**record);
               });
             });
  // Both calls have deadlines of their own, so this ends.
  Block(found.waiter(), absl::InfiniteFuture());
  absl::StatusOr<ObjectRecord*>& record = *found.value();
  if (!record.ok()) return record.status();
  internal::Ref ref = objects_.MakeRef(**record);
  objects_.Drop(**record);
  return ref;
}

// --- waiting and reading ---

bool Client::AwaitSettled(const std::vector<ObjectRecord*>& records, size_t count, absl::Time deadline) {
  std::vector<ObjectRecord*> pending;
  for (ObjectRecord* record : records) {
    if (!record->settled()) pending.push_back(record);
  }
  const size_t settled = records.size() - pending.size();
  if (settled >= count) return true;
  SettleWaiter settle(env_->executor(), objects_, pending, count - settled);  // holds them
  for (ObjectRecord* record : pending) borrowing_.Resolve(*record);
  return Block(settle.waiter, deadline, count == records.size() ? &pending : nullptr);
}

absl::Status Client::MayWait(std::string_view call, absl::Time deadline) {
  absl::Status status = internal::CheckMayWait(*this, call);
  return status.ok() || deadline > env_->executor().Now() ? status : absl::OkStatus();
}

std::vector<bool> Client::Wait(std::span<const internal::Ref> refs, size_t count, absl::Time deadline) {
  if (!MayWait("Wait", deadline).ok()) deadline = absl::InfinitePast();
  MutexLock lock(env_->executor().mutex());
  std::vector<ObjectRecord*> records;
  for (const internal::Ref& ref : refs) {
    if (ObjectRecord* record = RecordOf(ref)) records.push_back(record);
  }
  AwaitSettled(records, std::min(count, records.size()), deadline);
  std::vector<bool> settled;
  settled.reserve(refs.size());
  for (const internal::Ref& ref : refs) {
    const ObjectRecord* record = RecordOf(ref);
    settled.push_back(record != nullptr && record->settled());
  }
  return settled;
}

absl::StatusOr<internal::EncodedValue> Client::Get(const internal::Ref& ref, absl::Time deadline) {
  IOC_RETURN_IF_ERROR(MayWait("Get", deadline));
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* record = RecordOf(ref);
  if (record == nullptr) {
    return MakeError(Cause::kInvalidArgument, "Get of a reference that is empty, or of another cluster");
  }
  if (!record->settled() && !AwaitSettled({record}, 1, deadline)) return LateError(*record);
  return Read(*record, deadline);
}

absl::Status Client::LateError(const ObjectRecord& record) {
  const TaskRecord* task = record.task == 0 ? nullptr : book_.Find(record.task);
  const std::string of = task == nullptr ? "" : Whereabouts(*task);
  return ioc::Deadline(absl::StrCat("object ", record.id().ToString(), of));
}

void Client::WhenReady(const internal::Ref& ref, absl::Time deadline,
                       std::shared_ptr<internal::ReadyListener> listener) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* record = RecordOf(ref);
  if (record == nullptr) {
    return listener->OnReady(MakeError(Cause::kInvalidArgument, "a wait for a reference of another cluster"));
  }
  if (!closed_.ok() && record->state != ObjectState::kInline) return listener->OnReady(closed_);
  waits_.ForValue(*record, deadline, std::move(listener));
  if (closed_.ok()) env_->executor().Expedite();
}

bool Client::StopListening(const internal::ReadyListener& listener) {
  MutexLock lock(env_->executor().mutex());
  return waits_.Stop(listener);
}

absl::StatusOr<internal::EncodedValue> Client::Read(ObjectRecord& record, absl::Time deadline) {
  if (record.state == ObjectState::kFailed) return record.error;
  internal::EncodedValue value;
  if (record.state == ObjectState::kInline) {
    value.bytes = *record.bytes;
    value.keepalive = record.bytes;
  } else {
    absl::StatusOr<internal::EncodedValue> stored = ReadStored(record.id(), record.size, record.copies, deadline);
    if (!stored.ok()) return stored.status();
    store_.Cache(record.id());  // as long as the record is there: reading it again asks nobody
    value = *std::move(stored);
  }
  value.refs.reserve(record.contained.size());
  for (ObjectRecord* inner : record.contained) value.refs.push_back(objects_.MakeRef(*inner));
  return value;
}

absl::Status Client::Cancel(const internal::Ref& ref, bool force) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* record = RecordOf(ref);
  if (record == nullptr)
    return MakeError(Cause::kInvalidArgument, "Cancel of a reference that is empty, or of another cluster");
  if (record->settled()) return absl::OkStatus();
  TaskRecord* task = record->task == 0 ? nullptr : book_.Find(record->task);
  if (task == nullptr) {
    return MakeError(
        Cause::kInvalidArgument,
        absl::StrCat("object ", record->id().ToString(),
                     " is not the result of a task of this process; only who submitted a task can cancel it"));
  }
  CancelCall(*task, force);
  return absl::OkStatus();
}

absl::Status Client::KillActor(const internal::Ref& actor, bool no_restart) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* record = RecordOf(actor);
  if (record == nullptr) return MakeError(Cause::kInvalidArgument, "Kill of a handle of another cluster");
  if (!closed_.ok()) return closed_;
  if (record->state == ObjectState::kFailed) return record->error;
  Awaited<absl::Status> killed;
  actors_.Kill(*record, no_restart, [this, promise = killed.promise()](const absl::Status& status) {
    promise.Set(env_->executor(), status);
  });
  Block(killed.waiter(), absl::InfiniteFuture());  // the call has a deadline of its own
  return *killed.value();
}

void Client::CancelCall(TaskRecord& task, bool force) {
  if (task.kind == TaskKind::kActorCall) {
    actors_.Cancel(task);
  } else {
    dispatcher_.Cancel(task, force);
  }
}

void Client::CancelChildren(uint64_t job, bool force) {
  std::vector<uint64_t> children;
  for (const TaskRecord* child : book_.ChildrenOf(job)) children.push_back(child->sequence);
  for (const uint64_t sequence : children) {
    TaskRecord* const child = book_.Find(sequence);  // one's end may be another's
    if (child != nullptr && !child->cancelled) CancelCall(*child, force);
  }
}

uint64_t Client::CurrentJob() const {
  const internal::RunContext* context = internal::CurrentContext();
  return context == nullptr || context->runtime != this ? 0 : context->job;
}

absl::Status Client::SaveCheckpoint() {
  if (worker_ == nullptr) return Runtime::SaveCheckpoint();
  MutexLock lock(env_->executor().mutex());
  return worker_->OnSaveCheckpoint(CurrentJob());
}

bool Client::CancelRequested() {
  if (worker_ == nullptr) return false;
  MutexLock lock(env_->executor().mutex());
  return worker_->CancelRequested(CurrentJob());
}

std::string Client::NodeName() { return registration_.reply.node_name; }
NodeId Client::Node() { return registration_.node.node; }
JobId Client::Job() { return worker_ == nullptr ? JobId(process_.value()) : registration_.reply.job; }

absl::Time Client::Deadline(absl::Duration timeout) {
  return timeout == absl::InfiniteDuration() ? absl::InfiniteFuture() : env_->executor().Now() + timeout;
}

}  // namespace ioc

#include "runtime/client/client.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "iocluster/version.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/objects/worker_page.h"
#include "runtime/client/awaited.h"
#include "runtime/client/object_maker.h"
#include "runtime/client/settle_waiter.h"

namespace ioc {
namespace {

absl::Status Deadline(const std::string& what) {
  return MakeError(Cause::kDeadline, absl::StrCat(what, " was not there when the deadline passed"));
}

// Where a task is that has not ended: " (of Train, on node den)", " (of Train, which waits for a worker)".
std::string Whereabouts(const TaskRecord& task) {
  const ActorState* actor = task.actor == nullptr ? nullptr : task.actor->actor.get();
  const std::string node = task.lease != nullptr ? task.lease->node.name : actor != nullptr ? actor->at.node_name : "";
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
      fates_(*env_, node_),
      reach_(*env_, peers_, fates_),
      borrowing_(*env_, objects_, peers_, reach_),
      lending_(*env_, objects_, peers_, fates_, borrowing_),
      ownership_(objects_, borrowing_, store_),
      streams_(env_->executor(), peers_, objects_, borrowing_, store_),
      waits_(env_->executor(), objects_, store_, streams_, *this),
      book_(objects_, borrowing_, ownership_, store_, streams_),
      owner_moves_(*env_, objects_, peers_, borrowing_, lending_, store_),
      moved_borrows_(*env_, objects_, peers_, borrowing_, lending_, ownership_, book_),
      dispatcher_(*env_, node_, peers_, fates_, book_, actor_owner_),
      detached_(*env_, node_, book_, store_),
      wait_follower_(objects_, book_, peers_),
      hosts_(*env_, peers_, fates_, book_, dispatcher_, actor_owner_),
      actor_caller_(*env_, peers_, objects_, book_, fates_, reach_, dispatcher_, detached_, actor_owner_),
      actor_owner_(*env_, node_, peers_, objects_, book_, borrowing_, reach_, store_, dispatcher_, hosts_,
                   actor_caller_),
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
                   .features = kFeatureOwnerMoves,
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
  if (!driver) owner_moves_.Start(ProcessId(reply.job.value()));
  dispatcher_.SetJob(driver ? JobId(process_.value()) : reply.job, driver ? registration_.node : reply.job_origin);
}

void Client::Shutdown() {
  MutexLock lock(env_->executor().mutex());
  Disconnect(MakeError(Cause::kDisconnected, "this cluster was shut down"));
}

void Client::Disconnect(const absl::Status& why) {
  if (!closed_.ok()) return LeaveNode();
  closed_ = why;
  owner_moves_.Clear();
  moved_borrows_.Clear();
  // First: their queues point to the tasks that fail now.
  dispatcher_.Clear();
  hosts_.Clear();
  actor_owner_.Clear();
  actor_caller_.Clear();
  book_.FailAll(why);
  objects_.FailAll(why);
  waits_.FailAll(why);
  borrowing_.Clear(why);
  lending_.Clear();
  reach_.Clear();
  peers_.Clear();
  node_.Flush();  // a detached actor that was just made is to live
  LeaveNode();
}

void Client::LeaveNode() {
  if (in_store_ == 0) return node_.Close();
  store_.ReleaseUnused();
  node_.Leave();
}

void Client::LetGoOfStore() {
  if (--in_store_ == 0 && !closed_.ok()) node_.Close();
}

void Client::OnNodeClosed(const absl::Status& why) {
  if (worker_ != nullptr) worker_->OnStop(why.message().empty() ? "its node is gone" : std::string(why.message()));
  Disconnect(why);
}

void Client::NoteOwned() {
  if (registration_.status_page == nullptr) return;
  WorkerPageIn(*registration_.status_page).owned.store(objects_.size(), std::memory_order_relaxed);
}

void Client::OnPeerGone(Peer& peer, const absl::Status&) {
  moved_borrows_.OnPeerGone(peer);  // first: what it takes from the peer is not borrowed from that any more
  borrowing_.OnPeerGone(peer);
  lending_.OnPeerGone(peer);
  owner_moves_.OnPeerGone(peer);
  dispatcher_.OnPeerGone(peer);
  hosts_.OnPeerGone(peer);
  actor_caller_.OnPeerGone(peer);
  if (worker_ != nullptr) worker_->OnPeerGone(peer);
  NoteOwned();
}

void Client::OnDead(ObjectRecord& record) {
  actor_caller_.OnDead(record);
  actor_owner_.OnDead(record);
  owner_moves_.OnDead(record);
  store_.Uncache(record.id());
  // What was offered, and maybe never arrived: the stores know better.
  if (record.given == GivenState::kOffered && record.state == ObjectState::kStored) {
    store_.Free(record.id(), record.copies);
  }
  if (!record.owned()) return borrowing_.OnDead(record);
  if (record.state == ObjectState::kStored) store_.Free(record.id(), record.copies);
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
    if (!stored.ok()) return WithMaker(stored.status(), record);
    store_.Cache(record.id());  // as long as the record is there: reading it again asks nobody
    value = *std::move(stored);
  }
  value.refs.reserve(record.contained.size());
  for (ObjectRecord* inner : record.contained) value.refs.push_back(objects_.MakeRef(*inner));
  return value;
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

// The client inside every driver and worker: submits, owns objects, resolves dependencies, retries, waits.
//
// Implements the seam of the public API (iocluster/internal/runtime.h), whose functions any thread may call: they take
// the executor's mutex. Everything else lives on the executor, mutex held. The parts have one job each (README.md);
// this class wires them, dispatches messages and does the waiting.
//
// Counted by reference: the session that connected it, the user's references and views keep it in memory, so that those
// outlive their Cluster; after Shutdown they only say kDisconnected.
#ifndef IOCLUSTER_RUNTIME_CLIENT_CLIENT_H_
#define IOCLUSTER_RUNTIME_CLIENT_CLIENT_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "lib/env/env.h"
#include "runtime/client/actor_caller.h"
#include "runtime/client/actor_owner.h"
#include "runtime/client/borrowing.h"
#include "runtime/client/fates.h"
#include "runtime/client/lending.h"
#include "runtime/client/moved_borrows.h"
#include "runtime/client/node_link.h"
#include "runtime/client/object_table.h"
#include "runtime/client/owner_moves.h"
#include "runtime/client/ownership.h"
#include "runtime/client/peer_reach.h"
#include "runtime/client/peers.h"
#include "runtime/client/ready_waits.h"
#include "runtime/client/store_client.h"
#include "runtime/client/task_book.h"
#include "runtime/client/task_dispatcher.h"
#include "runtime/client/wait_follower.h"

namespace ioc {

// Of what is asked of the head through the node.
inline constexpr absl::Duration kHeadCallTimeout = absl::Seconds(30);

struct ClientOptions {
  Role role = Role::kDriver;
  std::string node_address = {};               // of the own node; empty: Env::TakeParent()
  ProgramInfo program = {};                    // a driver's
  absl::Duration timeout = absl::Seconds(10);  // to reach and register with the node
};

// A PushTasks frame, kept as long as a task in it.
struct PushFrame {
  std::vector<uint64_t> words;
  PushTasks push;  // its views point into `words`
};

// What a worker adds to its client. All with the mutex held.
class WorkerHooks {
 public:
  virtual void OnAssignLease(const AssignLease& lease) = 0;
  virtual void OnConstructActor(const ConstructActor& construct) = 0;
  virtual void OnRecallLease(LeaseId lease) = 0;
  virtual void OnStop(std::string_view reason) = 0;  // the node is gone or says so
  virtual void OnPushTasks(PeerLink& link, std::shared_ptr<PushFrame> frame) = 0;
  virtual void OnReturnLease(PeerLink& link, LeaseId lease) = 0;
  virtual void OnRecallTasks(PeerLink& link, const RecallTasks& recall) = 0;
  virtual void OnCancelTask(PeerLink& link, const CancelTask& cancel) = 0;
  virtual void OnStreamCredit(PeerLink& link, const StreamCredit& credit) = 0;
  virtual void OnAnswersHeard(PeerLink& link, const AnswersHeard& heard) = 0;
  virtual void OnStopActor(PeerLink& link, const FrameHeader& request, const StopActor& stop) = 0;
  virtual void OnPeerGone(Peer& peer) = 0;
  virtual void OnProcessGone(ProcessId process) = 0;  // it has ended, wherever it ran
  virtual void OnFollowWait(PeerLink& link, const FollowWait& follow) = 0;
  // Before and after the task that this thread runs waits, until `deadline`, for all of `awaited` (null: for something
  // else): the number of its job, 0 if the end need not be told.
  virtual uint64_t OnBlocked(const std::vector<ObjectRecord*>* awaited, absl::Time deadline) = 0;
  virtual void OnUnblocked(uint64_t job) = 0;
  virtual bool CancelRequested(uint64_t job) = 0;
  // The job's actor is to be saved when the job has ended.
  virtual absl::Status OnSaveCheckpoint(uint64_t job) = 0;
  virtual void Count(ProcessCensus& census) const = 0;

 protected:
  ~WorkerHooks() = default;
};

class Client final : public internal::Runtime, ObjectTableHooks, PeerHooks, NodeLinkHooks, ReadyWaitsHooks {
 public:
  // `worker` is null in a driver. Counted once for the caller: Release it in the end.
  Client(std::shared_ptr<Env> env, WorkerHooks* worker);

  // Registers with the node; blocks. Without the mutex.
  absl::Status Connect(const ClientOptions& options);
  // Lets go of everything; what still waits gets kDisconnected. Without the mutex. Idempotent.
  void Shutdown();

  const Registration& registration() const { return registration_; }
  ProcessId process() const { return process_; }
  NodeLink& node() { return node_; }
  Borrowing& borrowing() { return borrowing_; }
  Lending& lending() { return lending_; }
  Ownership& ownership() { return ownership_; }
  ObjectTable& objects() { return objects_; }
  PeerTable& peers() { return peers_; }
  const StoreClient& store() const { return store_; }
  // Tells the node, through the worker's page, how many objects this process refers to: with any, it is not reaped.
  // Mutex held.
  void NoteOwned();
  // What this process holds now. Mutex held.
  ProcessCensus Census() const;
  // Of the calls that are submitted from now on. Mutex held.
  void set_depth(uint32_t depth) { depth_ = depth; }
  // Whether what is submitted from now on goes on when the job's driver has ended. Mutex held.
  void set_outlives_driver(bool outlives) { dispatcher_.set_outlives_driver(outlives, registration_.node); }

  // Cancels what the worker's job with this number has submitted. Mutex held.
  void CancelChildren(uint64_t job, bool force);
  // Waits as a task does: its CPU is free for others meanwhile. False once `deadline` has passed. `awaited` are the
  // objects all of which it waits for, if that is what it does. Mutex held.
  bool Block(Waiter& waiter, absl::Time deadline, const std::vector<ObjectRecord*>* awaited = nullptr);
  // Looks where a chain of waiting calls leads to, the last of which waits for `awaited`. Mutex held.
  void FollowWaits(const std::vector<ObjectRecord*>& awaited, const std::vector<WaitLink>& chain);

  // A value as a task gets it: mapped if it is stored. Blocks; mutex held. While it does, `waiting`, if it is not null,
  // points to what ends the wait, with kCancelled, when it is notified.
  absl::StatusOr<internal::EncodedValue> ReadStored(ObjectId id, uint64_t size, const std::vector<ObjectCopy>& copies,
                                                    absl::Time deadline, Waiter** waiting = nullptr);
  // A result that was written by Reserve: seals it if it lies in the store. Mutex held; `value` keeps its bytes.
  WireValue SealResult(std::unique_ptr<internal::WritableValue>& value, ObjectId id);
  // Error: a value with these references, written in `memory` (or null), is in part of another cluster. Any thread.
  absl::Status CheckOurs(const internal::WritableValue* memory, const std::vector<internal::Ref>& refs) const;
  void UnpinResult(ObjectId id);

  // internal::Runtime, any thread, without the mutex:
  std::vector<internal::Ref> Submit(internal::Call call, const std::shared_ptr<const TaskOptions>& options) override;
  internal::Ref CreateActor(internal::Call constructor, const ActorOptions& options, std::string_view type) override;
  std::vector<internal::Ref> CallActor(const internal::Ref& actor, internal::Call call) override;
  absl::StatusOr<internal::Ref> FindActor(std::string_view name, std::string_view name_space,
                                          std::string_view type) override;
  absl::StatusOr<internal::EncodedValue> Get(const internal::Ref& ref, absl::Time deadline) override;
  std::vector<bool> Wait(std::span<const internal::Ref> refs, size_t count, absl::Time deadline) override;
  void WhenReady(const internal::Ref& ref, absl::Time deadline,
                 std::shared_ptr<internal::ReadyListener> listener) override;
  void WhenItemReady(const internal::Ref& stream, absl::Time deadline,
                     std::shared_ptr<internal::ReadyListener> listener) override;
  bool StopListening(const internal::ReadyListener& listener) override;
  absl::StatusOr<internal::Ref> NextItem(const internal::Ref& stream, absl::Time deadline) override;
  void CloseStream(const internal::Ref& stream) override;
  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Allocate(size_t bytes) override;
  internal::Ref Put(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override;
  internal::Ref PutInline(std::string bytes, std::vector<internal::Ref> refs) override;
  internal::Ref PutError(const absl::Status& error) override;
  absl::Status Cancel(const internal::Ref& ref, bool force) override;
  absl::Status KillActor(const internal::Ref& actor, bool no_restart) override;
  bool CancelRequested() override;
  absl::Status SaveCheckpoint() override;
  std::string NodeName() override;
  NodeId Node() override;
  JobId Job() override;
  absl::Time Deadline(absl::Duration timeout) override;
  absl::StatusOr<std::string> DescribeNodesJson() override;
  absl::StatusOr<std::string> DescribeObjectsJson() override;
  absl::StatusOr<std::vector<std::string>> ActorNames(std::string_view name_space) override;
  absl::StatusOr<std::string> DescribeActorsJson() override;
  void Retain() override;
  void Release() override;

 private:
  class HeapValue;
  class StoreValue;
  class Pin;
  friend class StoreValue;
  friend class Pin;

  ~Client();

  // ObjectTableHooks
  internal::Runtime& runtime() override { return *this; }
  void OnDead(ObjectRecord& record) override;
  void OnOnlyLent(ObjectRecord& record) override { owner_moves_.OnOnlyLent(record); }
  void OnUserHolds() override { Retain(); }
  void OnUserLetsGo() override { Release(); }
  // PeerHooks
  absl::Status OnPeerMessage(PeerLink& link, FrameView frame) override;
  void OnPeerGone(Peer& peer, const absl::Status& why) override;
  // NodeLinkHooks
  absl::Status OnNodeMessage(Channel& channel, FrameView frame) override;
  void OnNodeClosed(const absl::Status& why) override;
  // ReadyWaitsHooks
  void OnWanted(ObjectRecord& record) override { borrowing_.Resolve(record); }
  uint64_t OnWaitBegins() override { return RunsTask() ? worker_->OnBlocked(nullptr, absl::InfiniteFuture()) : 0; }
  void OnWaitEnds(uint64_t job) override { worker_->OnUnblocked(job); }
  absl::Status LateError(const ObjectRecord& record) override;

  void Registered(Registration registration, const Hello& self);
  absl::Status DispatchPeer(PeerLink& link, const FrameView& frame);
  absl::Status OnBorrowMessage(PeerLink& link, const FrameView& frame);
  absl::Status OnOwnerMessage(PeerLink& link, const FrameView& frame);
  absl::Status OnWorkerMessage(PeerLink& link, const FrameView& frame);
  // All pages of it. Without the mutex.
  absl::StatusOr<std::vector<ActorStatus>> ListActors(ioc::ListActors request);
  absl::Status TakePush(PeerLink& link, const FrameView& frame);
  absl::Status TakeResults(PeerLink& link, const FrameView& frame);
  absl::Status TakeItem(PeerLink& link, const FrameView& frame);
  void CancelCall(TaskRecord& task, bool force);
  // Asks the head through the node; blocks. Without the mutex.
  template <typename R>
  absl::StatusOr<typename R::Reply> AskHead(const R& request);
  uint64_t CurrentJob() const;
  bool RunsTask() const { return worker_ != nullptr && internal::CurrentRuntime() == this; }
  // Error: this thread runs a coroutine, and `call` may wait.
  absl::Status MayWait(std::string_view call, absl::Time deadline);
  void Disconnect(const absl::Status& why);
  void LeaveNode();
  // One of `in_store_` has ended. Mutex held.
  void LetGoOfStore();

  // Null if it is empty, or of another cluster. Any thread.
  ObjectRecord* RecordOf(const internal::Ref& ref) const;
  // Takes the references out of a call that has one of another cluster among them; they are empty otherwise. Without
  // the mutex, which the other cluster's client may want.
  std::vector<internal::Ref> TakeIfForeign(internal::Call& call);
  // They are ours.
  std::vector<ObjectRecord*> HoldAll(const std::vector<internal::Ref>& refs);
  std::vector<internal::Ref> MakeRefs(TaskRecord& task);
  // Waits until `count` of them are settled. Mutex held.
  bool AwaitSettled(const std::vector<ObjectRecord*>& records, size_t count, absl::Time deadline);
  absl::StatusOr<internal::EncodedValue> Read(ObjectRecord& record, absl::Time deadline);
  // Blocks; without the mutex.
  absl::StatusOr<StorePiece> AllocatePiece(size_t bytes);
  internal::EncodedValue View(ObjectId id, const StoreLocation& location);

  const std::shared_ptr<Env> env_;
  WorkerHooks* const worker_;
  std::atomic<int64_t> references_{1};
  ProcessId process_;
  Registration registration_;
  absl::Status closed_;  // not OK once shut down
  uint32_t depth_ = 0;
  TaskResults results_;
  // Views of stored values, and values that are being written in the store: while there are any, the connection with
  // the node stays, since the memory is this process's as long as it does.
  size_t in_store_ = 0;

  ObjectTable objects_;
  PeerTable peers_;
  NodeLink node_;
  StoreClient store_;
  Fates fates_;
  PeerReach reach_;
  Borrowing borrowing_;
  Lending lending_;
  Ownership ownership_;
  StreamTable streams_;
  ReadyWaits waits_;
  TaskBook book_;
  OwnerMoves owner_moves_;
  MovedBorrows moved_borrows_;
  TaskDispatcher dispatcher_;
  DetachedClient detached_;
  WaitFollower wait_follower_;
  SharedHosts hosts_;
  ActorCaller actor_caller_;
  ActorOwner actor_owner_;
  std::shared_ptr<const TaskOptions> default_options_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_CLIENT_H_

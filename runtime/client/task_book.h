// The calls of this process that have no answer yet: makes them from what the templates built, waits for their
// arguments, turns them into messages and their answers into settled objects. Where and when they run is up to a
// TaskSink (the TaskDispatcher, the ActorCaller).
//
// Lives on the client's executor. Invariant: a task's results settle before, or when, its record is destroyed.
#ifndef IOCLUSTER_RUNTIME_CLIENT_TASK_BOOK_H_
#define IOCLUSTER_RUNTIME_CLIENT_TASK_BOOK_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/client/borrowing.h"
#include "runtime/client/ownership.h"
#include "runtime/client/store_client.h"
#include "runtime/client/streams.h"
#include "runtime/client/task_record.h"

namespace ioc {

// What a task's arguments may take in a message.
inline constexpr size_t kMaxTaskBytes = size_t{12} << 20;
// The same together with the checkpoint that an actor is made again from.
inline constexpr size_t kMaxTaskBytesWithCheckpoint = size_t{15} << 20;
static_assert(kMaxTaskBytes < kMaxTaskBytesWithCheckpoint && kMaxTaskBytesWithCheckpoint < kMaxBodyBytes);

class TaskBook {
 public:
  TaskBook(ObjectTable& objects, Borrowing& borrowing, Ownership& ownership, StoreClient& store, StreamTable& streams)
      : objects_(objects), borrowing_(borrowing), ownership_(ownership), store_(store), streams_(streams) {}

  // Where this process runs; its ids are made from it.
  void SetSelf(ProcessId self, NodeAddress node);

  ProcessId self() const { return self_; }
  const NodeAddress& node() const { return node_; }
  // A fresh id of this process's.
  ObjectId NextId(uint64_t count = 1);

  // `call` keeps its references: the caller destroys them without the mutex. The results are in the table, pending.
  TaskRecord& Create(TaskKind kind, internal::Call& call, uint32_t depth);
  ObjectRecord& Result(const TaskRecord& task, uint32_t i = 0);
  TaskRecord* Find(uint64_t sequence);
  // Those that the job with this number has made, in order.
  std::vector<TaskRecord*> ChildrenOf(uint64_t job);

  // The objects that references in calls name which were sent and are not answered.
  absl::flat_hash_set<ObjectId> NamedInCalls() const;

  // Tells `task.sink` when every argument is there; maybe at once.
  void AwaitArguments(TaskRecord& task);

  // A worker on `node` was lost, or given up, with the task: what it has stored there is freed in the end.
  void NoteTried(TaskRecord& task, const NodeAddress& node);
  // The reader of its stream has dropped it.
  void NoteClosed(TaskRecord& task) { task.closed_at = streams_.Received(task.sequence); }
  // An answer or item that nobody waits for: what it refers to, and what it has stored, is let go.
  void Discard(const TaskResult& result, const Peer& sender);
  void Discard(const StreamItem& item, const Peer& sender);
  // The node that ran `task` last is gone; so are items of its stream that lay there.
  void LoseItems(const TaskRecord& task);

  // Appends what `task` is to a message over `link`.
  void AppendTo(PushTasks& push, const TaskRecord& task, PeerLink& link);

  // The end of a task. Complete takes a kDone answer from `sender`, whose node is `node`.
  void Complete(TaskRecord& task, TaskResult& result, ProcessId sender, const NodeAddress& node);
  void Fail(TaskRecord& task, const absl::Status& error);
  // Settles the results with an error now; the record waits for its answer, or for its sink.
  void SettleEarly(TaskRecord& task, const absl::Status& error);
  void FailAll(const absl::Status& error);

  size_t size() const { return tasks_.size(); }

 private:
  friend struct TaskRecord;
  void ArgumentSettled(TaskRecord& task);
  void StorePayload(TaskRecord& task);
  void Doom(TaskRecord& task);
  static size_t WireBytesOf(const TaskRecord& task);
  void FreeStrays(const TaskRecord& task, const TaskRecord::Tried& tried);
  // Unless it is the copy that is known.
  void FreeStray(ObjectId id, const NodeAddress& node);
  void Destroy(TaskRecord& task);
  uint32_t NumberFunction(PushTasks& push, const internal::FunctionInfo* function, PeerLink& link);

  ObjectTable& objects_;
  Borrowing& borrowing_;
  Ownership& ownership_;
  StoreClient& store_;
  StreamTable& streams_;
  ProcessId self_;
  NodeAddress node_;
  uint64_t last_sequence_ = 0;
  absl::flat_hash_map<uint64_t, std::unique_ptr<TaskRecord>> tasks_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_TASK_BOOK_H_

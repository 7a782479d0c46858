// Local mode: a whole cluster in the calling thread, for debuggers and sanitizers. No process, no thread, no socket.
//
// A task runs inside Submit, on the caller's stack, as soon as its arguments are there; an actor is an object in this
// process, and its calls run inside Call. So a reference is nearly always settled when the caller gets it. What is not
// (the call of an actor that is in the middle of another call, and what depends on such a call) runs when it can: after
// the call that is in the way, or when a Get asks for it. A Get of what can only come after the Get itself is an error
// that says so. Errors, exceptions among them, have the causes and words that they have on a real cluster. Resources,
// conditions and placement are checked for sense and otherwise not looked at.
//
// Any thread may call; tasks then run on the threads that submit them, at once if there are several. The calls of an
// actor run one at a time, on the thread that made them or on the one that the call before them ran on.
//
// Counted by reference, as a Client is. State is guarded by the mutex of the Env's executor.
#ifndef IOCLUSTER_RUNTIME_LOCAL_LOCAL_RUNTIME_H_
#define IOCLUSTER_RUNTIME_LOCAL_LOCAL_RUNTIME_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "lib/base/resources.h"
#include "lib/env/env.h"
#include "runtime/local/local_memory.h"
#include "runtime/local/local_object.h"

namespace ioc {

// A stream runs to its end before its reader sees the first item; one that makes more than this fails.
inline constexpr size_t kMaxLocalStreamItems = 1'000'000;
inline constexpr uint64_t kMaxLocalStreamBytes = uint64_t{1} << 30;

struct LocalOptions {
  ResourceSet total = {};    // that the one node seems to have
  uint64_t store_bytes = 0;  // of values over internal::kMaxInlineBytes, at most
};

class LocalRuntime final : public internal::Runtime {
 public:
  // Counted once for the caller: Release it in the end.
  LocalRuntime(std::shared_ptr<Env> env, LocalOptions options);

  // Ends the actors; what has not run never will. Without the mutex. Idempotent.
  void Shutdown();
  // Values and actors that are referred to.
  size_t objects() const { return objects_.load(std::memory_order_relaxed); }

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
  // They are told before WhenReady returns.
  bool StopListening(const internal::ReadyListener&) override { return false; }
  absl::StatusOr<internal::Ref> NextItem(const internal::Ref& stream, absl::Time deadline) override;
  void CloseStream(const internal::Ref& stream) override;
  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Allocate(size_t bytes) override;
  internal::Ref Put(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override;
  internal::Ref PutInline(std::string bytes, std::vector<internal::Ref> refs) override;
  internal::Ref PutError(const absl::Status& error) override;
  absl::Status Cancel(const internal::Ref& ref, bool force) override;
  absl::Status KillActor(const internal::Ref& actor, bool no_restart) override;
  bool CancelRequested() override;
  std::string NodeName() override { return "local"; }
  NodeId Node() override { return node_; }
  JobId Job() override { return JobId(process_.value()); }
  absl::Time Deadline(absl::Duration timeout) override;
  absl::StatusOr<std::string> DescribeNodesJson() override;
  absl::StatusOr<std::string> DescribeObjectsJson() override;
  absl::StatusOr<std::vector<std::string>> ActorNames(std::string_view name_space) override;
  absl::StatusOr<std::string> DescribeActorsJson() override;
  void Retain() override { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release() override;

 private:
  friend class LocalObject;
  class Results;
  class StreamSink;
  using NameKey = std::pair<std::string, std::string>;  // name space, name

  ~LocalRuntime() = default;

  Mutex& mutex() { return env_->executor().mutex(); }
  ObjectId NextId(uint64_t count = 1);
  static const void* ThisThread();
  static internal::EncodedValue Written(std::unique_ptr<internal::WritableValue> value,
                                        std::vector<internal::Ref> refs);
  static internal::EncodedValue Inline(std::string bytes, std::vector<internal::Ref> refs);
  // Null if it is empty or of another cluster.
  LocalObject* ObjectOf(const internal::Ref& ref) const;
  LocalActor* ActorOf(const internal::Ref& ref) const;
  bool IsOurs(const std::vector<internal::Ref>& refs) const;
  internal::Ref PutValue(absl::StatusOr<internal::EncodedValue> value);
  uint64_t CurrentJob() const;

  // --- calls (local_calls.cc); with the mutex unless it says otherwise ---
  std::unique_ptr<LocalTask> NewTask(LocalTask::Kind kind, internal::Call call);
  // Sets the group that it names.
  absl::Status FindGroup(LocalTask& call, LocalActor& actor);
  // Runs it now if it can be, or keeps it until then. Without the mutex.
  void Launch(std::unique_ptr<LocalTask> task);
  void ArgumentSettled(LocalTask& task);
  void Pump(LocalActor& actor, LocalGroup& group);
  void Enqueue(LocalTask& task);
  // This thread is to run it, and no other.
  void Take(LocalTask& task);
  // Leaves `value` to the caller if the object has settled.
  void SettleValue(LocalObject& object, internal::EncodedValue& value);
  void SettleError(LocalObject& object, const absl::Status& error);
  void Settled(LocalObject& object);
  // It never runs: its results fail with `error`. Of one that was not launched.
  void Refuse(LocalTask& task, const absl::Status& error);
  // Its results fail with `error`, unless they have settled.
  void Fail(LocalTask& task, const absl::Status& error);
  // The task has ended. Sweep destroys it.
  void Remove(LocalTask& task);
  void CancelTask(LocalTask& task);
  // --- without the mutex ---
  // Runs what may run, until nothing may; in the middle of a task that is for whoever runs it to do.
  void Drain();
  // Destroys what has ended.
  void Sweep();
  void Run(LocalTask& task);
  absl::Status RunAttempts(LocalTask& task, internal::Invocation& invocation, Results& results);
  absl::Status RunOnce(LocalTask& task, internal::Invocation& invocation, Results& results);
  absl::Status RunCoroutine(LocalTask& task, internal::CoroutineCall& call, internal::ReturnSink& results);
  // With the mutex.
  absl::Status Gather(LocalTask& task, internal::Invocation& invocation);

  // --- waiting (local_waits.cc) ---
  // The call that has to run next for `object` to settle, if it can run here. Otherwise null; `circular` says that it
  // can't before this thread goes on, and is then the name of what is in the way.
  LocalTask* NextFor(const LocalObject& object, std::string& circular) const;
  // Runs or awaits what makes these, until `count` have settled; false at the deadline, or if they never can. A stream
  // has settled when it has an item.
  bool AwaitSettled(const std::vector<LocalObject*>& objects, size_t count, absl::Time deadline, std::string& circular);
  absl::Status LateError(const LocalObject& object, const std::string& circular) const;
  absl::Status MayWait(std::string_view call, absl::Time deadline);

  // --- actors (local_actors.cc); with the mutex unless it says otherwise ---
  internal::Ref MakeRef(LocalObject& object);
  absl::Status TakeName(LocalActor& actor);
  void Constructed(LocalActor& actor, const internal::Invocation& invocation, const absl::Status& status);
  void Die(LocalActor& actor, const absl::Status& error);
  // Without the mutex.
  void Construct(const internal::Ref& actor);
  void CallEnded(const internal::Ref& actor, LocalGroup& group);
  // What its object was is destroyed, if no call runs, and made anew, if it is to be. Without the mutex.
  void Settle(const internal::Ref& actor);
  // The last reference is gone. Without the mutex.
  void Bury(LocalObject& object);

  const std::shared_ptr<Env> env_;
  const LocalOptions options_;
  LocalMemory memory_;
  std::atomic<int64_t> references_{1};
  std::atomic<size_t> objects_{0};
  ProcessId process_;
  NodeId node_;
  uint64_t last_sequence_ = 0;
  uint64_t last_job_ = 0;
  absl::Status closed_;  // not OK once shut down

  std::map<uint64_t, std::unique_ptr<LocalTask>> tasks_;  // that have not ended, by job
  std::vector<std::unique_ptr<LocalTask>> ended_;         // until Sweep
  std::deque<uint64_t> ready_;                            // jobs that may run
  std::vector<Waiter*> waiting_;                          // threads that can run what is ready, if they wait for it
  std::map<NameKey, LocalActor*> names_;
  std::map<ObjectId, LocalActor*> actors_;  // that live
  std::map<ObjectId, internal::Ref> detached_;
  std::vector<LocalObject*> graves_;  // that nobody refers to any more
  bool burying_ = false;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_LOCAL_LOCAL_RUNTIME_H_

// The seam between the templates of the public API and the library behind them. Not for users: it may change with any
// release.
//
// Templates turn calls into bytes and bytes into values; a Runtime (runtime/client) moves the bytes. An encoded value
// holds references by position: the i-th reference in it is refs[i] beside it, so that bytes mean the same everywhere.
#ifndef IOCLUSTER_INTERNAL_RUNTIME_H_
#define IOCLUSTER_INTERNAL_RUNTIME_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iocluster/ids.h"
#include "iocluster/options.h"
#include "iocluster/status.h"

namespace ioc::internal {

class Runtime;

// Values up to this size travel inside messages; larger ones lie in the object store.
inline constexpr size_t kMaxInlineBytes = 100 << 10;

// What a reference points to: a process's record of one object or actor. Counts this process's references. Thread-safe.
class RefTarget {
 public:
  RefTarget(const RefTarget&) = delete;
  RefTarget& operator=(const RefTarget&) = delete;

  const ObjectId& id() const { return id_; }
  // The runtime it belongs to; kept alive by the reference, but maybe shut down (its calls then say kDisconnected).
  virtual Runtime& runtime() const = 0;

  // Returns the count before.
  int64_t Retain() { return count_.fetch_add(1, std::memory_order_relaxed); }
  void Release() {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) Unreferenced();
  }

 protected:
  explicit RefTarget(ObjectId id) : id_(id) {}
  virtual ~RefTarget() = default;
  // The count fell to zero. A Retain may already have raised it again from within the runtime; the implementation looks
  // under its lock.
  virtual void Unreferenced() = 0;
  int64_t count() const { return count_.load(std::memory_order_acquire); }

 private:
  const ObjectId id_;
  std::atomic<int64_t> count_{0};
};

// A counted reference. Copying counts.
class Ref {
 public:
  Ref() = default;
  explicit Ref(RefTarget* target) : target_(target) {
    if (target_ != nullptr) target_->Retain();
  }
  // Takes over a count that Retain has already made.
  static Ref Adopt(RefTarget* target) {
    Ref ref;
    ref.target_ = target;
    return ref;
  }
  Ref(const Ref& other) : Ref(other.target_) {}
  Ref(Ref&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~Ref() {
    if (target_ != nullptr) target_->Release();
  }

  explicit operator bool() const { return target_ != nullptr; }
  RefTarget* get() const { return target_; }
  RefTarget* operator->() const { return target_; }

 private:
  RefTarget* target_ = nullptr;
};

// The bytes of an encoded value, readable while `keepalive` lives; 64-byte aligned if they lie in the object store, 8
// otherwise. A decoded Array may alias them and keep `keepalive`.
struct EncodedValue {
  std::string_view bytes;
  std::shared_ptr<const void> keepalive;
  std::vector<Ref> refs;
  bool stored = false;  // in shared memory
};

// Memory for one value that is being written: on the heap up to kMaxInlineBytes, otherwise in the object store.
// Destroying it unsealed gives the memory back.
class WritableValue {
 public:
  virtual ~WritableValue() = default;
  virtual std::span<std::byte> bytes() = 0;
};

// Where the values go that a task or method returns.
class ReturnSink {
 public:
  // Memory for the next result.
  virtual absl::StatusOr<std::unique_ptr<WritableValue>> Reserve(size_t bytes) = 0;
  // The next result is this, written by Reserve or Runtime::Allocate.
  virtual void Return(std::unique_ptr<WritableValue> value, std::vector<Ref> refs) = 0;
  virtual void ReturnInline(std::string bytes, std::vector<Ref> refs) = 0;

 protected:
  ~ReturnSink() = default;
};

// Where the items of a stream go; each is Returned between two calls of BeginItem.
class StreamSink : public ReturnSink {
 public:
  enum class Step {
    kSend,
    kSkip,    // the caller has this one from an earlier attempt
    kClosed,  // nobody reads any more
  };
  // Waits until the reader can take one more.
  virtual Step BeginItem() = 0;

 protected:
  ~StreamSink() = default;
};

struct RunContext;

// A thread's worth of coroutines: in asio.h an io_context.
class CoroutineLoop {
 public:
  virtual ~CoroutineLoop() = default;
  // Runs what was started on it, on one thread, until Stop.
  virtual void Run() = 0;
  // Any thread.
  virtual void Stop() = 0;
};

// A call of a function that is a coroutine: its arguments are here, it has not started.
class CoroutineCall {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  virtual ~CoroutineCall() = default;
  virtual std::unique_ptr<CoroutineLoop> MakeLoop() const = 0;
  // Starts it on `loop`, which any call's MakeLoop has made; whenever it runs, `context` is the current one. `done` is
  // called once, on the loop's thread, with its results in `results` or what went wrong; until then all of these live,
  // and so does this object. Any thread.
  virtual void Start(CoroutineLoop& loop, const RunContext& context, ReturnSink& results, Done done) = 0;
  // Ends what it waits for. Any thread, from Start until `done`.
  virtual void Cancel() = 0;
};

// What the entry of a task function or method is given.
struct Invocation {
  EncodedValue payload;                    // the encoded arguments
  std::vector<EncodedValue> dependencies;  // for the payload's placeholders, in order
  void* actor = nullptr;                   // of a method: the object
  uint32_t num_returns = 1;
  bool split = false;  // a vector of num_returns elements, each a result of its own
  ReturnSink* results = nullptr;
  StreamSink* stream = nullptr;  // of a stream's function
  // The entry sets it if the function is a coroutine: it is still to be started, and has its own sink then.
  std::unique_ptr<CoroutineCall> coroutine;
  // Of a constructor: the state that the object is to take up, if any.
  const EncodedValue* checkpoint = nullptr;
  // Of a constructor: the entry sets them. `save` hands the object's state to a sink; null if its class has none to
  // save.
  void* created = nullptr;
  void (*destroy)(void*) = nullptr;
  absl::Status (*save)(void* object, ReturnSink& state) = nullptr;
};

// Decodes the arguments, calls the user's function, encodes what it returns. User exceptions become kTaskThrew here.
using Entry = absl::Status (*)(Invocation&);

// The class of an actor: one for each, by its address. `name` is for people.
struct ActorClass {
  std::string_view name;
};

// An entry and its names. Made by static initialisation, one for each function that the program submits.
struct FunctionInfo {
  Entry entry = nullptr;
  const char* mangled = nullptr;            // the mangled name of the template instance
  std::string_view label;                   // for people: "Add", "Counter::Increment"
  bool is_coroutine = false;                // its entry returns at once, with an Invocation::coroutine
  const ActorClass* actor_class = nullptr;  // of a method and a constructor
};

// Notes a function in the table of this process; `info` lives for ever. Returns true, so that a static can be made of
// it.
bool RegisterFunction(const FunctionInfo& info);

// A call as the templates build it.
struct Call {
  const FunctionInfo* function = nullptr;
  std::string payload;
  std::vector<Ref> dependencies;  // whose values the function wants
  std::vector<Ref> refs;          // that the payload carries as references
  uint32_t num_returns = 1;
  bool split = false;                          // the function returns a vector of num_returns elements
  uint32_t stream_window = 0;                  // of a stream; its one result is its end
  std::shared_ptr<const CallOptions> options;  // of an actor's method; null: the defaults
};

// Told once that what was asked for with Runtime::WhenReady or WhenItemReady is there, or that it never will be.
class ReadyListener {
 public:
  // On any thread, with the runtime's lock held: it may only note this down, or hand it to another thread, and holds no
  // reference of the runtime's from then on. OK: the call that takes what was asked for does not wait now.
  virtual void OnReady(const absl::Status& status) = 0;
  virtual ~ReadyListener() = default;
};

class Runtime {
 public:
  // Any thread. Errors come with the results' Get.
  virtual std::vector<Ref> Submit(Call call, const std::shared_ptr<const TaskOptions>& options) = 0;  // null: defaults
  // `type` names the class. The result is the actor.
  virtual Ref CreateActor(Call constructor, const ActorOptions& options, std::string_view type) = 0;
  virtual std::vector<Ref> CallActor(const Ref& actor, Call call) = 0;
  virtual absl::StatusOr<Ref> FindActor(std::string_view name, std::string_view name_space, std::string_view type) = 0;

  // Waits until the value is here. Not from within the runtime's own callbacks.
  virtual absl::StatusOr<EncodedValue> Get(const Ref& ref, absl::Time deadline) = 0;
  // Waits until `count` of them are settled (a value or an error), or the deadline. The i-th answer says whether the
  // i-th is.
  virtual std::vector<bool> Wait(std::span<const Ref> refs, size_t count, absl::Time deadline) = 0;

  // For those that don't wait in a thread. Tells `listener` when Get of `ref` would not wait, at once if that is now;
  // at `deadline` it is told kDeadline.
  virtual void WhenReady(const Ref& ref, absl::Time deadline, std::shared_ptr<ReadyListener> listener) = 0;
  // The same for NextItem.
  virtual void WhenItemReady(const Ref& stream, absl::Time deadline, std::shared_ptr<ReadyListener> listener) = 0;
  // `listener` is not told any more. False if it has been told already.
  virtual bool StopListening(const ReadyListener& listener) = 0;

  // `stream` is the end of a stream that this process called. Waits for its next item; empty if there are no more.
  virtual absl::StatusOr<Ref> NextItem(const Ref& stream, absl::Time deadline) = 0;
  // No more items are wanted; the call is cancelled if it still runs.
  virtual void CloseStream(const Ref& stream) = 0;

  virtual absl::StatusOr<std::unique_ptr<WritableValue>> Allocate(size_t bytes) = 0;
  virtual Ref Put(std::unique_ptr<WritableValue> value, std::vector<Ref> refs) = 0;
  virtual Ref PutInline(std::string bytes, std::vector<Ref> refs) = 0;
  // A reference that is settled with an error from the start.
  virtual Ref PutError(const absl::Status& error) = 0;

  virtual absl::Status Cancel(const Ref& ref, bool force) = 0;
  virtual absl::Status KillActor(const Ref& actor, bool no_restart) = 0;
  virtual bool CancelRequested() = 0;  // of the task that this thread runs
  // Of the actor whose method this thread runs.
  virtual absl::Status SaveCheckpoint() {
    return MakeError(Cause::kInvalidArgument, "SaveCheckpoint is for the methods of an actor, while they run");
  }

  virtual std::string NodeName() = 0;  // where this process runs
  virtual NodeId Node() = 0;
  virtual JobId Job() = 0;

  // Adds the steady clock's present to a timeout; infinite stays infinite.
  virtual absl::Time Deadline(absl::Duration timeout) = 0;

  virtual absl::StatusOr<std::string> DescribeNodesJson() = 0;
  virtual absl::StatusOr<std::string> DescribeObjectsJson() = 0;
  virtual absl::StatusOr<std::vector<std::string>> ActorNames(std::string_view name_space) = 0;
  virtual absl::StatusOr<std::string> DescribeActorsJson() = 0;

  virtual void Retain() = 0;
  virtual void Release() = 0;

 protected:
  ~Runtime() = default;
};

// What a thread works for: the task that it runs, or the Cluster that it connected.
struct RunContext {
  Runtime* runtime = nullptr;
  uint64_t job = 0;            // the worker's number for the task that runs; 0: none
  std::string_view coroutine;  // what runs, if it is a coroutine, which must not wait in its thread
};
// Null if neither. The context must live until another one is set.
RunContext* CurrentContext();
void SetCurrentContext(RunContext* context);
// kInvalidArgument if this thread runs a coroutine of `runtime`'s, so that `call` may not wait here.
absl::Status CheckMayWait(const Runtime& runtime, std::string_view call);

// Of the current context; null if there is none.
Runtime* CurrentRuntime();
// A context of this thread's own, which keeps the runtime; for null, what was there before.
void SetCurrentRuntime(Runtime* runtime);

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_RUNTIME_H_

// A call on its way: from Submit to the answer.
#ifndef IOCLUSTER_RUNTIME_CLIENT_TASK_RECORD_H_
#define IOCLUSTER_RUNTIME_CLIENT_TASK_RECORD_H_

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "lib/protocol/peer_messages.h"
#include "runtime/client/object_record.h"

namespace ioc {

struct TaskRecord;
struct Lease;
struct ClassQueue;
struct Construction;

// What goes on with a call once its arguments are there.
class TaskSink {
 public:
  virtual void OnTaskReady(TaskRecord& task) = 0;
  // An argument failed; the task is failed with `error` and destroyed after this.
  virtual void OnTaskDoomed(TaskRecord& task, const absl::Status& error) = 0;
  // Its results are settled, and it is about to be destroyed.
  virtual void OnTaskOver(TaskRecord&) {}

 protected:
  ~TaskSink() = default;
};

// Made and destroyed by the TaskBook. Holds its results, its arguments and its actor in the object table.
struct TaskRecord final : SettleListener {
  void OnSettled(ObjectRecord& record) override;

  class TaskBook* book = nullptr;
  TaskSink* sink = nullptr;
  TaskKind kind = TaskKind::kTask;
  const internal::FunctionInfo* function = nullptr;
  std::shared_ptr<const TaskOptions> options;  // of a task; never null then
  uint64_t sequence = 0;
  uint32_t num_returns = 1;
  bool split = false;
  uint32_t stream_window = 0;  // not 0: a stream
  uint64_t parent = 0;         // the worker's number for the job that made this call; 0: none
  uint32_t depth = 0;
  uint32_t attempt = 0;
  int32_t retries_left = 0;  // -1: without end
  std::string payload;
  size_t wire_bytes = 0;                   // about what it takes in a message, once its arguments are there
  ObjectRecord* stored_payload = nullptr;  // instead of `payload`, if that is too large to travel
  std::vector<ObjectRecord*> dependencies;
  std::vector<ObjectRecord*> refs;
  ObjectRecord* actor = nullptr;
  std::shared_ptr<const Construction> construction;  // of an actor's constructor
  uint64_t call_sequence = 0;
  std::shared_ptr<const CallOptions> call;  // of an actor's method; may be null

  uint32_t missing = 0;    // arguments that have not settled
  bool cancelled = false;  // its results are settled already
  Lease* lease = nullptr;  // of a task that was pushed
  ClassQueue* queue = nullptr;
  uint32_t pool = 0;            // of a shared actor's constructor: its class
  bool may_have_begun = false;  // of an actor's call: it was sent on a connection that broke
  uint64_t closed_at = 0;       // of a stream that its reader has dropped: the items that had come by then

  // The node of a worker that was lost with it, which may hold results of its own; of a stream the items in [first,
  // last), which nobody was told of.
  struct Tried {
    NodeAddress node;
    uint64_t first_item = 0;
    uint64_t last_item = 0;
  };
  std::vector<Tried> tried;

  std::string_view label() const {
    if (options != nullptr && !options->name.empty()) return options->name;
    return call != nullptr && !call->name.empty() ? std::string_view(call->name) : function->label;
  }
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_TASK_RECORD_H_

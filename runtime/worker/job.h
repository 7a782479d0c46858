// One task or call that a worker has taken, waiting or running.
#ifndef IOCLUSTER_RUNTIME_WORKER_JOB_H_
#define IOCLUSTER_RUNTIME_WORKER_JOB_H_

#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "runtime/client/client.h"

namespace ioc {

class HostedActor;
class StreamOut;
struct CallGroup;

struct WorkerJob {
  uint64_t number = 0;               // of this worker's own
  std::shared_ptr<PushFrame> frame;  // keeps what `spec` views
  const TaskSpec* spec = nullptr;
  const internal::FunctionInfo* function = nullptr;
  uint64_t link = 0;
  ProcessId caller;
  LeaseId lease;
  HostedActor* actor = nullptr;  // of a call; it stays until its last call has ended
  CallGroup* group = nullptr;    // likewise
  bool taken = false;            // an actor's call that is noted as come
  bool cancelled = false;
  bool is_checkpoint = false;                           // not a call: its actor's state is to be saved
  bool save_asked = false;                              // by user code
  bool abandoned = false;                               // its actor was killed, and its caller told
  const std::vector<ObjectRecord*>* awaited = nullptr;  // its thread waits for all of them
  absl::Time waits_since;
  absl::Time waits_until;
  bool gathering = false;                        // its thread fetches its arguments
  Waiter* fetching = nullptr;                    // while it waits for one
  size_t waits = 0;                              // for what is elsewhere, that go on now; a coroutine may have several
  internal::CoroutineCall* coroutine = nullptr;  // of a coroutine, while it runs
  StreamOut* stream = nullptr;                   // of a stream, while it runs
  std::unique_ptr<WorkerJob> next;               // in a JobList
};

// An item of a stream that its reader has not taken.
struct SentItem {
  uint64_t index = 0;
  uint64_t size = 0;  // as it counts towards the window
  WireValue value;
  std::string text;                                 // what `value` views
  std::unique_ptr<internal::WritableValue> memory;  // likewise
  std::vector<ObjectRecord*> refs;                  // held
};

// An answer; that of an actor's call is kept until its caller has heard it.
struct WorkerAnswer {
  uint64_t link = 0;
  TaskResult result;
  std::vector<std::string> texts;                                // what result.returns view
  std::vector<std::unique_ptr<internal::WritableValue>> values;  // likewise
  std::vector<ObjectRecord*> refs;                               // in `result`
  std::deque<SentItem> items;                                    // of a stream
  bool kept = false;      // an actor's: holds its references until its caller has heard it
  bool withheld = false;  // until its actor is saved
  bool ready = false;     // may be sent, unless it is withheld
  bool queued = false;    // will be, at the end of the turn
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_JOB_H_

// Those that wait for values and items without a thread: completion handlers and coroutines, by way of ReadyListeners.
//
// A wait ends once: when Get or NextItem would not wait any more, at its deadline, when it is stopped, or with the
// client. A stored value is then cached on this node; if it is let go of before it is read (Get says kDeadline), its
// reader waits anew, so what failed is told here, with its error. The listener is forgotten once it was told; it holds
// no reference of ours from then on (runtime.h), so it may be destroyed with the mutex held.
//
// Owned by the client, on its executor. Waits hold their records.
#ifndef IOCLUSTER_RUNTIME_CLIENT_READY_WAITS_H_
#define IOCLUSTER_RUNTIME_CLIENT_READY_WAITS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>

#include "runtime/client/object_table.h"
#include "runtime/client/store_client.h"
#include "runtime/client/streams.h"

namespace ioc {

// What the rest of the client does about waits.
class ReadyWaitsHooks {
 public:
  // A value is wanted that is not here: its owner is to be asked.
  virtual void OnWanted(ObjectRecord& record) = 0;
  // A wait begins, maybe of the task that this thread runs: the number of its job, 0 if the end need not be told.
  virtual uint64_t OnWaitBegins() = 0;
  virtual void OnWaitEnds(uint64_t job) = 0;
  // What to say of a value that was not there in time.
  virtual absl::Status LateError(const ObjectRecord& record) = 0;

 protected:
  ~ReadyWaitsHooks() = default;
};

class ReadyWaits {
 public:
  ReadyWaits(Executor& executor, ObjectTable& objects, StoreClient& store, StreamTable& streams,
             ReadyWaitsHooks& hooks);
  ~ReadyWaits();

  // Both may tell the listener at once.
  void ForValue(ObjectRecord& record, absl::Time deadline, std::shared_ptr<internal::ReadyListener> listener);
  // `end` is that of a stream of this process.
  void ForItem(ObjectRecord& end, absl::Time deadline, std::shared_ptr<internal::ReadyListener> listener);
  // False if it has been told already.
  bool Stop(const internal::ReadyListener& listener);
  // Every one that still waits is told `error`.
  void FailAll(const absl::Status& error);

  size_t size() const { return waits_.size(); }

 private:
  class Wait;

  void Begin(std::unique_ptr<Wait> wait, absl::Time deadline);
  // Takes it out and tells its listener.
  void End(Wait& wait, const absl::Status& status);
  std::unique_ptr<Wait> Extract(const internal::ReadyListener& listener);
  Wait* Find(const internal::ReadyListener* listener, uint64_t number);

  Executor& executor_;
  ObjectTable& objects_;
  StoreClient& store_;
  StreamTable& streams_;
  ReadyWaitsHooks& hooks_;
  uint64_t last_number_ = 0;
  absl::flat_hash_map<const internal::ReadyListener*, std::unique_ptr<Wait>> waits_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_READY_WAITS_H_

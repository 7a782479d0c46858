// The scheduling classes that this process has tasks or leases of: what waits in each, and the leases that it has.
//
// A class is there as long as something uses it: it goes with its last task and lease. Its number, by which the node
// knows it, is not given to another one soon after: a lease that was on its way to it then comes to nobody.
//
// Lives on the client's executor. Invariant: classes outlive their tasks and leases.
#ifndef IOCLUSTER_RUNTIME_CLIENT_CLASS_TABLE_H_
#define IOCLUSTER_RUNTIME_CLIENT_CLASS_TABLE_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lib/protocol/node_messages.h"
#include "runtime/client/peers.h"
#include "runtime/client/task_record.h"

namespace ioc {

struct Lease {
  LeaseId id;
  ClassQueue* queue = nullptr;
  ProcessAddress worker;
  NodeAddress node;
  Peer* peer = nullptr;               // null while connecting
  std::deque<TaskRecord*> in_flight;  // in the order pushed; includes `batch`
  std::vector<TaskRecord*> batch;     // not sent yet
  size_t batch_bytes = 0;
  bool dirty = false;  // in the list of those with a batch
  bool recalled = false;
  bool blocked = false;     // its worker's task waits: push nothing
  bool taken = false;       // dedicated, and its one actor was pushed
  bool stuck = false;       // its worker is slower than was thought: push nothing until it has answered
  uint32_t asked_back = 0;  // tasks that may still be returned because of it
  absl::Time progress;      // when it last answered, or was first pushed to
};

// Takes the leases of a class for itself.
class LeaseTaker {
 public:
  virtual void OnLease(const LeaseGranted& granted) = 0;
  virtual void OnRefused(uint32_t class_id, const absl::Status& error) = 0;

 protected:
  ~LeaseTaker() = default;
};

struct ClassQueue {
  uint32_t id = 0;
  SchedulingClass spec;
  LeaseTaker* taker = nullptr;  // of its leases, if they are not for tasks in `ready`
  size_t uses = 0;              // tasks that have not ended; or 1, by its taker
  std::deque<TaskRecord*> ready;
  std::vector<std::unique_ptr<Lease>> leases;
  uint32_t taker_wants = 0;  // leases
  uint32_t taker_depth = 0;
  uint32_t demanded = 0;  // what the node knows of
  uint32_t told = 0;      // what it was told last
  bool crossed = false;   // a grant may have crossed that: the node may know of more
  bool dirty = false;     // in the list of those whose demand is to be looked at
  bool warned = false;    // that nothing registered satisfies it
  double mean_ns = 0;     // of user code, a moving average; 0: not known

  bool is_over() const { return uses == 0 && leases.empty() && demanded == 0 && !dirty; }
};

class ClassTable {
 public:
  // The class of `spec` whose leases go to `taker` (null: to its tasks); a new one if it isn't there.
  ClassQueue& Get(const SchedulingClass& spec, LeaseTaker* taker);
  // Null if it is not there (any more).
  ClassQueue* Find(uint32_t id);
  void Erase(ClassQueue& queue);

  // By id.
  const std::map<uint32_t, std::unique_ptr<ClassQueue>>& all() const { return by_id_; }
  size_t size() const { return by_id_.size(); }

 private:
  std::map<uint32_t, std::unique_ptr<ClassQueue>> by_id_;
  absl::flat_hash_map<std::pair<SchedulingClass, LeaseTaker*>, ClassQueue*> by_spec_;  // looked up only
  uint32_t last_id_ = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_CLASS_TABLE_H_

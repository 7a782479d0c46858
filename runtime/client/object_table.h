// The objects that a process refers to, by id; who keeps them, and what happens when nobody does.
//
// Lives on the client's executor, mutex held, but for the user's references, which any thread copies and drops:
// dropping the last one takes the mutex. So code that holds the mutex must not destroy an internal::Ref; it uses Hold
// and Drop.
#ifndef IOCLUSTER_RUNTIME_CLIENT_OBJECT_TABLE_H_
#define IOCLUSTER_RUNTIME_CLIENT_OBJECT_TABLE_H_

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/executor.h"
#include "lib/protocol/census_messages.h"
#include "runtime/client/object_record.h"

namespace ioc {

// What the rest of the client does about an object.
class ObjectTableHooks {
 public:
  virtual internal::Runtime& runtime() = 0;
  // Nobody refers to it any more; it is about to leave the table.
  virtual void OnDead(ObjectRecord& record) = 0;
  // Only borrowers refer to it any more.
  virtual void OnOnlyLent(ObjectRecord& record) = 0;
  // The table keeps the client alive while the user holds references.
  virtual void OnUserHolds() = 0;
  virtual void OnUserLetsGo() = 0;  // without the mutex; may destroy the client

 protected:
  ~ObjectTableHooks() = default;
};

class ObjectTable {
 public:
  ObjectTable(Executor& executor, ObjectTableHooks& hooks) : executor_(executor), hooks_(hooks) {}
  ~ObjectTable();
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  // A new record, held by nobody yet: the caller holds it or makes a reference before the turn ends.
  ObjectRecord& Create(ObjectId id);
  ObjectRecord* Find(ObjectId id);

  // A reference for the user.
  internal::Ref MakeRef(ObjectRecord& record);

  void Hold(ObjectRecord& record) { ++record.holds; }
  // May destroy the record, and what it contains.
  void Drop(ObjectRecord& record);
  // The same, in order; later, if it is called from OnDead: objects that hold each other don't take stack.
  void DropAll(std::vector<ObjectRecord*> records);

  // The value is here, or lies in a store, or will never be. No-ops once settled. `contained` come held.
  void SettleInline(ObjectRecord& record, std::shared_ptr<const std::string> bytes,
                    std::vector<ObjectRecord*> contained);
  void SettleStored(ObjectRecord& record, uint64_t size, std::vector<ObjectCopy> copies,
                    std::vector<ObjectRecord*> contained);
  void Fail(ObjectRecord& record, const absl::Status& error);

  // A listener that hears may stop others: they are not told then.
  void Listen(ObjectRecord& record, SettleListener& listener) { record.listeners.push_back(&listener); }
  void Unlisten(ObjectRecord& record, SettleListener& listener);

  // Every record that has not settled fails. The user's references stay valid.
  void FailAll(const absl::Status& error);

  // Those of which that process is the owner, in the order of their ids. Looks at all there are.
  std::vector<ObjectRecord*> BorrowedFrom(ProcessId owner) const;

  size_t size() const { return records_.size(); }
  void Count(ProcessCensus& census) const;
  internal::Runtime& runtime() { return hooks_.runtime(); }

 private:
  friend class ObjectRecord;

  void ReleasedByUser(ObjectRecord& record);  // without the mutex
  void Settled(ObjectRecord& record);
  void CollectIfDead(ObjectRecord& record);

  Executor& executor_;
  ObjectTableHooks& hooks_;
  absl::flat_hash_map<ObjectId, std::unique_ptr<ObjectRecord>> records_;
  // One failure may settle a chain of tasks, one drop a chain of values, of any length: queues, so that the stack
  // doesn't grow with it.
  std::deque<ObjectRecord*> settled_;  // held; their listeners have not heard yet
  bool settling_ = false;
  std::deque<ObjectRecord*> to_drop_;
  bool dropping_ = false;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_OBJECT_TABLE_H_

// A process's record of one object or actor that it refers to: the value or where it lies, who waits for it, and all
// the reasons to keep it.
//
// Made by and kept in an ObjectTable; lives on the client's executor. Only the count of the user's references (in
// RefTarget) is touched by other threads.
//
// Invariants:
// 1. A record settles once: from kPending to kInline, kStored or kFailed. (A borrowed actor stays kPending until
// asked.)
// 2. It is in the table as long as the user refers to it (`user_held`) or `holds` > 0.
// 3. While it is borrowed and held, its owner knows of us, or whoever sent it to us holds it for us (`covered` > 0).
#ifndef IOCLUSTER_RUNTIME_CLIENT_OBJECT_RECORD_H_
#define IOCLUSTER_RUNTIME_CLIENT_OBJECT_RECORD_H_

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "lib/protocol/common.h"

namespace ioc {

class ObjectTable;
class ObjectRecord;
struct ActorState;

// Wants to know when an object has settled.
class SettleListener {
 public:
  virtual void OnSettled(ObjectRecord& record) = 0;

 protected:
  ~SettleListener() = default;
};

enum class ObjectState : uint8_t { kPending, kInline, kStored, kFailed };
enum class BorrowState : uint8_t { kNone, kRegistering, kRegistered };
// Of what was ours and went to another process with an answer (ownership.h).
enum class GivenState : uint8_t { kNo, kOffered, kTaken };

class ObjectRecord final : public internal::RefTarget {
 public:
  ObjectRecord(ObjectId id, ObjectTable& table) : RefTarget(id), table(table) {}
  ~ObjectRecord() override;

  internal::Runtime& runtime() const override;

  bool settled() const { return state != ObjectState::kPending; }
  bool owned() const { return owner == nullptr; }
  int64_t user_count() const { return count(); }

  ObjectTable& table;
  ObjectState state = ObjectState::kPending;
  BorrowState borrow = BorrowState::kNone;
  GivenState given = GivenState::kNo;
  bool resolving = false;  // the owner has been asked for the value
  bool user_held = false;

  std::shared_ptr<const std::string> bytes;  // kInline
  uint64_t size = 0;                         // kStored
  std::vector<ObjectCopy> copies;            // kStored: nodes that hold it
  absl::Status error;                        // kFailed
  std::vector<ObjectRecord*> contained;      // the references inside the value, held by this record

  std::unique_ptr<ProcessAddress> owner;  // null: this process
  uint32_t covered = 0;                   // tasks of ours that run with it as an argument: their caller holds it
  uint64_t task = 0;                      // sequence of the task of ours that makes it, or 0
  const internal::FunctionInfo* maker = nullptr;  // of the result of a task of ours: its function

  uint32_t stale_releases = 0;  // releases on their way that a new reference has overtaken
  uint32_t holds = 0;           // tasks, containers, borrowers, references on their way
  uint32_t lent = 0;            // of them, those of borrowers

  std::vector<SettleListener*> listeners;
  std::shared_ptr<ActorState> actor;  // of an actor, once it was called or made here

 private:
  void Unreferenced() override;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_OBJECT_RECORD_H_

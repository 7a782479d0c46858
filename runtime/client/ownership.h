// Ownership that moves (DESIGN section 4): a reference that a task returns passes its object to the caller, so that it
// outlives the worker that made it. An object's maker (in its id) and its owner are two things then.
//
// When a task or call ends, those of the objects that it returns which nobody else refers to (no user code, no value
// but ones that are given as well, no borrower) go with the answer: value and all (TaskResult::given). Who has what,
// until whom has said what:
//  - The giver keeps the object, as kOffered and not its own any more, until the receiver says RefsReceived.
//  - The receiver owns it from the moment the answer is there, and tells the stores where it lies (AdoptObjects): a
//    store frees only at its owner's word, or some time after its owner's end (ObjectOwners).
// What if...
//  - the giver dies before the answer is read: it still was the owner, and its objects go with it; the task is run
//    again, or fails.
//  - the giver dies afterwards: the receiver has the value, or where it lies. The stores give it kOrphanGrace to say
//    that it is its own.
//  - the receiver dies, or the connection breaks, before the giver hears RefsReceived: the giver frees what it offered.
//    The stores ignore that if the receiver had adopted it. An actor keeps the answer, and offers it anew.
//  - nobody waits for the answer any more: it is adopted all the same, and let go.
//  - an object is not there yet, or has failed, or is referred to by others: it stays with its maker, and the receiver
//    borrows it. It may move later (owner_moves.h).
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_OWNERSHIP_H_
#define IOCLUSTER_RUNTIME_CLIENT_OWNERSHIP_H_

#include <cstddef>
#include <vector>

#include "runtime/client/borrowing.h"
#include "runtime/client/object_table.h"
#include "runtime/client/store_client.h"

namespace ioc {

// What one answer gives at most; the rest is borrowed.
inline constexpr size_t kMaxGivenObjects = 4096;
inline constexpr size_t kMaxGivenBytes = size_t{1} << 20;

class Ownership {
 public:
  Ownership(ObjectTable& objects, Borrowing& borrowing, StoreClient& store)
      : objects_(objects), borrowing_(borrowing), store_(store) {}

  // Chooses among `returned`, the records of the references in an answer to `receiver` (each as often as it stands
  // there, none held for it yet), and what lies inside. Appends the references inside of what is given to `returned`:
  // they travel as well. The values' views point into the records.
  std::vector<WireValue> Give(ProcessId receiver, std::vector<ObjectRecord*>& returned);

  // Takes what `giver` has given. The records come held; let go of them when the references to them are imported.
  std::vector<ObjectRecord*> Adopt(const std::vector<WireValue>& given, ProcessId giver);

 private:
  ObjectTable& objects_;
  Borrowing& borrowing_;
  StoreClient& store_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_OWNERSHIP_H_

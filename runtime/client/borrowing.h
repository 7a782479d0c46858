// References to what others own (DESIGN section 4): makes them known to their owners, so that an object lives exactly
// as long as somebody refers to it, and asks the owners for the values.
//
// The owner of an object counts its borrowers. A sender of a reference holds it until the receiver is safe (lending.h
// has what owners and senders do):
//  - arguments: the caller holds them until the task's answer. A worker that keeps one beyond its task registers with
//    the owner before it answers (Uncover).
//  - results and resolved values: the sender holds what they contain until the receiver has registered with the owners
//    and says RefsReceived. It says so once for each reference that came, also of values that nobody wants.
//
// What is to be said to one owner goes in few messages at the end of the turn. When the connection with it breaks, it
// keeps what is borrowed from it for a while: all that this process still refers to is registered anew, and all that
// was asked is asked again, when it can be reached (peer_reach.h). If it can't, what has no value yet fails. What was
// received before the connection broke is not told to a sender that comes back: it counts anew.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_BORROWING_H_
#define IOCLUSTER_RUNTIME_CLIENT_BORROWING_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/functional/any_invocable.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/object_table.h"
#include "runtime/client/peer_reach.h"
#include "runtime/client/peers.h"

namespace ioc {

inline constexpr absl::Duration kBorrowTimeout = absl::Seconds(30);
// Of what changes counts: it is answered at once, or the connection breaks. If it were given up sooner, the other side
// might have counted what this one does not know of.
inline constexpr absl::Duration kWhileConnected = absl::InfiniteDuration();
// In one message.
inline constexpr size_t kMaxBorrowedIds = 4096;
// Messages with questions to one owner without an answer; more wait.
inline constexpr uint32_t kMaxAsking = 4;

class Borrowing final : public Deferred {
 public:
  Borrowing(Env& env, ObjectTable& objects, PeerTable& peers, PeerReach& reach);
  ~Borrowing();

  // Who we are: the owner named in what we send.
  void SetSelf(ProcessAddress self) { self_ = std::move(self); }
  const ProcessAddress& self() const { return self_; }

  RefInfo Export(const ObjectRecord& record) const;
  // The value as it is sent; its views point into the record. `id` is set.
  WireValue ExportValue(const ObjectRecord& record) const;

  // Arguments of a task that runs here: held and covered by its caller until Uncover.
  std::vector<ObjectRecord*> ImportCovered(const std::vector<RefInfo>& refs);
  // Ends that. Calls `done` (maybe at once) when what is kept is registered with its owner.
  void Uncover(const std::vector<ObjectRecord*>& records, Callback done);

  // The references in a value that `sender` has sent us: held. Registers them and then tells the sender.
  std::vector<ObjectRecord*> ImportReceived(const std::vector<RefInfo>& refs, ProcessId sender);
  // The same for a value that nobody wants any more: they are not kept.
  void Decline(const std::vector<RefInfo>& refs, ProcessId sender);
  // A reference that nobody holds for us (a named actor's); an error to `done` if the owner does not know it.
  void ImportUnheld(const RefInfo& ref, absl::AnyInvocable<void(absl::StatusOr<ObjectRecord*>)> done);

  // Asks the owner for the value of a borrowed object that has not settled. Idempotent.
  void Resolve(ObjectRecord& record);

  using Registered = absl::AnyInvocable<void(const absl::Status&)>;
  // Calls `done`, maybe at once, when no registration of it is on its way; with an error if the last one failed, and
  // before what is pending fails for that.
  void WhenRegistered(ObjectRecord& record, Registered done);
  // References that were written down a while ago name the owners of today.
  void Refresh(std::vector<RefInfo>& refs);

  // A borrowed record is about to leave the table.
  void OnDead(ObjectRecord& record);

  // Of values whose sender has been asked for them.
  void OnObjectsResolved(const Peer& owner, const ObjectsResolved& message);
  void OnPeerGone(const Peer& peer);
  // Nobody is told or asked anything any more; before the connections are closed.
  void Clear(const absl::Status& why);

 private:
  // One of whom something is borrowed; as long as it is to be told or asked something, or has not answered.
  struct Lender {
    ProcessAddress address;
    std::vector<ObjectId> releases;       // to be told
    std::vector<ObjectId> registrations;  // likewise
    std::vector<ObjectId> received;       // the same, of references that came from itself
    std::vector<ObjectId> questions;      // to be asked
    absl::flat_hash_set<ObjectId> asked;  // without an answer
    uint32_t registering = 0;             // calls without an answer
    uint32_t asking = 0;                  // likewise
    bool dirty = false;                   // something is to be said
    bool reaching = false;                // a connection is tried
    bool restoring = false;               // the connection broke, and not all is registered anew

    bool idle() const {
      return releases.empty() && registrations.empty() && received.empty() && questions.empty() && asked.empty() &&
             registering == 0 && asking == 0 && !reaching && !restoring;
    }
  };
  // What was received from a process while it was connected, as the peer with this epoch.
  struct Received {
    ProcessId sender;
    uint64_t epoch = 0;
    std::vector<ObjectId> ids;
  };

  void RunDeferred() override;
  ObjectRecord& Import(const RefInfo& ref);
  // `done`, which may be null, is called when the owner knows of us, or can't.
  void Register(ObjectRecord& record, bool sent_by_owner, Registered done);
  Lender& LenderOf(const ProcessAddress& owner);
  void Touch(Lender& lender);
  void Send(Lender& lender);
  void SendRegistrations(Peer& peer, std::vector<ObjectId>& ids, bool sent_by_owner);
  void SendQuestions(Peer& peer, Lender& lender);
  void Reached(ProcessId owner, const absl::StatusOr<Peer*>& peer);
  void GiveUp(ProcessId owner, const absl::Status& why);
  void Answered(ProcessId owner, const std::vector<ObjectId>& ids, const absl::StatusOr<AddBorrower::Reply>& reply);
  void EndRegistration(ProcessId owner, ObjectId id, const absl::Status& status);
  void Resolved(ProcessId owner, const std::vector<ObjectId>& ids, const absl::StatusOr<RawReply>& raw);
  template <typename Outcomes>
  void Settle(ProcessId owner, const Outcomes& outcomes);
  void FailQuestion(ProcessId owner, ObjectId id, const absl::Status& error);
  void Tidy(ProcessId owner);
  uint64_t EpochOf(ProcessId process);
  void TellReceived(ProcessId sender, uint64_t epoch, ObjectId id);

  Env& env_;
  ObjectTable& objects_;
  PeerTable& peers_;
  PeerReach& reach_;
  ProcessAddress self_;
  absl::Status closed_;  // not OK once cleared
  std::map<ProcessId, Lender> lenders_;
  std::vector<ProcessId> dirty_;    // lenders to whom something is to be said
  std::vector<Received> received_;  // to be told to senders
  // Who waits for a registration that is on its way.
  absl::flat_hash_map<ObjectId, std::vector<Registered>> registering_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_BORROWING_H_

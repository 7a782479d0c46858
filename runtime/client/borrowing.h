// References that cross processes (DESIGN section 4): who must know that whom refers to what, so that an object lives
// exactly as long as somebody refers to it.
//
// The owner of an object counts its borrowers. A sender of a reference holds it until the receiver is safe:
//  - arguments: the caller holds them until the task's answer. A worker that keeps one beyond its task registers with
//  the
//    owner before it answers (Uncover).
//  - results and resolved values: the sender holds what they contain (`in_transit`) until the receiver has registered
//  with
//    the owners and says RefsReceived. It says so once for each reference that came, also of values that nobody wants.
// A process that dies or is cut off lets go of all it borrowed and of all that was on its way to it; what was received
// before is then not told to the one that comes back.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_BORROWING_H_
#define IOCLUSTER_RUNTIME_CLIENT_BORROWING_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>

#include <memory>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/object_table.h"
#include "runtime/client/peers.h"

namespace ioc {

inline constexpr absl::Duration kBorrowTimeout = absl::Seconds(30);
// A ResolveObject that waits longer is asked again, so that no call waits without a bound.
inline constexpr absl::Duration kResolvePeriod = absl::Seconds(60);

class Borrowing final : public Deferred {
 public:
  Borrowing(Env& env, ObjectTable& objects, PeerTable& peers);
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
  void Uncover(const std::vector<ObjectRecord*>& records, ProcessId caller, Callback done);

  // The references in a value that `sender` has sent us: held. Registers them and then tells the sender.
  std::vector<ObjectRecord*> ImportReceived(const std::vector<RefInfo>& refs, ProcessId sender);
  // The same for a value that nobody wants any more: they are not kept.
  void Decline(const std::vector<RefInfo>& refs, ProcessId sender);
  // A reference that nobody holds for us (a named actor's); null to `done` if the owner does not know it.
  void ImportUnheld(const RefInfo& ref, absl::AnyInvocable<void(absl::StatusOr<ObjectRecord*>)> done);

  // Asks the owner for the value of a borrowed object that has not settled. Idempotent.
  void Resolve(ObjectRecord& record);

  // Holds what a message to `peer` refers to, until it says RefsReceived.
  void HoldInTransit(Peer& peer, const std::vector<ObjectRecord*>& records);

  // `peer` refers to the object, and counts on us to keep it until it says ReleaseBorrows, or is gone.
  void Lend(Peer& peer, ObjectRecord& record);
  // Calls `done`, maybe at once, when no registration of it is on its way.
  void WhenRegistered(ObjectRecord& record, Callback done);
  // References that were written down a while ago name the owners of today.
  void Refresh(std::vector<RefInfo>& refs);

  // A borrowed record is about to leave the table.
  void OnDead(ObjectRecord& record);

  void OnAddBorrower(PeerLink& link, const FrameHeader& request, const AddBorrower& message);
  void OnReleaseBorrows(Peer& peer, const ReleaseBorrows& message);
  void OnRefsReceived(Peer& peer, const RefsReceived& message);
  void OnResolveObject(PeerLink& link, const FrameHeader& request, const ResolveObject& message);
  void OnPeerGone(Peer& peer);

  // Questions of others for values that are not there yet.
  size_t answering() const { return pending_answers_.size(); }

 private:
  using Registered = absl::AnyInvocable<void(absl::Status)>;
  struct Release {
    ProcessAddress owner;
    std::vector<ObjectId> ids;
  };
  // What was received from a process while it was connected, as the peer with this epoch.
  struct Received {
    ProcessId sender;
    uint64_t epoch = 0;
    std::vector<ObjectId> ids;
  };
  class PendingAnswer;

  void RunDeferred() override;
  ObjectRecord& Import(const RefInfo& ref);
  // `done` is called when the owner knows of us, or can't.
  void Register(ObjectRecord& record, bool sent_by_owner, Registered done);
  uint64_t EpochOf(ProcessId process);
  void TellReceived(ProcessId sender, uint64_t epoch, ObjectId id);
  void Resolved(ObjectId id, absl::StatusOr<RawReply> raw, ProcessId owner, absl::Time asked);
  void Answer(uint64_t link, const FrameHeader& request, ObjectRecord& record);
  void ForgetQuestions();
  using Counts = absl::flat_hash_map<ObjectId, uint32_t> Peer::*;
  void DropCounts(Peer& peer, Counts counts);
  void DropCount(Peer& peer, Counts counts, ObjectId id);

  Env& env_;
  ObjectTable& objects_;
  PeerTable& peers_;
  ProcessAddress self_;
  std::vector<Release> releases_;   // to be told to owners
  std::vector<Received> received_;  // to be told to senders
  // Who else waits for a registration that is on its way.
  absl::flat_hash_map<ObjectId, std::vector<Registered>> registering_;
  // By the link and the object that it asks for.
  absl::flat_hash_map<std::pair<uint64_t, ObjectId>, std::unique_ptr<PendingAnswer>> pending_answers_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_BORROWING_H_

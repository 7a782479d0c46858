#include "runtime/client/borrowing.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {

// A borrower waits for a value of ours.
class Borrowing::PendingAnswer final : public SettleListener {
 public:
  PendingAnswer(Borrowing& borrowing, uint64_t link, const FrameHeader& request)
      : borrowing_(borrowing), link_(link), request_(request) {}

  // Who asks again has given the earlier question up.
  void Replace(PeerLink& link, const FrameHeader& request) {
    link.channel->Fail(std::exchange(request_, request), absl::CancelledError("asked again"));
  }

  void OnSettled(ObjectRecord& record) override {
    const auto self = borrowing_.pending_answers_.extract({link_, record.id()});
    borrowing_.Answer(link_, request_, record);
    borrowing_.objects_.Drop(record);
  }

 private:
  Borrowing& borrowing_;
  const uint64_t link_;
  FrameHeader request_;
};

Borrowing::Borrowing(Env& env, ObjectTable& objects, PeerTable& peers) : env_(env), objects_(objects), peers_(peers) {}

Borrowing::~Borrowing() { env_.executor().Undefer(*this); }

RefInfo Borrowing::Export(const ObjectRecord& record) const {
  return {.id = record.id(), .owner = record.owned() ? self_ : *record.owner};
}

WireValue Borrowing::ExportValue(const ObjectRecord& record) const {
  WireValue value;
  value.id = record.id();
  if (record.state == ObjectState::kInline) {
    value.kind = ValueKind::kInline;
    value.bytes = *record.bytes;
  } else {
    value.kind = ValueKind::kStored;
    value.size = record.size;
    value.copies = record.copies;
  }
  for (const ObjectRecord* inner : record.contained) value.refs.push_back(Export(*inner));
  return value;
}

ObjectRecord& Borrowing::Import(const RefInfo& ref) {
  if (ObjectRecord* known = objects_.Find(ref.id)) {
    // What we have given away comes back: now we hear where its owner is.
    if (known->given != GivenState::kNo && known->owner != nullptr && known->owner->process == ref.owner.process) {
      *known->owner = ref.owner;
    }
    return *known;
  }
  ObjectRecord& record = objects_.Create(ref.id);
  record.owner = std::make_unique<ProcessAddress>(ref.owner);
  if (ref.owner.process == self_.process) {
    // Our own, come back after we forgot it: nobody can have held it for the sender.
    record.owner = nullptr;
    objects_.Hold(record);
    objects_.Fail(record, MakeError(Cause::kObjectLost, absl::StrCat("object ", ref.id.ToString(),
                                                                     " was deleted: nobody referred to it any more")));
    --record.holds;
  }
  return record;
}

std::vector<ObjectRecord*> Borrowing::ImportCovered(const std::vector<RefInfo>& refs) {
  std::vector<ObjectRecord*> records;
  records.reserve(refs.size());
  for (const RefInfo& ref : refs) {
    ObjectRecord& record = Import(ref);
    objects_.Hold(record);
    ++record.covered;
    records.push_back(&record);
  }
  return records;
}

void Borrowing::Uncover(const std::vector<ObjectRecord*>& records, ProcessId caller, Callback done) {
  // One count for this function itself, so that `done` comes after all have been looked at.
  auto waiting = std::make_shared<std::pair<size_t, Callback>>(1, std::move(done));
  auto finish_one = [waiting] {
    if (--waiting->first == 0) waiting->second();
  };
  for (ObjectRecord* record : records) {
    --record->covered;
    const bool kept = record->user_held || record->holds > 1;
    if (kept && !record->owned() && record->borrow != BorrowState::kRegistered && record->covered == 0) {
      // The caller reads what we send it in order: if it is the owner, it counts us before it sees the answer.
      const bool ordered = record->owner->process == caller;
      if (!ordered) ++waiting->first;
      Register(*record, false, [ordered, finish_one](const absl::Status&) {
        if (!ordered) finish_one();
      });
    }
    objects_.Drop(*record);
  }
  finish_one();
}

std::vector<ObjectRecord*> Borrowing::ImportReceived(const std::vector<RefInfo>& refs, ProcessId sender) {
  std::vector<ObjectRecord*> records;
  records.reserve(refs.size());
  const uint64_t epoch = refs.empty() ? 0 : EpochOf(sender);
  for (const RefInfo& ref : refs) {
    ObjectRecord& record = Import(ref);
    objects_.Hold(record);
    records.push_back(&record);
    if (record.owned() || record.borrow == BorrowState::kRegistered) {
      TellReceived(sender, epoch, ref.id);
    } else if (record.borrow == BorrowState::kNone && record.owner->process == sender) {
      Register(record, true, [](const absl::Status&) {});
    } else {
      Register(record, false,
               [this, sender, epoch, id = ref.id](const absl::Status&) { TellReceived(sender, epoch, id); });
    }
  }
  return records;
}

void Borrowing::Decline(const std::vector<RefInfo>& refs, ProcessId sender) {
  for (const RefInfo& ref : refs) TellReceived(sender, EpochOf(sender), ref.id);
}

uint64_t Borrowing::EpochOf(ProcessId process) {
  const Peer* peer = peers_.Find(process);
  return peer == nullptr ? 0 : peer->epoch;
}

void Borrowing::ImportUnheld(const RefInfo& ref, absl::AnyInvocable<void(absl::StatusOr<ObjectRecord*>)> done) {
  ObjectRecord& record = Import(ref);
  objects_.Hold(record);
  auto finish = [this, &record, done = std::move(done)](const absl::Status& status) mutable {
    if (status.ok()) {
      done(&record);
    } else {
      done(status);
    }
    objects_.Drop(record);
  };
  if (record.owned() || record.borrow == BorrowState::kRegistered) return finish(absl::OkStatus());
  Register(record, false, std::move(finish));
}

void Borrowing::Register(ObjectRecord& record, bool sent_by_owner, Registered done) {
  if (record.owner->process == kHeadProcess) {  // it does not count
    record.borrow = BorrowState::kRegistered;
    return done(absl::OkStatus());
  }
  if (record.borrow == BorrowState::kRegistering) return registering_[record.id()].push_back(std::move(done));
  record.borrow = BorrowState::kRegistering;
  objects_.Hold(record);
  RunDeferred();  // an earlier release of the same object must arrive first
  auto registered = [this, &record, done = std::move(done)](absl::StatusOr<AddBorrower::Reply> reply) mutable {
    record.borrow = BorrowState::kRegistered;
    const absl::Status& status = reply.status();
    if (!status.ok()) {
      const Cause cause = CauseOf(status) == Cause::kDisconnected ? Cause::kOwnerDied : CauseOf(status);
      objects_.Fail(
          record, MakeError(cause, absl::StrCat("object ", record.id().ToString(), " is lost with its owner, process ",
                                                record.owner->process.ToString(), ": ", status.message())));
    }
    done(status);
    if (auto others = registering_.extract(record.id()); !others.empty()) {
      for (Registered& other : others.mapped()) other(status);
    }
    objects_.Drop(record);
  };
  peers_.With(*record.owner, [id = record.id(), sent_by_owner, registered = std::move(registered)](auto peer) mutable {
    if (!peer.ok()) return registered(peer.status());
    AddBorrower request{.ids = {id}, .sent_by_owner = sent_by_owner};
    (*peer)->channel().Call(request, kBorrowTimeout, std::move(registered));
  });
}

void Borrowing::WhenRegistered(ObjectRecord& record, Callback done) {
  if (record.borrow != BorrowState::kRegistering) return done();
  registering_[record.id()].push_back([done = std::move(done)](const absl::Status&) mutable { done(); });
}

void Borrowing::Refresh(std::vector<RefInfo>& refs) {
  for (RefInfo& ref : refs) {
    const ObjectRecord* const record = objects_.Find(ref.id);
    if (record == nullptr || record->given != GivenState::kNo) continue;
    const ProcessAddress& owner = record->owned() ? self_ : *record->owner;
    if (owner.process != ref.owner.process) ref.owner = owner;
  }
}

void Borrowing::TellReceived(ProcessId sender, uint64_t epoch, ObjectId id) {
  auto it = std::find_if(received_.begin(), received_.end(), [sender, epoch](const Received& entry) {
    return entry.sender == sender && entry.epoch == epoch;
  });
  if (it == received_.end()) it = received_.insert(received_.end(), {sender, epoch, {}});
  it->ids.push_back(id);
  env_.executor().Defer(*this);
}

void Borrowing::OnDead(ObjectRecord& record) {
  if (record.owned() || record.borrow != BorrowState::kRegistered) return;
  const ProcessId owner = record.owner->process;
  if (owner == kHeadProcess) return;
  auto it = std::find_if(releases_.begin(), releases_.end(),
                         [owner](const auto& entry) { return entry.owner.process == owner; });
  if (it == releases_.end()) it = releases_.insert(releases_.end(), {*record.owner, {}});
  it->ids.push_back(record.id());
  env_.executor().Defer(*this);
}

void Borrowing::RunDeferred() {
  for (Release& release : std::exchange(releases_, {})) {
    // An owner that is gone needs no release.
    if (Peer* owner = peers_.Find(release.owner.process))
      owner->channel().Notify(ReleaseBorrows{std::move(release.ids)});
  }
  for (Received& received : std::exchange(received_, {})) {
    // One that has come back has forgotten what it sent before.
    Peer* const peer = peers_.Find(received.sender);
    if (peer != nullptr && peer->epoch == received.epoch) peer->channel().Notify(RefsReceived{std::move(received.ids)});
  }
}

void Borrowing::Resolve(ObjectRecord& record) {
  if (record.settled() || record.owned() || record.resolving || record.actor != nullptr) return;
  if (record.owner->process == kHeadProcess) return;  // an actor
  record.resolving = true;
  const ProcessId owner = record.owner->process;
  peers_.With(*record.owner, [this, id = record.id(), owner](absl::StatusOr<Peer*> peer) {
    const absl::Time asked = env_.executor().Now();
    if (!peer.ok()) return Resolved(id, peer.status(), owner, asked);
    (*peer)->channel().CallRaw(
        ResolveObject{.id = id}, kResolvePeriod,
        [this, id, owner, asked](absl::StatusOr<RawReply> raw) { Resolved(id, std::move(raw), owner, asked); });
  });
}

void Borrowing::Resolved(ObjectId id, absl::StatusOr<RawReply> raw, ProcessId owner, absl::Time asked) {
  ObjectRecord* record = objects_.Find(id);
  if (record == nullptr) {
    // Forgotten meanwhile; what the value refers to is let go at once.
    ResolveObject::Reply late;
    if (raw.ok() && Decode(raw->body, late).ok()) Decline(late.value.refs, owner);
    return;
  }
  record->resolving = false;
  if (!raw.ok()) {
    if (!record->settled() && !record->owned() && record->owner->process != owner) return Resolve(*record);
    // One that comes earlier is the owner's answer: a deadline is what the object failed of.
    const bool unanswered = env_.executor().Now() - asked >= kResolvePeriod;
    if (unanswered && CauseOf(raw.status()) == Cause::kDeadline) return Resolve(*record);
    if (CauseOf(raw.status()) != Cause::kDisconnected) return objects_.Fail(*record, raw.status());
    return objects_.Fail(
        *record,
        MakeError(Cause::kOwnerDied, absl::StrCat("object ", id.ToString(), " is lost: its owner, process ",
                                                  owner.ToString(), ", is gone (", raw.status().message(), ")")));
  }
  ResolveObject::Reply reply;
  if (absl::Status status = Decode(raw->body, reply); !status.ok()) return objects_.Fail(*record, status);
  std::vector<ObjectRecord*> contained = ImportReceived(reply.value.refs, owner);
  if (reply.value.kind == ValueKind::kInline) {
    objects_.SettleInline(*record, std::make_shared<const std::string>(reply.value.bytes), std::move(contained));
  } else {
    objects_.SettleStored(*record, reply.value.size, std::move(reply.value.copies), std::move(contained));
  }
}

void Borrowing::HoldInTransit(Peer& peer, const std::vector<ObjectRecord*>& records) {
  for (ObjectRecord* record : records) {
    objects_.Hold(*record);
    ++peer.in_transit[record->id()];
  }
}

void Borrowing::OnAddBorrower(PeerLink& link, const FrameHeader& request, const AddBorrower& message) {
  for (ObjectId id : message.ids) {
    ObjectRecord* record = objects_.Find(id);
    if (record == nullptr) {
      link.channel->Fail(request, MakeError(Cause::kObjectLost, absl::StrCat("object ", id.ToString(),
                                                                             " is not known to its owner any more")));
      return;
    }
    Lend(*link.peer, *record);
  }
  link.channel->Reply(request, AddBorrower::Reply{});
  if (message.sent_by_owner) OnRefsReceived(*link.peer, RefsReceived{message.ids});
}

void Borrowing::Lend(Peer& peer, ObjectRecord& record) {
  objects_.Hold(record);
  ++record.lent;
  ++peer.borrowed[record.id()];
}

void Borrowing::OnReleaseBorrows(Peer& peer, const ReleaseBorrows& message) {
  for (ObjectId id : message.ids) DropCount(peer, &Peer::borrowed, id);
}

void Borrowing::OnRefsReceived(Peer& peer, const RefsReceived& message) {
  for (ObjectId id : message.ids) {
    ObjectRecord* record = objects_.Find(id);
    if (record != nullptr && record->given == GivenState::kOffered && record->owner->process == peer.process) {
      record->given = GivenState::kTaken;
    }
    DropCount(peer, &Peer::in_transit, id);
  }
}

void Borrowing::DropCount(Peer& peer, Counts counts, ObjectId id) {
  auto it = (peer.*counts).find(id);
  if (it == (peer.*counts).end()) return;
  if (--it->second == 0) (peer.*counts).erase(it);
  ObjectRecord* const record = objects_.Find(id);
  if (record == nullptr) return;
  if (counts == &Peer::borrowed) --record->lent;
  objects_.Drop(*record);
}

void Borrowing::OnPeerGone(Peer& peer) {
  DropCounts(peer, &Peer::borrowed);
  DropCounts(peer, &Peer::in_transit);
  ForgetQuestions();
}

// Those of connections that are no more.
void Borrowing::ForgetQuestions() {
  std::vector<std::pair<uint64_t, ObjectId>> gone;
  for (const auto& [asked, answer] : pending_answers_) {
    if (peers_.FindLink(asked.first) == nullptr) gone.push_back(asked);
  }
  std::sort(gone.begin(), gone.end());
  for (const auto& asked : gone) {
    const auto answer = pending_answers_.extract(asked);
    ObjectRecord& record = *objects_.Find(asked.second);
    objects_.Unlisten(record, *answer.mapped());
    objects_.Drop(record);
  }
}

void Borrowing::DropCounts(Peer& peer, Counts counts) {
  std::vector<std::pair<ObjectId, uint32_t>> ended((peer.*counts).begin(), (peer.*counts).end());
  std::sort(ended.begin(), ended.end());  // what is freed tells others, in an order that no hash decides
  for (const auto& [id, count] : ended) {
    for (uint32_t i = 0; i < count; ++i) DropCount(peer, counts, id);
  }
}

void Borrowing::OnResolveObject(PeerLink& link, const FrameHeader& request, const ResolveObject& message) {
  ObjectRecord* record = objects_.Find(message.id);
  if (record == nullptr) {
    link.channel->Fail(request, MakeError(Cause::kObjectLost, absl::StrCat("object ", message.id.ToString(),
                                                                           " is not known to its owner any more")));
    return;
  }
  if (record->settled()) return Answer(link.id, request, *record);
  std::unique_ptr<PendingAnswer>& pending = pending_answers_[{link.id, message.id}];
  if (pending != nullptr) return pending->Replace(link, request);
  pending = std::make_unique<PendingAnswer>(*this, link.id, request);
  objects_.Hold(*record);
  objects_.Listen(*record, *pending);
}

void Borrowing::Answer(uint64_t link_id, const FrameHeader& request, ObjectRecord& record) {
  PeerLink* link = peers_.FindLink(link_id);
  if (link == nullptr || link->peer == nullptr) return;
  if (record.state == ObjectState::kFailed) return link->channel->Fail(request, record.error);
  HoldInTransit(*link->peer, record.contained);
  link->channel->Reply(request, ResolveObject::Reply{.value = ExportValue(record)});
}

}  // namespace ioc

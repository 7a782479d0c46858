#include "runtime/client/borrowing.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

template <typename Send>
void InParts(const std::vector<ObjectId>& ids, Send send) {
  for (size_t first = 0; first < ids.size(); first += kMaxBorrowedIds) {
    send({ids.begin() + first, ids.begin() + std::min(ids.size(), first + kMaxBorrowedIds)});
  }
}

}  // namespace

Borrowing::Borrowing(Env& env, ObjectTable& objects, PeerTable& peers, PeerReach& reach)
    : env_(env), objects_(objects), peers_(peers), reach_(reach) {}

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

void Borrowing::Uncover(const std::vector<ObjectRecord*>& records, Callback done) {
  // One count for this function itself, so that `done` comes after all have been looked at.
  auto waiting = std::make_shared<std::pair<size_t, Callback>>(1, std::move(done));
  auto finish_one = [waiting] {
    if (--waiting->first == 0) waiting->second();
  };
  for (ObjectRecord* record : records) {
    --record->covered;
    const bool kept = record->user_held || record->holds > 1;
    if (kept && !record->owned() && record->borrow != BorrowState::kRegistered && record->covered == 0) {
      ++waiting->first;
      Register(*record, false, [finish_one](const absl::Status&) { finish_one(); });
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
      Register(record, true, nullptr);
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
    if (done) done(absl::OkStatus());
    return;
  }
  if (!closed_.ok()) {
    if (done) done(closed_);
    return;
  }
  if (done) registering_[record.id()].push_back(std::move(done));
  if (record.borrow == BorrowState::kRegistering) return;
  record.borrow = BorrowState::kRegistering;
  objects_.Hold(record);
  Lender& lender = LenderOf(*record.owner);
  (sent_by_owner ? lender.received : lender.registrations).push_back(record.id());
  Touch(lender);
}

void Borrowing::WhenRegistered(ObjectRecord& record, Registered done) {
  if (record.borrow != BorrowState::kRegistering) return done(absl::OkStatus());
  registering_[record.id()].push_back(std::move(done));
}

void Borrowing::EndRegistration(ProcessId owner, ObjectId id, const absl::Status& status) {
  ObjectRecord& record = *objects_.Find(id);  // held since Register
  record.borrow = status.ok() ? BorrowState::kRegistered : BorrowState::kNone;
  if (auto waiting = registering_.extract(id); !waiting.empty()) {
    for (Registered& done : waiting.mapped()) done(status);
  }
  const bool has_moved = record.owned() || record.owner->process != owner;
  if (!status.ok() && !has_moved) objects_.Fail(record, status);
  objects_.Drop(record);
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
  if (record.owner->process == kHeadProcess || !closed_.ok()) return;
  // An owner that is not connected counts us no more, or not for long.
  if (peers_.Find(record.owner->process) == nullptr) return;
  Lender& lender = LenderOf(*record.owner);
  lender.releases.push_back(record.id());
  Touch(lender);
}

void Borrowing::Resolve(ObjectRecord& record) {
  if (record.settled() || record.owned() || record.resolving || record.actor != nullptr) return;
  if (record.owner->process == kHeadProcess || !closed_.ok()) return;  // an actor
  record.resolving = true;
  Lender& lender = LenderOf(*record.owner);
  lender.questions.push_back(record.id());
  Touch(lender);
}

// --- what is said to owners ---

Borrowing::Lender& Borrowing::LenderOf(const ProcessAddress& owner) {
  Lender& lender = lenders_[owner.process];
  if (!lender.address.process) lender.address = owner;
  return lender;
}

void Borrowing::Touch(Lender& lender) {
  if (std::exchange(lender.dirty, true)) return;
  dirty_.push_back(lender.address.process);
  env_.executor().Defer(*this);
}

void Borrowing::RunDeferred() {
  for (const ProcessId owner : std::exchange(dirty_, {})) {
    const auto lender = lenders_.find(owner);
    if (lender == lenders_.end()) continue;
    lender->second.dirty = false;
    Send(lender->second);
    Tidy(owner);
  }
  for (Received& received : std::exchange(received_, {})) {
    // One that has come back has forgotten what it sent before.
    Peer* const peer = peers_.Find(received.sender);
    if (peer == nullptr || peer->epoch != received.epoch) continue;
    InParts(received.ids, [&](std::vector<ObjectId> ids) { peer->channel().Notify(RefsReceived{std::move(ids)}); });
  }
}

void Borrowing::Send(Lender& lender) {
  Peer* const peer = peers_.Find(lender.address.process);
  if (peer == nullptr) {
    lender.releases.clear();
    const bool wants =
        !lender.registrations.empty() || !lender.received.empty() || !lender.questions.empty() || lender.restoring;
    if (!wants || std::exchange(lender.reaching, true)) return;
    const ProcessAddress owner = lender.address;
    return reach_.With(
        owner, [this, process = owner.process](const absl::StatusOr<Peer*>& reached) { Reached(process, reached); });
  }
  // An earlier release of the same object comes first.
  InParts(std::exchange(lender.releases, {}),
          [&](std::vector<ObjectId> ids) { peer->channel().Notify(ReleaseBorrows{std::move(ids)}); });
  SendRegistrations(*peer, lender.received, /*sent_by_owner=*/true);
  SendRegistrations(*peer, lender.registrations, /*sent_by_owner=*/false);
  SendQuestions(*peer, lender);
  if (lender.restoring && lender.registering == 0) {
    lender.restoring = false;
    peer->channel().Notify(BorrowsRestored{});
  }
}

void Borrowing::SendRegistrations(Peer& peer, std::vector<ObjectId>& ids, bool sent_by_owner) {
  if (ids.empty()) return;
  peer.lends = true;
  if (!peer.address.process) peer.address = lenders_.at(peer.process).address;  // it has dialled us
  Lender& lender = lenders_.at(peer.process);
  InParts(std::exchange(ids, {}), [&](std::vector<ObjectId> part) {
    const AddBorrower request{.ids = std::move(part), .sent_by_owner = sent_by_owner};
    ++lender.registering;
    peer.channel().Call(request, kWhileConnected,
                        [this, owner = peer.process, asked = request.ids](
                            const absl::StatusOr<AddBorrower::Reply>& reply) { Answered(owner, asked, reply); });
  });
}

void Borrowing::SendQuestions(Peer& peer, Lender& lender) {
  size_t sent = 0;
  while (sent < lender.questions.size() && lender.asking < kMaxAsking) {
    const size_t last = std::min(lender.questions.size(), sent + kMaxBorrowedIds);
    const ResolveObjects request{.ids = {lender.questions.begin() + sent, lender.questions.begin() + last}};
    sent = last;
    lender.asked.insert(request.ids.begin(), request.ids.end());
    ++lender.asking;
    peer.channel().CallRaw(request, kWhileConnected,
                           [this, owner = peer.process, ids = request.ids](const absl::StatusOr<RawReply>& raw) {
                             Resolved(owner, ids, raw);
                           });
  }
  lender.questions.erase(lender.questions.begin(), lender.questions.begin() + sent);
}

void Borrowing::Tidy(ProcessId owner) {
  const auto lender = lenders_.find(owner);
  if (lender != lenders_.end() && lender->second.idle()) lenders_.erase(lender);
}

void Borrowing::Reached(ProcessId owner, const absl::StatusOr<Peer*>& peer) {
  const auto lender = lenders_.find(owner);
  if (lender == lenders_.end()) return;
  lender->second.reaching = false;
  if (!peer.ok()) return GiveUp(owner, peer.status());
  Touch(lender->second);
}

void Borrowing::GiveUp(ProcessId owner, const absl::Status& why) {
  Lender& lender = lenders_.at(owner);
  const std::vector<ObjectId> received = std::exchange(lender.received, {});
  const std::vector<ObjectId> registrations = std::exchange(lender.registrations, {});
  const std::vector<ObjectId> questions = std::exchange(lender.questions, {});
  lender.restoring = false;
  Tidy(owner);
  const auto lost = [&](ObjectId id) {
    const Cause cause = CauseOf(why) == Cause::kDisconnected ? Cause::kDisconnected : Cause::kOwnerDied;
    return MakeError(cause, absl::StrCat("object ", id.ToString(), " is lost with its owner, process ",
                                         owner.ToString(), ": ", why.message()));
  };
  for (const ObjectId& id : received) EndRegistration(owner, id, lost(id));
  for (const ObjectId& id : registrations) EndRegistration(owner, id, lost(id));
  for (const ObjectId& id : questions) FailQuestion(owner, id, lost(id));
}

void Borrowing::OnPeerGone(const Peer& peer) {
  if (!closed_.ok()) return;
  if (peer.lends) {
    for (ObjectRecord* record : objects_.BorrowedFrom(peer.process)) {
      if (record->borrow != BorrowState::kRegistered) continue;
      record->borrow = BorrowState::kRegistering;
      objects_.Hold(*record);
      LenderOf(*record->owner).registrations.push_back(record->id());
    }
    LenderOf(peer.address);  // also if it is only to hear that nothing is left
  }
  const auto found = lenders_.find(peer.process);
  if (found == lenders_.end()) return;
  Lender& lender = found->second;
  lender.restoring |= peer.lends;
  lender.releases.clear();
  std::vector<ObjectId> again(lender.asked.begin(), lender.asked.end());
  lender.asked.clear();
  std::sort(again.begin(), again.end());
  lender.questions.insert(lender.questions.end(), again.begin(), again.end());
  Touch(lender);
}

void Borrowing::Clear(const absl::Status& why) {
  closed_ = why;
  std::vector<ProcessId> owners;
  for (const auto& [owner, lender] : lenders_) owners.push_back(owner);
  for (const ProcessId owner : owners) GiveUp(owner, why);
}

// --- what they answer ---

void Borrowing::Answered(ProcessId owner, const std::vector<ObjectId>& ids,
                         const absl::StatusOr<AddBorrower::Reply>& reply) {
  if (const auto lender = lenders_.find(owner); lender != lenders_.end()) {
    --lender->second.registering;
    if (CauseOf(reply.status()) == Cause::kDisconnected && closed_.ok()) {
      std::vector<ObjectId>& again = lender->second.registrations;
      again.insert(again.end(), ids.begin(), ids.end());
      return Touch(lender->second);
    }
    if (lender->second.restoring) Touch(lender->second);
  }
  absl::flat_hash_set<ObjectId> unknown;
  if (reply.ok()) unknown.insert(reply->unknown.begin(), reply->unknown.end());
  for (const ObjectId& id : ids) {
    const std::string object = absl::StrCat("object ", id.ToString());
    if (!reply.ok()) {
      EndRegistration(owner, id,
                      WithContext(reply.status(), absl::StrCat(object, " can't be registered with its owner")));
    } else if (unknown.contains(id)) {
      EndRegistration(owner, id,
                      MakeError(Cause::kObjectLost, absl::StrCat(object, " is not known to its owner any more")));
    } else {
      EndRegistration(owner, id, absl::OkStatus());
    }
  }
  Tidy(owner);
}

void Borrowing::Resolved(ProcessId owner, const std::vector<ObjectId>& ids, const absl::StatusOr<RawReply>& raw) {
  const auto found = lenders_.find(owner);
  if (found == lenders_.end()) return;
  Lender& lender = found->second;
  --lender.asking;
  if (CauseOf(raw.status()) == Cause::kDisconnected) return Tidy(owner);  // asked again, by OnPeerGone
  ResolveObjects::Reply reply;
  const absl::Status status = raw.ok() ? Decode(raw->body, reply) : raw.status();
  absl::flat_hash_set<ObjectId> left(ids.begin(), ids.end());
  for (const WireValue& value : reply.values) left.erase(value.id);
  for (const FailedObject& failed : reply.failed) left.erase(failed.id);
  for (const ObjectId& id : reply.pending) left.erase(id);
  for (const ObjectId& id : ids) {
    if (!left.contains(id) || lender.asked.erase(id) == 0) continue;
    if (status.ok()) {
      lender.questions.push_back(id);
    } else {
      FailQuestion(owner, id, status);
    }
  }
  if (!lender.questions.empty()) Touch(lender);
  Settle(owner, reply);
  Tidy(owner);
}

void Borrowing::OnObjectsResolved(const Peer& owner, const ObjectsResolved& message) {
  Settle(owner.process, message);
  Tidy(owner.process);
}

template <typename Outcomes>
void Borrowing::Settle(ProcessId owner, const Outcomes& outcomes) {
  const auto answered = [&](const ObjectId& id) {
    if (const auto lender = lenders_.find(owner); lender != lenders_.end()) lender->second.asked.erase(id);
  };
  for (const WireValue& value : outcomes.values) {
    answered(value.id);
    ObjectRecord* const record = objects_.Find(value.id);
    if (record == nullptr) {
      Decline(value.refs, owner);  // forgotten meanwhile; what the value refers to is let go at once
      continue;
    }
    record->resolving = false;
    std::vector<ObjectRecord*> contained = ImportReceived(value.refs, owner);
    if (value.kind == ValueKind::kInline) {
      objects_.SettleInline(*record, std::make_shared<const std::string>(value.bytes), std::move(contained));
    } else {
      objects_.SettleStored(*record, value.size, value.copies, std::move(contained));
    }
  }
  for (const FailedObject& failed : outcomes.failed) {
    answered(failed.id);
    FailQuestion(owner, failed.id, failed.error);
  }
}

void Borrowing::FailQuestion(ProcessId owner, ObjectId id, const absl::Status& error) {
  ObjectRecord* const record = objects_.Find(id);
  if (record == nullptr) return;
  record->resolving = false;
  const bool has_moved = !record->owned() && record->owner->process != owner;
  if (!record->settled() && has_moved) return Resolve(*record);
  if (!record->owned()) objects_.Fail(*record, error);
}

}  // namespace ioc

#include "runtime/client/moved_borrows.h"

#include <memory>
#include <utility>
#include <vector>

namespace ioc {

MovedBorrows::MovedBorrows(Env& env, ObjectTable& objects, PeerTable& peers, Borrowing& borrowing, Lending& lending,
                           Ownership& ownership, const TaskBook& book)
    : env_(env),
      objects_(objects),
      peers_(peers),
      borrowing_(borrowing),
      lending_(lending),
      ownership_(ownership),
      book_(book) {}

MovedBorrows::~MovedBorrows() { env_.executor().CancelTimer(timer_); }

void MovedBorrows::Clear() {
  closed_ = true;
  moves_.clear();
  env_.executor().CancelTimer(std::exchange(timer_, 0));
}

// --- taking over ---

bool MovedBorrows::Wants(ProcessId giver, ObjectId id, bool inside, bool failed) const {
  const ObjectRecord* const record = objects_.Find(id);
  if (record == nullptr) return inside;
  const bool differs = record->settled() && failed != (record->state == ObjectState::kFailed);
  if (differs || record->actor != nullptr || record->given != GivenState::kNo) return false;
  if (record->owned()) return record->settled();  // since an earlier time, of which the giver did not hear
  if (record->owner->process != giver || record->borrow == BorrowState::kRegistering) return false;
  return inside || (record->borrow == BorrowState::kRegistered && (record->user_held || record->holds > record->lent));
}

void MovedBorrows::Leave(const Peer& giver, ObjectRecord& record) {
  if (record.owned() || record.borrow != BorrowState::kRegistered) return;
  Move& move = moves_[{record.id(), giver.process}];
  move.epoch = giver.epoch;
  move.next.reset();
  move.owner = {};
  ++move.owed;
  record.borrow = BorrowState::kNone;
}

void MovedBorrows::OnTakeOver(PeerLink& link, const FrameHeader& request, const TakeOver& message) {
  Peer& giver = *link.peer;
  TakeOver::Reply reply{.taken = {}, .owner = borrowing_.self()};
  absl::flat_hash_set<ObjectId> inside;
  std::vector<WireValue> taken;
  for (const WireValue& value : message.values) {
    if (!Wants(giver.process, value.id, inside.contains(value.id), /*failed=*/false)) {
      borrowing_.Decline(value.refs, giver.process);
      continue;
    }
    if (ObjectRecord* const known = objects_.Find(value.id)) Leave(giver, *known);
    for (const RefInfo& ref : value.refs) inside.insert(ref.id);
    taken.push_back(value);
  }
  std::vector<ObjectRecord*> records;
  for (const FailedObject& failed : message.failed) {
    if (failed.error.ok() || !Wants(giver.process, failed.id, inside.contains(failed.id), /*failed=*/true)) continue;
    ObjectRecord* const known = objects_.Find(failed.id);
    if (known != nullptr) Leave(giver, *known);
    ObjectRecord& record = known == nullptr ? objects_.Create(failed.id) : *known;
    objects_.Hold(record);
    record.owner = nullptr;
    objects_.Fail(record, failed.error);
    records.push_back(&record);
  }
  for (ObjectRecord* record : ownership_.Adopt(taken, giver.process)) records.push_back(record);
  for (ObjectRecord* record : records) {
    lending_.Lend(giver, *record);
    reply.taken.push_back(record->id());
    objects_.Drop(*record);
  }
  link.channel->Reply(request, reply);
  Arm(kMovedBorrowDelay);
}

// --- following ---

bool MovedBorrows::IsBorrowedFrom(const ObjectRecord* record, ProcessId owner) const {
  return record != nullptr && !record->owned() && record->owner->process == owner;
}

void MovedBorrows::OnOwnerMoved(const Peer& peer, const OwnerMoved& message) {
  for (const ObjectId& id : message.ids) {
    if (message.owner.process == peer.process) {
      const auto move = moves_.find({id, peer.process});
      if (move != moves_.end()) Cancel(move);
      continue;
    }
    ObjectRecord* const record = objects_.Find(id);
    if (!IsBorrowedFrom(record, peer.process) || message.owner.process == borrowing_.self().process) continue;
    objects_.Hold(*record);
    borrowing_.WhenRegistered(
        *record, [this, record, process = peer.process, owner = message.owner](const absl::Status&) {
          const Peer* const old_owner = peers_.Find(process);
          const bool registered = record->borrow == BorrowState::kRegistered && IsBorrowedFrom(record, process);
          if (registered && old_owner != nullptr && !closed_) Follow(*old_owner, *record, owner);
          objects_.Drop(*record);
        });
  }
}

void MovedBorrows::Follow(const Peer& peer, ObjectRecord& record, const ProcessAddress& owner) {
  const auto move = moves_.try_emplace({record.id(), peer.process}).first;
  move->second.old_owner = *record.owner;
  move->second.epoch = peer.epoch;
  move->second.next = owner;
  if (!move->second.asking) Ask(move);
}

// The old owner has taken it back.
void MovedBorrows::Cancel(Moves::iterator entry) {
  Move& move = entry->second;
  ObjectRecord* const record = objects_.Find(entry->first.first);
  move.next.reset();
  if (move.owed == 0 || !IsBorrowedFrom(record, move.owner.process)) return;
  Release(move.owner.process, record->id());
  --move.owed;
  *record->owner = move.old_owner;
  Arm(kMovedBorrowDelay);
}

void MovedBorrows::Ask(Moves::iterator entry) {
  ObjectRecord& record = *objects_.Find(entry->first.first);
  const ProcessAddress next = *entry->second.next;
  entry->second.asking = true;
  objects_.Hold(record);
  auto asked = [this, &record, next, key = entry->first](const absl::StatusOr<AddBorrower::Reply>& reply) {
    Asked(key, record, next, reply);
    objects_.Drop(record);
  };
  peers_.With(next, [id = record.id(), asked = std::move(asked)](auto peer) mutable {
    if (!peer.ok()) return asked(peer.status());
    (*peer)->lends = true;
    const AddBorrower request{.ids = {id}};
    (*peer)->channel().Call(request, kWhileConnected, std::move(asked));
  });
}

void MovedBorrows::Asked(const Key& key, ObjectRecord& record, const ProcessAddress& owner,
                         const absl::StatusOr<AddBorrower::Reply>& reply) {
  if (closed_) return;
  const bool counted = reply.ok() && reply->unknown.empty();
  if (counted) {
    objects_.Hold(record);
    // While it is being registered anew with the old owner, it can't leave that.
    borrowing_.WhenRegistered(record, [this, &record, key, owner](const absl::Status&) {
      Counted(key, record, owner);
      objects_.Drop(record);
    });
    return Arm(kMovedBorrowDelay);
  }
  if (const auto entry = moves_.find(key); entry != moves_.end()) {
    entry->second.asking = false;
    if (!IsConnected(key.second, entry->second)) entry->second.next.reset();
  }
  Arm(kMovedBorrowPeriod);
}

// `owner` counts us.
void MovedBorrows::Counted(const Key& key, ObjectRecord& record, const ProcessAddress& owner) {
  if (closed_) return;
  const auto entry = moves_.find(key);
  if (entry != moves_.end()) entry->second.asking = false;
  if (entry == moves_.end() || !entry->second.next.has_value() || entry->second.next->process != owner.process ||
      !IsBorrowedFrom(&record, key.second)) {
    return Release(owner.process, record.id());
  }
  Move& move = entry->second;
  const Peer* const old_owner = peers_.Find(key.second);
  if (old_owner != nullptr && record.borrow == BorrowState::kRegistered) {
    move.epoch = old_owner->epoch;
    ++move.owed;
  }
  move.next.reset();
  move.owner = owner;
  *record.owner = owner;
  record.borrow = BorrowState::kRegistered;
}

void MovedBorrows::Release(ProcessId owner, ObjectId id) {
  if (Peer* const peer = peers_.Find(owner)) peer->channel().Notify(ReleaseBorrows{.ids = {id}});
}

// --- in the end ---

bool MovedBorrows::IsConnected(ProcessId old_owner, const Move& move) const {
  const Peer* const peer = peers_.Find(old_owner);
  return peer != nullptr && peer->epoch == move.epoch;
}

void MovedBorrows::OnPeerGone(const Peer& peer) {
  for (auto& [key, move] : moves_) {
    if (key.second == peer.process) move.owed = 0;
    ObjectRecord* const record = objects_.Find(key.first);
    if (move.owner.process != peer.process || move.owed == 0 || !IsBorrowedFrom(record, peer.process)) continue;
    // The new one; the old one still counts us.
    --move.owed;
    move.next = std::exchange(move.owner, {});
    *record->owner = move.old_owner;
  }
  if (!moves_.empty()) Arm(kMovedBorrowDelay);
}

void MovedBorrows::Arm(absl::Duration delay) {
  const absl::Time at = env_.executor().Now() + delay;
  if (closed_ || moves_.empty() || (timer_ != 0 && look_at_ <= at)) return;
  env_.executor().CancelTimer(timer_);
  look_at_ = at;
  timer_ = env_.executor().Schedule(delay, [this] {
    timer_ = 0;
    Look();
  });
}

void MovedBorrows::Look() {
  const absl::flat_hash_set<ObjectId> named = book_.NamedInCalls();
  std::map<ProcessId, ReleaseBorrows> releases;
  for (auto entry = moves_.begin(); entry != moves_.end();) {
    const auto& [id, process] = entry->first;
    Move& move = entry->second;
    if (!IsConnected(process, move)) move.owed = 0;
    if (move.owed > 0 && !named.contains(id) && !lending_.IsInTransit(id)) {
      for (; move.owed > 0; --move.owed) releases[process].ids.push_back(id);
    }
    if (move.next.has_value() && !move.asking) {
      if (IsBorrowedFrom(objects_.Find(id), process)) {
        Ask(entry);
      } else {
        move.next.reset();
      }
    }
    entry = move.owed > 0 || move.next.has_value() || move.asking ? std::next(entry) : moves_.erase(entry);
  }
  for (auto& [process, release] : releases) peers_.Find(process)->channel().Notify(release);
  Arm(kMovedBorrowPeriod);
}

}  // namespace ioc

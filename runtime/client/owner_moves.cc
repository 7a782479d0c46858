#include "runtime/client/owner_moves.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "lib/protocol/message_size.h"

namespace ioc {
namespace {

bool KnowsMoves(Peer& peer) { return (peer.channel().peer().features & kFeatureOwnerMoves) != 0; }

}  // namespace

// What goes to one process, and holds on it until that has answered.
class OwnerMoves::Offer {
 public:
  explicit Offer(OwnerMoves& moves) : moves_(moves) {}

  // `record`, if only borrowers refer to it, and what lies inside and nothing else keeps.
  void Add(ObjectRecord& record) {
    std::deque<ObjectRecord*> queue = {&record};
    for (; !queue.empty() && !full(); queue.pop_front()) {
      ObjectRecord& next = *queue.front();
      if (!added_.contains(&next) && IsOnlyLent(next, inside_[&next])) Take(next, queue);
    }
  }
  bool full() const { return records_.size() >= kMaxMovedObjects || bytes_ >= kMaxMovedBytes; }

  // References inside are on their way to `to` from now on.
  TakeOver Message(Peer& to) {
    TakeOver message;
    for (ObjectRecord* record : records_) {
      moves_.objects_.Hold(*record);
      if (record->state == ObjectState::kFailed) {
        message.failed.push_back({.id = record->id(), .error = record->error});
      } else {
        message.values.push_back(moves_.borrowing_.ExportValue(*record));
        moves_.lending_.HoldInTransit(to, record->contained);
      }
    }
    return message;
  }
  const std::vector<ObjectRecord*>& records() const { return records_; }

 private:
  void Take(ObjectRecord& record, std::deque<ObjectRecord*>& queue) {
    added_.insert(&record);
    records_.push_back(&record);
    bytes_ += kBytesOfRef * record.contained.size();
    if (record.state == ObjectState::kInline) bytes_ += record.bytes->size();
    for (ObjectRecord* inner : record.contained) {
      ++inside_[inner];
      queue.push_back(inner);
    }
  }

  OwnerMoves& moves_;
  std::vector<ObjectRecord*> records_;
  size_t bytes_ = 0;
  absl::flat_hash_map<ObjectRecord*, uint32_t> inside_;  // of what is offered; looked up only
  std::set<ObjectRecord*> added_;                        // looked up only
};

OwnerMoves::OwnerMoves(Env& env, ObjectTable& objects, PeerTable& peers, Borrowing& borrowing, Lending& lending,
                       StoreClient& store)
    : env_(env), objects_(objects), peers_(peers), borrowing_(borrowing), lending_(lending), store_(store) {}

OwnerMoves::~OwnerMoves() { env_.executor().CancelTimer(timer_); }

void OwnerMoves::Clear() {
  driver_.reset();
  candidates_.clear();
  env_.executor().CancelTimer(std::exchange(timer_, 0));
}

bool OwnerMoves::IsOnlyLent(const ObjectRecord& record, uint32_t inside) {
  return record.owned() && record.settled() && record.actor == nullptr && record.given == GivenState::kNo &&
         !record.user_held && record.holds == record.lent + inside;
}

void OwnerMoves::OnOnlyLent(const ObjectRecord& record) {
  if (!driver_.has_value() || !IsOnlyLent(record, 0)) return;
  if (candidates_.try_emplace(record.id()).second) Arm(kMoveDelay);
}

void OwnerMoves::Arm(absl::Duration delay) {
  const absl::Time at = env_.executor().Now() + delay;
  if (!driver_.has_value() || (timer_ != 0 && look_at_ <= at)) return;
  env_.executor().CancelTimer(timer_);
  look_at_ = at;
  timer_ = env_.executor().Schedule(delay, [this] {
    timer_ = 0;
    Look();
  });
}

void OwnerMoves::Look() {
  const absl::Time now = env_.executor().Now();
  absl::Time next = absl::InfiniteFuture();
  std::map<ProcessId, std::vector<ObjectRecord*>> chosen;
  bool full = false;  // the rest is looked at when that is answered
  for (auto it = candidates_.begin(); it != candidates_.end() && !full;) {
    if (it->second.offered) {
      ++it;
      continue;
    }
    ObjectRecord* const record = objects_.Find(it->first);
    const bool movable = record != nullptr && IsOnlyLent(*record, 0);
    const bool waits = movable && it->second.not_before > now;
    if (waits) next = std::min(next, it->second.not_before);
    Peer* const to = movable && !waits ? PickOwner(*record, it->second.tries) : nullptr;
    if (to != nullptr) {
      std::vector<ObjectRecord*>& its = chosen[to->process];
      its.push_back(record);
      full = its.size() >= kMaxMovedObjects && !asked_.contains(to->process);
    }
    it = waits || to != nullptr ? std::next(it) : candidates_.erase(it);
  }
  for (const auto& [process, records] : chosen) {
    Peer* const to = peers_.Find(process);
    if (to != nullptr && !asked_.contains(process)) Send(*to, records);
  }
  if (next != absl::InfiniteFuture()) Arm(next - now);
}

Peer* OwnerMoves::PickOwner(const ObjectRecord& record, uint32_t tries) {
  std::vector<Peer*> borrowers = peers_.BorrowersOf(record.id());
  std::erase_if(borrowers, [](Peer* peer) { return !KnowsMoves(*peer); });
  if (borrowers.empty()) return nullptr;
  std::stable_partition(borrowers.begin(), borrowers.end(),
                        [this](const Peer* peer) { return peer->process == driver_; });
  return borrowers[tries % borrowers.size()];
}

void OwnerMoves::Send(Peer& to, const std::vector<ObjectRecord*>& chosen) {
  Offer offer(*this);
  for (ObjectRecord* record : chosen) {
    if (offer.full()) break;  // the rest goes when this is answered
    offer.Add(*record);
  }
  if (offer.records().empty()) return;
  for (const ObjectRecord* record : offer.records()) candidates_[record->id()].offered = true;
  asked_.insert(to.process);
  const TakeOver message = offer.Message(to);
  // Answered at once, or the connection breaks: given up sooner, it might have been taken.
  to.channel().Call(message, kWhileConnected,
                    [this, process = to.process, offered = offer.records()](
                        const absl::StatusOr<TakeOver::Reply>& reply) { Answered(process, offered, reply); });
}

void OwnerMoves::Answered(ProcessId to, const std::vector<ObjectRecord*>& offered,
                          const absl::StatusOr<TakeOver::Reply>& reply) {
  asked_.erase(to);
  std::set<ObjectId> taken;
  if (reply.ok() && reply->owner.process == to) taken = {reply->taken.begin(), reply->taken.end()};
  if (Peer* const owner = taken.empty() ? nullptr : peers_.Find(to)) {
    owner->lends = true;
    owner->address = reply->owner;
  }
  std::vector<ObjectRecord*> moved;
  for (ObjectRecord* record : offered) {
    if (taken.contains(record->id())) {
      record->owner = std::make_unique<ProcessAddress>(reply->owner);
      record->borrow = BorrowState::kRegistered;  // as a borrower of it, by taking it
      moved_.insert(record->id());
      moved.push_back(record);
      candidates_.erase(record->id());
    } else if (driver_.has_value()) {
      Candidate& again = candidates_[record->id()];
      again.offered = false;
      ++again.tries;
      again.not_before = env_.executor().Now() + kMoveRetry;
    }
  }
  if (!moved.empty()) Tell(moved, reply->owner);
  for (ObjectRecord* record : offered) objects_.Drop(*record);
  if (!candidates_.empty()) Arm(absl::ZeroDuration());
}

void OwnerMoves::Tell(const std::vector<ObjectRecord*>& records, const ProcessAddress& owner) {
  std::map<ProcessId, OwnerMoved> told;
  for (const ObjectRecord* record : records) {
    for (Peer* borrower : peers_.BorrowersOf(record->id())) {
      if (borrower->process == owner.process || !KnowsMoves(*borrower)) continue;
      told[borrower->process].ids.push_back(record->id());
    }
  }
  for (auto& [process, message] : told) {
    message.owner = owner;
    peers_.Find(process)->channel().Notify(message);
  }
}

void OwnerMoves::OnBorrowed(PeerLink& link, const std::vector<ObjectId>& ids) {
  if (moved_.empty() || !KnowsMoves(*link.peer)) return;
  for (const ObjectId& id : ids) {
    const ObjectRecord* const record = moved_.contains(id) ? objects_.Find(id) : nullptr;
    if (record == nullptr || record->owned() || record->owner->process == link.peer->process) continue;
    link.channel->Notify(OwnerMoved{.ids = {id}, .owner = *record->owner});
  }
}

// What moved to it is still here if others borrow it from us: they shall not lose it.
void OwnerMoves::OnPeerGone(const Peer& peer) {
  std::vector<ObjectRecord*> cut_off;
  for (const ObjectId& id : moved_) {
    ObjectRecord* const record = objects_.Find(id);
    if (record->owned() || record->owner->process != peer.process) continue;
    objects_.Hold(*record);
    cut_off.push_back(record);
  }
  for (ObjectRecord* record : cut_off) {
    borrowing_.WhenRegistered(*record, [this, record, process = peer.process](const absl::Status& status) {
      const bool lost = !status.ok() && driver_.has_value();
      if (lost && !record->owned() && record->owner->process == process) TakeBack(*record);
      objects_.Drop(*record);
    });
  }
}

void OwnerMoves::TakeBack(ObjectRecord& record) {
  record.owner = nullptr;
  record.borrow = BorrowState::kNone;
  moved_.erase(record.id());
  if (record.state == ObjectState::kStored) store_.Adopt(record.id(), record.copies);
  Tell({&record}, borrowing_.self());
}

}  // namespace ioc

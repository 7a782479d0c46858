#include "runtime/client/object_table.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "runtime/client/actor_state.h"

namespace ioc {

ObjectRecord::~ObjectRecord() = default;

internal::Runtime& ObjectRecord::runtime() const { return table.runtime(); }

void ObjectRecord::Unreferenced() { table.ReleasedByUser(*this); }

ObjectTable::~ObjectTable() = default;

ObjectRecord& ObjectTable::Create(ObjectId id) {
  auto [it, inserted] = records_.try_emplace(id);
  IOC_CHECK(inserted) << "object " << id.ToString() << " is already in the table";
  it->second = std::make_unique<ObjectRecord>(id, *this);
  return *it->second;
}

ObjectRecord* ObjectTable::Find(ObjectId id) {
  auto it = records_.find(id);
  return it == records_.end() ? nullptr : it->second.get();
}

internal::Ref ObjectTable::MakeRef(ObjectRecord& record) {
  const int64_t before = record.Retain();
  if (!record.user_held) {
    record.user_held = true;
    hooks_.OnUserHolds();
  } else if (before == 0) {
    // The last reference was dropped, but its ReleasedByUser still waits for the mutex: it must find a live record.
    ++record.stale_releases;
  }
  return internal::Ref::Adopt(&record);
}

void ObjectTable::ReleasedByUser(ObjectRecord& record) {
  {
    MutexLock lock(executor_.mutex());
    if (record.stale_releases > 0) {
      --record.stale_releases;
      return;
    }
    record.user_held = false;
    CollectIfDead(record);
  }
  hooks_.OnUserLetsGo();
}

void ObjectTable::Drop(ObjectRecord& record) {
  IOC_CHECK(record.holds > 0) << "object " << record.id().ToString() << " is dropped once too often";
  --record.holds;
  CollectIfDead(record);
}

void ObjectTable::CollectIfDead(ObjectRecord& record) {
  if (record.holds > 0 || record.user_held) {
    if (record.lent > 0 && record.holds == record.lent && !record.user_held) hooks_.OnOnlyLent(record);
    return;
  }
  ++record.holds;  // OnDead may look at it and even hold it anew
  hooks_.OnDead(record);
  --record.holds;
  if (record.holds > 0 || record.user_held) return;
  auto node = records_.extract(record.id());
  DropAll(std::move(node.mapped()->contained));
}

void ObjectTable::DropAll(std::vector<ObjectRecord*> records) {
  to_drop_.insert(to_drop_.end(), records.begin(), records.end());
  if (dropping_) return;
  dropping_ = true;
  while (!to_drop_.empty()) {
    ObjectRecord* record = to_drop_.front();
    to_drop_.pop_front();
    Drop(*record);
  }
  dropping_ = false;
}

void ObjectTable::SettleInline(ObjectRecord& record, std::shared_ptr<const std::string> bytes,
                               std::vector<ObjectRecord*> contained) {
  if (record.settled()) return DropAll(std::move(contained));
  record.state = ObjectState::kInline;
  record.bytes = std::move(bytes);
  record.contained = std::move(contained);
  Settled(record);
}

void ObjectTable::SettleStored(ObjectRecord& record, uint64_t size, std::vector<ObjectCopy> copies,
                               std::vector<ObjectRecord*> contained) {
  if (record.settled()) return DropAll(std::move(contained));
  record.state = ObjectState::kStored;
  record.size = size;
  record.copies = std::move(copies);
  record.contained = std::move(contained);
  Settled(record);
}

void ObjectTable::Fail(ObjectRecord& record, const absl::Status& error) {
  if (record.settled()) return;
  record.state = ObjectState::kFailed;
  record.error = error;
  Settled(record);
}

void ObjectTable::Settled(ObjectRecord& record) {
  Hold(record);  // a listener may drop the last reason to keep it
  settled_.push_back(&record);
  if (settling_) return;
  settling_ = true;
  while (!settled_.empty()) {
    ObjectRecord& next = *settled_.front();
    settled_.pop_front();
    for (size_t i = 0; i < next.listeners.size(); ++i) {
      if (SettleListener* const listener = std::exchange(next.listeners[i], nullptr)) listener->OnSettled(next);
    }
    next.listeners.clear();
    Drop(next);
  }
  settling_ = false;
}

void ObjectTable::Unlisten(ObjectRecord& record, SettleListener& listener) {
  std::vector<SettleListener*>& all = record.listeners;
  SettleListener* const none = nullptr;
  if (record.settled()) return std::replace(all.begin(), all.end(), &listener, none);  // they may be being told
  std::erase(all, &listener);
}

std::vector<ObjectRecord*> ObjectTable::BorrowedFrom(ProcessId owner) const {
  std::vector<ObjectRecord*> borrowed;
  for (const auto& [id, record] : records_) {
    if (!record->owned() && record->owner->process == owner) borrowed.push_back(record.get());
  }
  std::sort(borrowed.begin(), borrowed.end(), [](const auto* a, const auto* b) { return a->id() < b->id(); });
  return borrowed;
}

void ObjectTable::Count(ProcessCensus& census) const {
  for (const auto& [id, record] : records_) {
    ++(record->owned() ? census.owned : census.borrowed);
    if (record->user_held) ++census.in_use;
    const ActorState* const actor = record->actor.get();
    if (actor == nullptr && !record->settled()) ++census.pending;
    if (actor != nullptr && record->owned() && actor->phase != ActorState::Phase::kDead) ++census.actors;
  }
}

void ObjectTable::FailAll(const absl::Status& error) {
  std::vector<ObjectRecord*> pending;
  for (auto& [id, record] : records_) {
    if (!record->settled()) pending.push_back(record.get());
  }
  // Failing one may destroy others: hold them all meanwhile. Sorted, since nothing may depend on a hash's order.
  std::sort(pending.begin(), pending.end(), [](auto* a, auto* b) { return a->id() < b->id(); });
  for (ObjectRecord* record : pending) Hold(*record);
  for (ObjectRecord* record : pending) Fail(*record, error);
  for (ObjectRecord* record : pending) Drop(*record);
}

}  // namespace ioc

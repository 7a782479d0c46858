#include "runtime/client/ownership.h"

#include <absl/container/flat_hash_map.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>

namespace ioc {
namespace {

// References to an object that would go with the answer.
struct Occurrences {
  int64_t returned = 0;  // user code's, in what it returned
  uint32_t inside = 0;   // in values that are given
  bool queued = false;
};

// Whether it can be given, and nothing else keeps it.
bool IsGiveable(const ObjectRecord& record, const Occurrences& occurrences) {
  const bool has_value = record.state == ObjectState::kInline || record.state == ObjectState::kStored;
  return record.owned() && record.actor == nullptr && has_value && record.listeners.empty() && record.covered == 0 &&
         record.stale_releases == 0 && record.user_held == (occurrences.returned > 0) &&
         record.user_count() == occurrences.returned && record.holds == occurrences.inside;
}

}  // namespace

std::vector<WireValue> Ownership::Give(ProcessId receiver, std::vector<ObjectRecord*>& returned) {
  std::vector<WireValue> given;
  if (returned.empty()) return given;
  absl::flat_hash_map<ObjectRecord*, Occurrences> occurrences;
  std::deque<ObjectRecord*> queue;
  const auto consider = [&](ObjectRecord* record) {
    if (!std::exchange(occurrences[record].queued, true)) queue.push_back(record);
  };
  for (ObjectRecord* record : returned) ++occurrences[record].returned;
  for (ObjectRecord* record : returned) consider(record);
  size_t bytes = 0;
  for (; !queue.empty() && given.size() < kMaxGivenObjects && bytes < kMaxGivenBytes; queue.pop_front()) {
    ObjectRecord& record = *queue.front();
    Occurrences& found = occurrences[&record];
    found.queued = false;  // it is looked at again when it is found in another one that is given
    if (!IsGiveable(record, found)) continue;
    given.push_back(borrowing_.ExportValue(record));
    if (record.state == ObjectState::kInline) bytes += record.bytes->size();
    record.owner = std::make_unique<ProcessAddress>();
    record.owner->process = receiver;
    record.given = GivenState::kOffered;
    for (ObjectRecord* inner : record.contained) {
      returned.push_back(inner);
      ++occurrences[inner].inside;
      consider(inner);
    }
  }
  return given;
}

std::vector<ObjectRecord*> Ownership::Adopt(const std::vector<WireValue>& given, ProcessId giver) {
  std::vector<ObjectRecord*> adopted;
  adopted.reserve(given.size());
  // All are known before the first reference to one of them is looked at.
  for (const WireValue& value : given) {
    ObjectRecord* record = objects_.Find(value.id);
    if (record == nullptr) record = &objects_.Create(value.id);
    record->owner = nullptr;
    record->given = GivenState::kNo;
    if (record->borrow == BorrowState::kRegistered) record->borrow = BorrowState::kNone;
    objects_.Hold(*record);
    adopted.push_back(record);
  }
  for (size_t i = 0; i < given.size(); ++i) {
    const WireValue& value = given[i];
    std::vector<ObjectRecord*> contained = borrowing_.ImportReceived(value.refs, giver);
    if (value.kind == ValueKind::kInline) {
      objects_.SettleInline(*adopted[i], std::make_shared<const std::string>(value.bytes), std::move(contained));
    } else {
      store_.Adopt(value.id, value.copies);
      objects_.SettleStored(*adopted[i], value.size, value.copies, std::move(contained));
    }
  }
  return adopted;
}

}  // namespace ioc

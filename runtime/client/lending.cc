#include "runtime/client/lending.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/base/status.h"
#include "lib/protocol/message_size.h"

namespace ioc {

// A borrower waits for a value of ours.
class Lending::Question final : public SettleListener {
 public:
  Question(Lending& lending, uint64_t link) : lending_(lending), link_(link) {}

  void OnSettled(ObjectRecord& record) override {
    const auto self = lending_.questions_.extract({link_, record.id()});
    lending_.answers_[link_].push_back(&record);  // stays held until it is sent
    lending_.env_.executor().Defer(lending_);
  }

 private:
  Lending& lending_;
  const uint64_t link_;
};

Lending::Lending(Env& env, ObjectTable& objects, PeerTable& peers, Fates& fates, const Borrowing& borrowing)
    : env_(env), objects_(objects), peers_(peers), fates_(fates), borrowing_(borrowing) {}

Lending::~Lending() {
  env_.executor().Undefer(*this);
  env_.executor().CancelTimer(timer_);
}

void Lending::Clear() {
  departed_.clear();
  env_.executor().CancelTimer(std::exchange(timer_, 0));
}

void Lending::Count(ProcessCensus& census) const {
  census.answering = questions_.size();
  for (const auto& [number, departed] : departed_) {
    for (const auto& [id, count] : departed.borrowed) census.lent += count;
    for (const auto& [id, count] : departed.in_transit) census.in_transit += count;
  }
}

// --- what is held ---

void Lending::HoldInTransit(Peer& peer, const std::vector<ObjectRecord*>& records) {
  for (ObjectRecord* record : records) {
    objects_.Hold(*record);
    ++peer.in_transit[record->id()];
  }
}

bool Lending::IsInTransit(ObjectId id) const {
  return peers_.IsInTransit(id) || std::any_of(departed_.begin(), departed_.end(), [id](const auto& entry) {
           return entry.second.in_transit.contains(id);
         });
}

void Lending::Lend(Peer& peer, ObjectRecord& record) {
  objects_.Hold(record);
  ++record.lent;
  ++peer.borrowed[record.id()];
}

void Lending::OnAddBorrower(PeerLink& link, const FrameHeader& request, const AddBorrower& message) {
  AddBorrower::Reply reply;
  for (const ObjectId& id : message.ids) {
    if (ObjectRecord* const record = objects_.Find(id)) {
      Lend(*link.peer, *record);
    } else {
      reply.unknown.push_back(id);
    }
  }
  link.channel->Reply(request, reply);
  if (message.sent_by_owner) OnRefsReceived(*link.peer, RefsReceived{message.ids});
}

void Lending::OnReleaseBorrows(Peer& peer, const ReleaseBorrows& message) {
  for (const ObjectId& id : message.ids) DropOne(peer.borrowed, id, /*lent=*/true);
}

void Lending::OnRefsReceived(Peer& peer, const RefsReceived& message) {
  for (const ObjectId& id : message.ids) {
    ObjectRecord* const record = objects_.Find(id);
    if (record != nullptr && record->given == GivenState::kOffered && record->owner->process == peer.process) {
      record->given = GivenState::kTaken;
    }
    DropOne(peer.in_transit, id, /*lent=*/false);
  }
}

void Lending::DropOne(Counts& counts, ObjectId id, bool lent) {
  const auto counted = counts.find(id);
  if (counted == counts.end()) return;
  if (--counted->second == 0) counts.erase(counted);
  ObjectRecord* const record = objects_.Find(id);
  if (record == nullptr) return;
  if (lent) --record->lent;
  objects_.Drop(*record);
}

void Lending::DropAll(Counts& counts, bool lent) {
  std::vector<std::pair<ObjectId, uint32_t>> ended(counts.begin(), counts.end());
  std::sort(ended.begin(), ended.end());  // what is freed tells others, in an order that no hash decides
  for (const auto& [id, count] : ended) {
    for (uint32_t i = 0; i < count; ++i) DropOne(counts, id, lent);
  }
}

// --- those who are cut off ---

void Lending::OnPeerGone(Peer& peer) {
  ForgetQuestions();
  if (peer.borrowed.empty() && peer.in_transit.empty()) return;
  const uint64_t number = ++last_departed_;
  departed_[number] = {.process = peer.process,
                       .node = peer.node,
                       .epoch = peer.epoch,
                       .until = env_.executor().Now() + kReturnGrace,
                       .borrowed = std::move(peer.borrowed),
                       .in_transit = std::move(peer.in_transit)};
  if (timer_ == 0) Arm();
  ProcessAddress address = peer.address;
  if (!address.process) {
    // It has dialled us, and where its node listens is not known here.
    if (peer.node != borrowing_.self().node) return;
    address = borrowing_.self();
    address.process = peer.process;
  }
  fates_.Ask(address, /*node_name=*/"", [this, number](const WorkerEnd& end) {
    if (end.ended()) Forget(number);
  });
}

void Lending::OnBorrowsRestored(const Peer& peer) {
  std::vector<uint64_t> before;
  for (const auto& [number, departed] : departed_) {
    if (departed.process == peer.process && departed.epoch < peer.epoch) before.push_back(number);
  }
  for (const uint64_t number : before) {
    auto departed = departed_.extract(number);
    DropAll(departed.mapped().borrowed, /*lent=*/true);
    // Of others' objects it may still have to tell their owners.
    Counts foreign;
    for (const auto& [id, count] : departed.mapped().in_transit) {
      const ObjectRecord* const record = objects_.Find(id);
      if (record != nullptr && !record->owned()) foreign[id] = count;
    }
    for (const auto& [id, count] : foreign) departed.mapped().in_transit.erase(id);
    DropAll(departed.mapped().in_transit, /*lent=*/false);
    departed.mapped().in_transit = std::move(foreign);
    if (!departed.mapped().in_transit.empty()) departed_.insert(std::move(departed));
  }
}

void Lending::OnNodeRemoved(NodeId node) {
  ForgetThose([node](const Departed& departed) { return departed.node == node; });
}

void Lending::OnProcessGone(ProcessId process) {
  ForgetThose([process](const Departed& departed) { return departed.process == process; });
}

template <typename Which>
void Lending::ForgetThose(Which which) {
  std::vector<uint64_t> ended;
  for (const auto& [number, departed] : departed_) {
    if (which(departed)) ended.push_back(number);
  }
  for (const uint64_t number : ended) Forget(number);
}

void Lending::Forget(uint64_t number) {
  auto departed = departed_.extract(number);
  if (departed.empty()) return;
  DropAll(departed.mapped().borrowed, /*lent=*/true);
  DropAll(departed.mapped().in_transit, /*lent=*/false);
}

void Lending::Arm() {
  if (departed_.empty()) return;
  const absl::Time next = departed_.begin()->second.until;
  timer_ = env_.executor().Schedule(next - env_.executor().Now(), [this] {
    timer_ = 0;
    while (!departed_.empty() && departed_.begin()->second.until <= env_.executor().Now()) {
      Forget(departed_.begin()->first);
    }
    Arm();
  });
}

// --- questions for values ---

template <typename Outcomes>
size_t Lending::AddOutcome(Peer& to, const ObjectRecord& record, Outcomes& outcomes) {
  if (record.state == ObjectState::kFailed) {
    outcomes.failed.push_back({.id = record.id(), .error = record.error});
    return kBytesOfRef + record.error.message().size();
  }
  HoldInTransit(to, record.contained);
  outcomes.values.push_back(borrowing_.ExportValue(record));
  return WireBytesOf(outcomes.values.back());
}

void Lending::OnResolveObjects(PeerLink& link, const FrameHeader& request, const ResolveObjects& message) {
  ResolveObjects::Reply reply;
  size_t bytes = 0;
  for (const ObjectId& id : message.ids) {
    if (bytes >= kMaxResolvedBytes) break;
    ObjectRecord* const record = objects_.Find(id);
    if (record == nullptr) {
      reply.failed.push_back({id, MakeError(Cause::kObjectLost, absl::StrCat("object ", id.ToString(),
                                                                             " is not known to its owner any more"))});
      bytes += kBytesOfRef;
    } else if (record->settled()) {
      bytes += AddOutcome(*link.peer, *record, reply);
    } else {
      reply.pending.push_back(id);
      std::unique_ptr<Question>& question = questions_[{link.id, id}];
      if (question != nullptr) continue;
      question = std::make_unique<Question>(*this, link.id);
      objects_.Hold(*record);
      objects_.Listen(*record, *question);
    }
  }
  link.channel->Reply(request, reply);
}

void Lending::RunDeferred() {
  for (const auto& [id, records] : std::exchange(answers_, {})) {
    if (PeerLink* const link = peers_.FindLink(id)) SendAnswers(*link, records);
    for (ObjectRecord* record : records) objects_.Drop(*record);
  }
}

void Lending::SendAnswers(PeerLink& link, const std::vector<ObjectRecord*>& records) {
  ObjectsResolved message;
  size_t bytes = 0;
  for (const ObjectRecord* record : records) {
    bytes += AddOutcome(*link.peer, *record, message);
    if (bytes < kMaxResolvedBytes && record != records.back()) continue;
    link.channel->Notify(message);
    message.values.clear();
    message.failed.clear();
    bytes = 0;
  }
}

// Those of connections that are no more.
void Lending::ForgetQuestions() {
  std::vector<std::pair<uint64_t, ObjectId>> gone;
  for (const auto& [asked, question] : questions_) {
    if (peers_.FindLink(asked.first) == nullptr) gone.push_back(asked);
  }
  std::sort(gone.begin(), gone.end());
  for (const auto& asked : gone) {
    const auto question = questions_.extract(asked);
    ObjectRecord& record = *objects_.Find(asked.second);
    objects_.Unlisten(record, *question.mapped());
    objects_.Drop(record);
  }
}

}  // namespace ioc

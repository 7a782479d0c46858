#include "runtime/node/pull_manager.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/status.h"

namespace ioc {
namespace {

// The node was not reached, or did not answer: that says nothing of the object.
bool IsUnanswered(const absl::Status& status) {
  return CauseOf(status) == Cause::kDisconnected || CauseOf(status) == Cause::kDeadline ||
         absl::IsResourceExhausted(status);
}

uint64_t ChunksOf(uint64_t size) { return (size + kPullChunkBytes - 1) / kPullChunkBytes; }

}  // namespace

PullManager::~PullManager() {
  for (const auto& [node, source] : sources_) {
    env_.executor().CancelTimer(source.silence_timer);
    env_.executor().CancelTimer(source.retry_timer);
  }
  store_.DropHolder(kPullHolder);
}

void PullManager::Pull(ObjectId id, const std::vector<ObjectCopy>& copies, Handler handler) {
  auto [found, is_new] = transfers_.try_emplace(id);
  Transfer& transfer = found->second;
  transfer.waiting.push_back(std::move(handler));
  for (const ObjectCopy& copy : copies) {
    const bool known = copy.node.node == self_ || copy.node == transfer.source ||
                       std::count(transfer.sources.begin(), transfer.sources.end(), copy.node) > 0;
    if (!known) transfer.sources.push_back(copy.node);
  }
  if (!is_new) return;
  transfer.number = ++last_attempt_;
  TryNextSource(id);
}

PullManager::Transfer* PullManager::FindAttempt(ObjectId id, uint64_t attempt) {
  auto found = transfers_.find(id);
  return found == transfers_.end() || found->second.attempt != attempt ? nullptr : &found->second;
}

PullManager::Source& PullManager::SourceAt(const NodeAddress& address) {
  Source& source = sources_[address.node];
  source.address = address;
  return source;
}

void PullManager::TryNextSource(ObjectId id) {
  Transfer& transfer = transfers_.at(id);
  LeaveSource(id, transfer.source);
  if (transfer.sources.empty()) {
    return Finish(id,
                  MakeError(Cause::kObjectLost, absl::StrCat("every copy of object ", id.ToString(), " is gone",
                                                             transfer.last_error.ok() ? "" : "; the last one tried: ",
                                                             absl::string_view(transfer.last_error.message()))));
  }
  transfer.source = transfer.sources.front();
  transfer.sources.pop_front();
  transfer.here.clear();  // another attempt of its task may have made the copy there
  Source& source = SourceAt(transfer.source);
  source.transfers.insert(id);
  peers_.Hold(transfer.source.node);
  Describe(source, id);
  Pump(transfer.source.node);
}

void PullManager::Describe(Source& source, ObjectId id) {
  Transfer& transfer = transfers_.at(id);
  transfer.attempt = ++last_attempt_;
  transfer.described = false;
  source.to_describe.emplace_back(id, transfer.attempt);
}

// --- what is asked of a source ---

void PullManager::Pump(NodeId node) {
  // A call may fail at once and change everything: look again after each.
  for (auto found = sources_.find(node); found != sources_.end(); found = sources_.find(node)) {
    Source& source = found->second;
    if (!source.to_describe.empty() && source.describing < kMaxDescribing) {
      const Asked asked = source.to_describe.front();
      source.to_describe.pop_front();
      AskDescription(source, asked);
    } else if (!source.to_read.empty() && source.reading < kSourceWindow) {
      const Asked asked = source.to_read.front();
      source.to_read.pop_front();
      Transfer* const transfer = FindAttempt(asked.first, asked.second);
      if (transfer != nullptr) AskChunk(source, asked, *transfer);
    } else {
      return ForgetIfIdle(node);
    }
  }
}

void PullManager::AskDescription(Source& source, Asked asked) {
  AwaitAnswer(source);
  ++source.describing;
  peers_.Call(source.address, DescribeObject{.id = asked.first}, absl::InfiniteDuration(),
              life_.Bind([this, node = source.address.node, asked](absl::StatusOr<DescribeObject::Reply> reply) {
                Described(node, asked, reply);
              }));
}

void PullManager::AskChunk(Source& source, Asked asked, Transfer& transfer) {
  const uint64_t chunk = transfer.to_read.front();
  transfer.to_read.pop_front();
  if (!transfer.to_read.empty()) source.to_read.push_back(asked);
  const uint64_t offset = chunk * kPullChunkBytes;
  const auto length = static_cast<uint32_t>(std::min<uint64_t>(kPullChunkBytes, transfer.size - offset));
  AwaitAnswer(source);
  ++source.reading;
  peers_.CallRaw(source.address, ReadObject{.id = asked.first, .offset = offset, .length = length},
                 absl::InfiniteDuration(),
                 life_.Bind([this, node = source.address.node, asked, chunk](absl::StatusOr<RawReply> reply) {
                   ChunkArrived(node, asked, chunk, reply);
                 }));
}

void PullManager::AwaitAnswer(Source& source) {
  if (source.describing + source.reading == 0) source.heard = env_.executor().Now();
  ArmSilence(source);
}

void PullManager::ArmSilence(Source& source) {
  if (source.silence_timer != 0) return;
  source.silence_timer =
      env_.executor().Schedule(source.heard + kSourceSilence - env_.executor().Now(),
                               life_.Bind([this, node = source.address.node] { CheckSilence(node); }));
}

void PullManager::CheckSilence(NodeId node) {
  Source& source = sources_.at(node);
  source.silence_timer = 0;
  if (source.describing + source.reading == 0) return;
  if (env_.executor().Now() < source.heard + kSourceSilence) return ArmSilence(source);
  // All that is asked there fails now; it is dialled anew.
  peers_.Drop(node, MakeError(Cause::kDeadline,
                              absl::StrCat("it did not answer within ", absl::FormatDuration(kSourceSilence))));
}

// --- what it answers ---

void PullManager::Described(NodeId node, Asked asked, const absl::StatusOr<DescribeObject::Reply>& reply) {
  Source& source = sources_.at(node);
  --source.describing;
  source.heard = env_.executor().Now();
  const auto& [id, attempt] = asked;
  if (attempt == 0) {
    CopyDescribed(node, id, reply.status());
  } else if (FindAttempt(id, attempt) != nullptr) {
    reply.ok() ? TransferDescribed(id, reply->size) : NotGiven(id, reply.status());
  }
  Pump(node);
}

// Who answers has noted that we have a copy, or has none itself; who does not was lost again.
void PullManager::CopyDescribed(NodeId node, ObjectId id, const absl::Status& status) {
  if (CauseOf(status) == Cause::kObjectLost) {
    on_gone_({id});
  } else if (!status.ok()) {
    SourceLost(node, status);
  } else if (Source& source = sources_.at(node); source.transfers.empty()) {
    source.tries = 0;
  }
}

void PullManager::TransferDescribed(ObjectId id, uint64_t size) {
  Transfer& transfer = transfers_.at(id);
  if (transfer.here.empty() || transfer.size != size) {
    transfer.size = size;
    transfer.missing = ChunksOf(size);
    transfer.here.assign(transfer.missing, false);
  }
  transfer.described = true;
  if (!transfer.wants_memory) StartReading(id);
}

void PullManager::GotMemory(ObjectId id, uint64_t number, const absl::StatusOr<Extent>& extent) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end() || found->second.number != number) {  // it was freed meanwhile
    if (extent.ok()) store_.ReleaseExtent(kPullHolder, extent->offset).IgnoreError();
    return;
  }
  if (!extent.ok()) return Finish(id, extent.status());
  Transfer& transfer = found->second;
  transfer.wants_memory = false;
  transfer.extent = *extent;
  if (transfer.described) StartReading(id);
}

void PullManager::StartReading(ObjectId id) {
  Transfer& transfer = transfers_.at(id);
  if (transfer.extent.length != 0 && transfer.extent.length < transfer.size) {
    store_.ReleaseExtent(kPullHolder, std::exchange(transfer.extent, {}).offset).IgnoreError();
  }
  if (transfer.extent.length == 0) {
    transfer.wants_memory = true;
    return memory_.Ask(AllocationQueue::Purpose::kRead, kPullHolder, std::max<uint64_t>(transfer.size, 1),
                       life_.Bind([this, id, number = transfer.number](absl::StatusOr<Extent> extent) {
                         GotMemory(id, number, extent);
                       }));
  }
  if (transfer.missing == 0) return Complete(id);
  transfer.to_read.clear();
  for (uint64_t chunk = 0; chunk < transfer.here.size(); ++chunk) {
    if (!transfer.here[chunk]) transfer.to_read.push_back(chunk);
  }
  const NodeId node = transfer.source.node;
  sources_.at(node).to_read.emplace_back(id, transfer.attempt);
  Pump(node);
}

void PullManager::ChunkArrived(NodeId node, Asked asked, uint64_t chunk, absl::StatusOr<RawReply>& reply) {
  Source& source = sources_.at(node);
  --source.reading;
  source.heard = env_.executor().Now();
  const auto& [id, attempt] = asked;
  if (FindAttempt(id, attempt) != nullptr) {
    if (reply.ok()) source.tries = 0;
    reply.ok() ? StoreChunk(id, chunk, reply->trailer) : NotGiven(id, reply.status());
  }
  Pump(node);
}

void PullManager::StoreChunk(ObjectId id, uint64_t chunk, std::span<const std::byte> bytes) {
  Transfer& transfer = transfers_.at(id);
  const uint64_t offset = chunk * kPullChunkBytes;
  const uint64_t length = std::min<uint64_t>(kPullChunkBytes, transfer.size - offset);
  if (bytes.size() != length) {
    return Failed(id, absl::DataLossError(
                          absl::StrCat(transfer.source.Label(), " sent ", bytes.size(), " bytes instead of ", length)));
  }
  std::memcpy(store_.memory()->data() + transfer.extent.offset + offset, bytes.data(), length);
  transfer.here[chunk] = true;
  memory_.NoteProgress();
  if (--transfer.missing == 0) Complete(id);
}

void PullManager::NotGiven(ObjectId id, const absl::Status& why) {
  IsUnanswered(why) ? SourceLost(transfers_.at(id).source.node, why) : Failed(id, why);
}

// --- sources that are not reached ---

void PullManager::SourceLost(NodeId node, const absl::Status& why) {
  const auto found = sources_.find(node);
  if (found == sources_.end()) return;
  Source& source = found->second;
  source.to_describe.clear();
  source.to_read.clear();
  for (const ObjectId& id : source.transfers) {
    Transfer& transfer = transfers_.at(id);
    transfer.attempt = 0;
    transfer.described = false;
    transfer.last_error = why;
  }
  const bool is_given_up = source.tries >= kMaxResume;
  const std::vector<ObjectId> given_up(source.transfers.begin(),
                                       is_given_up ? source.transfers.end() : source.transfers.begin());
  if (source.retry_timer == 0 && (!source.copies.empty() || !source.transfers.empty())) {
    absl::Duration delay = kAskSourceDelay;
    for (int i = 0; i < source.tries; ++i) delay *= 4;
    source.retry_timer = env_.executor().Schedule(delay, life_.Bind([this, node] { AskAgain(node); }));
  }
  for (const ObjectId& id : given_up) {
    if (FindAttempt(id, 0) != nullptr) Failed(id, why);
  }
  ForgetIfIdle(node);
}

void PullManager::AskAgain(NodeId node) {
  Source& source = sources_.at(node);
  source.retry_timer = 0;
  ++source.tries;
  for (const ObjectId& id : source.transfers) {
    if (transfers_.at(id).attempt == 0) Describe(source, id);  // others came since
  }
  if (source.tries > kMaxAskSource) {
    on_gone_(std::vector<ObjectId>(source.copies.begin(), source.copies.end()));
  } else {
    for (const ObjectId& id : source.copies) source.to_describe.emplace_back(id, 0);
  }
  Pump(node);
}

void PullManager::Failed(ObjectId id, const absl::Status& why) {
  transfers_.at(id).last_error = why;
  TryNextSource(id);
}

// --- the end ---

void PullManager::Complete(ObjectId id) {
  Transfer& transfer = transfers_.at(id);
  const absl::Status sealed = store_.Seal(kPullHolder, id, transfer.extent.offset, transfer.size);
  if (sealed.ok() && !pulled_.contains(id)) {
    pulled_[id] = {transfer.source, ++last_order_};
    pulled_order_[last_order_] = id;
    SourceAt(transfer.source).copies.insert(id);
    peers_.Hold(transfer.source.node);
  }
  Finish(id, sealed);
  if (sealed.ok()) store_.Unpin(kPullHolder, id);
}

void PullManager::Finish(ObjectId id, const absl::Status& status) {
  auto found = transfers_.find(id);
  Transfer done = std::move(found->second);
  transfers_.erase(found);
  LeaveSource(id, done.source);
  if (done.extent.length != 0) store_.ReleaseExtent(kPullHolder, done.extent.offset).IgnoreError();
  for (Handler& handler : done.waiting) handler(status);
}

void PullManager::LeaveSource(ObjectId id, const NodeAddress& source) {
  const auto found = sources_.find(source.node);
  if (found == sources_.end() || found->second.transfers.erase(id) == 0) return;
  peers_.Unhold(source.node);
  ForgetIfIdle(source.node);
}

void PullManager::Freed(ObjectId id) {
  ForgetPulled(id);
  if (transfers_.contains(id)) {
    Finish(id,
           MakeError(Cause::kObjectLost, absl::StrCat("object ", id.ToString(), " was freed while it was on its way")));
  }
}

void PullManager::ForgetPulled(ObjectId id) {
  auto found = pulled_.find(id);
  if (found == pulled_.end()) return;
  const NodeId node = found->second.source.node;
  pulled_order_.erase(found->second.order);
  pulled_.erase(found);
  sources_.at(node).copies.erase(id);
  peers_.Unhold(node);
  ForgetIfIdle(node);
}

void PullManager::ForgetIfIdle(NodeId node) {
  const auto found = sources_.find(node);
  if (found == sources_.end()) return;
  const Source& source = found->second;
  const bool is_idle = source.transfers.empty() && source.copies.empty() && source.describing + source.reading == 0;
  if (!is_idle) return;
  env_.executor().CancelTimer(source.silence_timer);
  env_.executor().CancelTimer(source.retry_timer);
  sources_.erase(found);
}

void PullManager::Used(ObjectId id) {
  const auto found = pulled_.find(id);
  if (found == pulled_.end()) return;
  pulled_order_.erase(std::exchange(found->second.order, ++last_order_));
  pulled_order_[last_order_] = id;
}

bool PullManager::EvictOne() {
  for (const auto& [order, id] : pulled_order_) {
    if (!store_.FreeIfUnpinned(id)) continue;
    ForgetPulled(ObjectId(id));
    return true;
  }
  return false;
}

}  // namespace ioc

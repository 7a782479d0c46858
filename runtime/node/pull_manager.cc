#include "runtime/node/pull_manager.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/status.h"

namespace ioc {

PullManager::~PullManager() {
  for (const auto& [node, lost] : lost_sources_) env_.executor().CancelTimer(lost.timer);
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
  if (is_new) TryNextSource(id);
}

PullManager::Transfer* PullManager::FindAttempt(ObjectId id, uint64_t attempt) {
  auto found = transfers_.find(id);
  return found == transfers_.end() || found->second.attempt != attempt ? nullptr : &found->second;
}

void PullManager::TryNextSource(ObjectId id) {
  Transfer& transfer = transfers_.at(id);
  transfer.attempt = ++last_attempt_;
  if (transfer.sources.empty()) {
    return Finish(id,
                  MakeError(Cause::kObjectLost, absl::StrCat("every copy of object ", id.ToString(), " is gone",
                                                             transfer.last_error.ok() ? "" : "; the last one tried: ",
                                                             absl::string_view(transfer.last_error.message()))));
  }
  transfer.source = transfer.sources.front();
  transfer.sources.pop_front();
  peers_.Call(transfer.source, DescribeObject{.id = id}, kPullChunkTimeout,
              life_.Bind([this, id, attempt = transfer.attempt](absl::StatusOr<DescribeObject::Reply> reply) {
                Described(id, attempt, reply);
              }));
}

void PullManager::Described(ObjectId id, uint64_t attempt, const absl::StatusOr<DescribeObject::Reply>& reply) {
  Transfer* transfer = FindAttempt(id, attempt);
  if (transfer == nullptr) return;
  if (!reply.ok()) return Failed(id, reply.status());
  transfer->size = reply->size;
  transfer->requested = transfer->received = 0;
  if (transfer->extent.length != 0 && transfer->extent.length < transfer->size) {
    store_.ReleaseExtent(kPullHolder, transfer->extent.offset).IgnoreError();
    transfer->extent = {};
  }
  if (transfer->extent.length != 0) return RequestChunks(id);
  memory_.Ask(AllocationQueue::Purpose::kRead, kPullHolder, std::max<uint64_t>(transfer->size, 1),
              life_.Bind([this, id, attempt](absl::StatusOr<Extent> extent) { GotMemory(id, attempt, extent); }));
}

void PullManager::GotMemory(ObjectId id, uint64_t attempt, const absl::StatusOr<Extent>& extent) {
  Transfer* transfer = FindAttempt(id, attempt);
  if (transfer == nullptr) {  // it was freed meanwhile
    if (extent.ok()) store_.ReleaseExtent(kPullHolder, extent->offset).IgnoreError();
    return;
  }
  if (!extent.ok()) return Finish(id, extent.status());
  transfer->extent = *extent;
  RequestChunks(id);
}

void PullManager::RequestChunks(ObjectId id) {
  const uint64_t attempt = transfers_.at(id).attempt;
  if (transfers_.at(id).size == 0) return Complete(id);
  // A call may fail at once and take the transfer with it: look again after each.
  while (Transfer* transfer = FindAttempt(id, attempt)) {
    const uint64_t on_the_way = transfer->requested - transfer->received;
    if (transfer->requested == transfer->size || on_the_way >= uint64_t{kPullWindow} * kPullChunkBytes) return;
    const uint64_t offset = transfer->requested;
    const uint64_t length = std::min<uint64_t>(kPullChunkBytes, transfer->size - offset);
    transfer->requested += length;
    peers_.CallRaw(transfer->source, ReadObject{.id = id, .offset = offset, .length = static_cast<uint32_t>(length)},
                   kPullChunkTimeout, life_.Bind([this, id, attempt, offset, length](absl::StatusOr<RawReply> reply) {
                     ChunkArrived(id, attempt, offset, length, reply);
                   }));
  }
}

void PullManager::ChunkArrived(ObjectId id, uint64_t attempt, uint64_t offset, uint64_t length,
                               absl::StatusOr<RawReply>& reply) {
  Transfer* transfer = FindAttempt(id, attempt);
  if (transfer == nullptr) return;
  if (!reply.ok()) return Failed(id, reply.status());
  if (reply->trailer.size() != length) {
    return Failed(id, absl::DataLossError(absl::StrCat(transfer->source.Label(), " sent ", reply->trailer.size(),
                                                       " bytes instead of ", length)));
  }
  std::memcpy(store_.memory()->data() + transfer->extent.offset + offset, reply->trailer.data(), length);
  transfer->received += length;
  if (transfer->received == transfer->size) return Complete(id);
  RequestChunks(id);
}

void PullManager::Failed(ObjectId id, const absl::Status& why) {
  transfers_.at(id).last_error = why;
  TryNextSource(id);
}

void PullManager::Complete(ObjectId id) {
  Transfer& transfer = transfers_.at(id);
  const absl::Status sealed = store_.Seal(kPullHolder, id, transfer.extent.offset, transfer.size);
  if (sealed.ok() && !pulled_.contains(id)) {
    pulled_[id] = {transfer.source, ++last_order_};
    pulled_order_[last_order_] = id;
    peers_.Hold(transfer.source.node);
  }
  Finish(id, sealed);
  if (sealed.ok()) store_.Unpin(kPullHolder, id);
}

void PullManager::Finish(ObjectId id, const absl::Status& status) {
  auto found = transfers_.find(id);
  Transfer done = std::move(found->second);
  transfers_.erase(found);
  if (done.extent.length != 0) store_.ReleaseExtent(kPullHolder, done.extent.offset).IgnoreError();
  for (Handler& handler : done.waiting) handler(status);
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
  peers_.Unhold(found->second.source.node);
  pulled_order_.erase(found->second.order);
  pulled_.erase(found);
}

std::vector<ObjectId> PullManager::PulledFrom(NodeId node) const {
  std::vector<ObjectId> ids;
  for (const auto& [id, pulled] : pulled_) {
    if (pulled.source.node == node) ids.push_back(id);
  }
  return ids;
}

void PullManager::SourceLost(NodeId node) {
  if (PulledFrom(node).empty()) {
    if (const auto lost = lost_sources_.extract(node); !lost.empty()) env_.executor().CancelTimer(lost.mapped().timer);
    return;
  }
  LostSource& lost = lost_sources_[node];
  if (lost.timer != 0) return;
  absl::Duration delay = kAskSourceDelay;
  for (int i = 0; i < lost.asked; ++i) delay *= 4;
  lost.timer = env_.executor().Schedule(delay, life_.Bind([this, node] { AskSource(node); }));
}

void PullManager::AskSource(NodeId node) {
  LostSource& lost = lost_sources_[node];
  lost.timer = 0;
  const std::vector<ObjectId> ids = PulledFrom(node);
  if (++lost.asked > kMaxAskSource || ids.empty()) {
    lost_sources_.erase(node);
    return on_gone_(ids);
  }
  for (const ObjectId& id : ids) {
    const auto pulled = pulled_.find(id);
    if (pulled == pulled_.end()) continue;
    peers_.Call(pulled->second.source, DescribeObject{.id = id}, kPullChunkTimeout,
                life_.Bind([this, node, id](const absl::StatusOr<DescribeObject::Reply>& reply) {
                  SourceSays(node, id, reply.status());
                }));
  }
}

// Who answers has noted that we have a copy, or has none itself; who does not was lost again.
void PullManager::SourceSays(NodeId node, ObjectId id, const absl::Status& status) {
  if (status.ok()) {
    lost_sources_.erase(node);
  } else if (CauseOf(status) == Cause::kObjectLost) {
    on_gone_({id});
  } else {
    SourceLost(node);
  }
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

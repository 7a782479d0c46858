#include "runtime/client/store_client.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

// Hands out `ids` in parts that fit into a message.
template <typename Send>
void InParts(std::vector<ObjectId> ids, Send send) {
  for (; ids.size() > kMaxIdsOfMessage; ids.resize(ids.size() - kMaxIdsOfMessage)) {
    send(std::vector<ObjectId>(ids.end() - kMaxIdsOfMessage, ids.end()));
  }
  if (!ids.empty()) send(std::move(ids));
}

}  // namespace

StoreClient::~StoreClient() {
  env_.executor().Undefer(*this);
  env_.executor().CancelTimer(idle_slab_);
}

bool StoreClient::CheckRange(uint64_t offset, uint64_t size) const {
  return offset <= memory_->size() && size <= memory_->size() - offset;
}

void StoreClient::Allocate(uint64_t size, AllocateHandler handler) {
  if (size > kMaxPieceBytes) return AllocateExtentFor(size, std::move(handler));
  if (waiting_for_slab_.empty()) {
    if (const auto offset = slabs_.Allocate(size)) return handler(StorePiece{*offset, size, true});
  }
  waiting_for_slab_.emplace_back(size, std::move(handler));
  RefillSlab();
}

void StoreClient::AllocateExtentFor(uint64_t size, AllocateHandler handler) {
  node_.Call(AllocateExtent{size}, kAllocateTimeout, [this, size, handler = std::move(handler)](auto reply) mutable {
    if (!reply.ok()) return handler(reply.status());
    if (!CheckRange(reply->offset, size))
      return handler(MakeError(Cause::kInternal, "the node gave memory outside its store"));
    handler(StorePiece{reply->offset, size, false});
  });
}

void StoreClient::RefillSlab() {
  if (refilling_) return;
  refilling_ = true;
  node_.Call(AllocateExtent{kSlabBytes}, kAllocateTimeout, [this](auto reply) {
    refilling_ = false;
    auto waiting = std::exchange(waiting_for_slab_, {});
    if (reply.ok() && !CheckRange(reply->offset, kSlabBytes)) {
      reply = MakeError(Cause::kInternal, "the node gave memory outside its store");
    }
    if (!reply.ok()) {
      for (auto& [size, handler] : waiting) handler(reply.status());
      return;
    }
    memory_->Populate(reply->offset, kSlabBytes);
    if (const auto done = slabs_.AddSlab(Extent{reply->offset, kSlabBytes})) node_.Notify(ReleaseExtent{*done});
    ArmIdleSlab();
    for (auto& [size, handler] : waiting) Allocate(size, std::move(handler));
  });
}

void StoreClient::ArmIdleSlab() {
  if (idle_slab_ != 0) return;
  idle_slab_ = env_.executor().Schedule(kIdleSlab, [this, pieces = slabs_.pieces()] {
    idle_slab_ = 0;
    const bool idle = pieces == slabs_.pieces();
    if (const auto done = idle ? slabs_.TakeIdle() : std::nullopt) node_.Notify(ReleaseExtent{*done});
    if (slabs_.has_current() && node_.open()) ArmIdleSlab();
  });
}

void StoreClient::Abandon(const StorePiece& piece) {
  if (!piece.in_slab) return node_.Notify(ReleaseExtent{piece.offset});
  if (const auto done = slabs_.Abandoned(piece.offset)) node_.Notify(ReleaseExtent{*done});
}

void StoreClient::Seal(ObjectId id, const StorePiece& piece) {
  node_.Notify(SealObject{.id = id, .offset = piece.offset, .size = piece.size});
  if (!piece.in_slab) {
    node_.Notify(ReleaseExtent{piece.offset});
  } else if (const auto done = slabs_.Sealed(piece.offset)) {
    node_.Notify(ReleaseExtent{*done});
  }
  node_.Flush();  // ahead of any message that tells others of the object
  PinEntry& entry = pins_[id];
  entry.location = {piece.offset, piece.size};
  ++entry.uses;
}

bool StoreClient::IsPinned(ObjectId id) const {
  auto it = pins_.find(id);
  return it != pins_.end() && it->second.waiting.empty();
}

const StoreLocation* StoreClient::PinAgain(ObjectId id) {
  auto it = pins_.find(id);
  if (it == pins_.end() || !it->second.waiting.empty()) return nullptr;
  ++it->second.uses;
  return &it->second.location;
}

void StoreClient::Pin(ObjectId id, uint64_t size, const std::vector<ObjectCopy>& copies, PinHandler handler) {
  if (const StoreLocation* location = PinAgain(id)) return handler(*location);
  PinEntry& entry = pins_[id];
  entry.waiting.push_back(std::move(handler));
  if (entry.waiting.size() > 1) return;
  RunDeferred();  // an earlier unpin must arrive first
  node_.Call(PinObject{.id = id, .size = size, .copies = copies}, kPullTimeout,
             [this, id](auto reply) { Pinned(id, std::move(reply)); });
}

void StoreClient::Pinned(ObjectId id, absl::StatusOr<PinObject::Reply> reply) {
  auto it = pins_.find(id);
  IOC_CHECK(it != pins_.end() && !it->second.waiting.empty());
  if (reply.ok() && !CheckRange(reply->offset, reply->size)) {
    reply = MakeError(Cause::kInternal,
                      absl::StrCat("the node says that object ", id.ToString(), " lies outside its store"));
  }
  auto waiting = std::exchange(it->second.waiting, {});
  if (!reply.ok()) {
    pins_.erase(it);
    for (PinHandler& handler : waiting) handler(reply.status());
    return;
  }
  it->second.location = {reply->offset, reply->size};
  it->second.uses = static_cast<uint32_t>(waiting.size());
  for (PinHandler& handler : waiting) handler(StoreLocation{reply->offset, reply->size});
}

void StoreClient::Unpin(ObjectId id) {
  auto it = pins_.find(id);
  IOC_CHECK(it != pins_.end() && it->second.uses > 0) << "object " << id.ToString() << " is unpinned once too often";
  --it->second.uses;
  UnpinIfUnused(it);
}

void StoreClient::Cache(ObjectId id) {
  auto it = pins_.find(id);
  IOC_CHECK(it != pins_.end() && it->second.uses > 0) << "object " << id.ToString() << " is cached, but not pinned";
  it->second.is_cached = true;
}

void StoreClient::Uncache(ObjectId id) {
  auto it = pins_.find(id);
  if (it == pins_.end() || !it->second.is_cached) return;
  it->second.is_cached = false;
  UnpinIfUnused(it);
}

void StoreClient::UnpinIfUnused(absl::flat_hash_map<ObjectId, PinEntry>::iterator entry) {
  if (entry->second.uses > 0 || entry->second.is_cached) return;
  unpinned_.push_back(entry->first);
  pins_.erase(entry);
  env_.executor().Defer(*this);
}

void StoreClient::ReleaseUnused() {
  std::vector<ObjectId> cached;
  for (const auto& [id, entry] : pins_) {
    if (entry.is_cached) cached.push_back(id);
  }
  std::sort(cached.begin(), cached.end());
  for (const ObjectId& id : cached) Uncache(id);
  if (const auto idle = slabs_.TakeIdle()) node_.Notify(ReleaseExtent{*idle});
  RunDeferred();
}

void StoreClient::AddByNode(IdsByNode& list, ObjectId id, const std::vector<ObjectCopy>& copies) {
  for (const ObjectCopy& copy : copies) {
    auto it = std::find_if(list.begin(), list.end(), [&copy](const auto& entry) { return entry.first == copy.node; });
    if (it == list.end()) it = list.insert(list.end(), {copy.node, {}});
    it->second.push_back(id);
  }
  env_.executor().Defer(*this);
}

void StoreClient::RunDeferred() {
  InParts(std::exchange(unpinned_, {}),
          [this](std::vector<ObjectId> ids) { node_.Notify(UnpinObjects{std::move(ids)}); });
  for (auto& [node, all] : std::exchange(adopted_, {})) {
    InParts(std::move(all), [this, &to = node](std::vector<ObjectId> ids) {
      node_.Notify(AdoptObjects{.node = to, .ids = std::move(ids)});
    });
  }
  for (auto& [node, all] : std::exchange(freed_, {})) {
    InParts(std::move(all), [this, &to = node](std::vector<ObjectId> ids) {
      node_.Notify(FreeObjects{.node = to, .ids = std::move(ids)});
    });
  }
}

}  // namespace ioc

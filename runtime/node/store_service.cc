#include "runtime/node/store_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace ioc {
namespace {

absl::Status NotHere(ObjectId id) {
  return MakeError(Cause::kObjectLost, absl::StrCat("object ", id.ToString(), " is not in this node's store"));
}

}  // namespace

StoreService::StoreService(Env& env, std::shared_ptr<SharedMemory> memory, uint64_t budget, NodeId self,
                           Sessions& sessions, PeerNodes& peers)
    : env_(env),
      self_(self),
      sessions_(sessions),
      peers_(peers),
      store_(std::move(memory), budget),
      pulls_(store_, peers, self) {
  peers_.set_on_free(life_.Bind([this](const FreeObjects& free) { FreeHere(free.ids); }));
}

StoreService::~StoreService() { env_.executor().CancelTimer(waiting_timer_); }

absl::Status StoreService::OnProcessMessage(Session& session, FrameView& frame) {
  const SessionId id = session.id();
  const FrameHeader& header = frame.header;
  absl::Status result;
  absl::Status decoded;
  switch (static_cast<Method>(header.method)) {
    case Method::kAllocateExtent:
      return Take<AllocateExtent>(frame, [&](const AllocateExtent& m) { Allocate(id, header, m.length); });
    case Method::kReleaseExtent:
      decoded =
          Take<ReleaseExtent>(frame, [&](const ReleaseExtent& m) { result = store_.ReleaseExtent(id, m.offset); });
      break;
    case Method::kSealObject:
      decoded = Take<SealObject>(frame, [&](const SealObject& m) { result = Seal(id, m); });
      return decoded.ok() ? result : decoded;
    case Method::kPinObject:
      return Take<PinObject>(frame, [&](const PinObject& m) { Pin(id, header, m); });
    case Method::kUnpinObjects:
      decoded = Take<UnpinObjects>(frame, [&](const UnpinObjects& m) {
        for (const ObjectId& object : m.ids) store_.Unpin(id, object);
      });
      break;
    case Method::kFreeObjects:
      decoded = Take<FreeObjects>(frame, [&](const FreeObjects& m) {
        if (!m.node.node || m.node.node == self_) return FreeHere(m.ids);
        peers_.Notify(m.node, m);
      });
      break;
    default:
      return MakeError(Cause::kInvalidArgument, absl::StrCat("a process can't ask for method ", header.method));
  }
  RetryAllocations();
  return decoded.ok() ? result : decoded;
}

absl::Status StoreService::OnNodeMessage(Session& session, FrameView& frame) {
  switch (static_cast<Method>(frame.header.method)) {
    case Method::kFreeObjects:
      return Take<FreeObjects>(frame, [&](const FreeObjects& m) { FreeHere(m.ids); });
    case Method::kDescribeObject: {
      DescribeObject describe;
      IOC_RETURN_IF_ERROR(Decode(frame.body, describe));
      Describe(session.id(), frame.header, describe.id, true);
      return absl::OkStatus();
    }
    case Method::kReadObject:
      return Take<ReadObject>(frame, [&](const ReadObject& m) { Read(session, frame.header, m); });
    default:
      return MakeError(Cause::kInvalidArgument, absl::StrCat("a node can't ask for method ", frame.header.method));
  }
}

void StoreService::SessionClosed(SessionId session) {
  store_.DropHolder(session);
  std::erase_if(waiting_, [&](const WaitingAllocation& waiting) { return waiting.session == session; });
  RetryAllocations();
}

void StoreService::ProcessGone(ProcessId process) {
  gone_.push_back(process);
  if (gone_.size() > kMaxGoneProcesses) gone_.pop_front();
  FreeHere(store_.MadeBy(process));
}

absl::StatusOr<Extent> StoreService::TryAllocate(SessionId session, uint64_t length) {
  absl::StatusOr<Extent> extent = store_.AllocateExtent(session, length);
  while (!extent.ok() && CauseOf(extent.status()) == Cause::kStoreFull && length <= store_.budget() &&
         pulls_.EvictOne()) {
    extent = store_.AllocateExtent(session, length);
  }
  return extent;
}

void StoreService::Allocate(SessionId session, const FrameHeader& request, uint64_t length) {
  absl::StatusOr<Extent> extent = waiting_.empty()
                                      ? TryAllocate(session, length)
                                      : absl::StatusOr<Extent>(MakeError(Cause::kStoreFull, "others wait"));
  if (extent.ok()) {
    return sessions_.Reply(session, request, AllocateExtent::Reply{.offset = extent->offset, .length = extent->length});
  }
  const bool can_wait = CauseOf(extent.status()) == Cause::kStoreFull && length <= store_.budget() && length > 0 &&
                        waiting_.size() < kMaxWaitingAllocations;
  if (!can_wait) {
    // The one that found others waiting has to hear the real reason.
    if (!waiting_.empty()) extent = TryAllocate(session, length);
    if (!extent.ok()) return sessions_.Fail(session, request, extent.status());
    return sessions_.Reply(session, request, AllocateExtent::Reply{.offset = extent->offset, .length = extent->length});
  }
  waiting_.push_back({session, request, length, env_.executor().Now() + kAllocationWait});
  if (waiting_timer_ == 0) {
    waiting_timer_ = env_.executor().Schedule(kAllocationWait, life_.Bind([this] {
      waiting_timer_ = 0;
      RetryAllocations();
    }));
  }
}

void StoreService::RetryAllocations() {
  const absl::Time now = env_.executor().Now();
  while (!waiting_.empty()) {
    const WaitingAllocation first = waiting_.front();
    absl::StatusOr<Extent> extent = TryAllocate(first.session, first.length);
    if (!extent.ok() && now < first.until) break;
    waiting_.pop_front();
    if (extent.ok()) {
      sessions_.Reply(first.session, first.request,
                      AllocateExtent::Reply{.offset = extent->offset, .length = extent->length});
    } else {
      sessions_.Fail(first.session, first.request, extent.status());
    }
  }
  if (waiting_.empty() || waiting_timer_ != 0) return;
  waiting_timer_ = env_.executor().Schedule(waiting_.front().until - now, life_.Bind([this] {
    waiting_timer_ = 0;
    RetryAllocations();
  }));
}

bool StoreService::PinHere(SessionId session, const FrameHeader& request, ObjectId id) {
  if (sessions_.Find(session) == nullptr) return true;
  absl::StatusOr<std::optional<Extent>> place = store_.Pin(session, id);
  if (!place.ok()) {
    sessions_.Fail(session, request, place.status());
    return true;
  }
  if (!*place) return false;
  sessions_.Reply(session, request, PinObject::Reply{.offset = (*place)->offset, .size = (*place)->length});
  return true;
}

void StoreService::Pin(SessionId session, const FrameHeader& request, const PinObject& pin) {
  if (PinHere(session, request, pin.id)) return;
  const bool said_here = std::any_of(pin.copies.begin(), pin.copies.end(),
                                     [this](const ObjectCopy& copy) { return copy.node.node == self_; });
  if (said_here) {
    return AwaitSeal(pin.id, [this, session, request, id = pin.id] {
      if (!PinHere(session, request, id)) sessions_.Fail(session, request, NotHere(id));
    });
  }
  pulls_.Pull(pin.id, pin.copies, life_.Bind([this, session, request, id = pin.id](const absl::Status& pulled) {
    if (!pulled.ok()) return sessions_.Fail(session, request, pulled);
    if (!PinHere(session, request, id)) sessions_.Fail(session, request, NotHere(id));
  }));
}

absl::Status StoreService::Seal(SessionId session, const SealObject& seal) {
  IOC_RETURN_IF_ERROR(store_.Seal(session, seal.id, seal.offset, seal.size));
  const bool ownerless = std::find(gone_.begin(), gone_.end(), seal.id.maker) != gone_.end();
  if (early_frees_.erase(seal.id) > 0 || ownerless) store_.Free(seal.id);
  auto waiting = awaiting_seal_.extract(seal.id);
  if (waiting.empty()) return absl::OkStatus();
  for (Callback& done : waiting.mapped()) done();
  return absl::OkStatus();
}

void StoreService::AwaitSeal(ObjectId id, Callback done) {
  std::vector<Callback>& waiting = awaiting_seal_[id];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  env_.executor().Schedule(kSealWait, life_.Bind([this, id] {
    auto late = awaiting_seal_.extract(id);
    if (late.empty()) return;
    for (Callback& give_up : late.mapped()) give_up();
  }));
}

void StoreService::FreeHere(const std::vector<ObjectId>& ids) {
  std::map<SessionId, FreeObjects> passed_on;
  for (const ObjectId& id : ids) {
    pulls_.Freed(id);
    if (!store_.Find(id)) RememberEarlyFree(id);
    store_.Free(id);
    auto pullers = pullers_.find(id);
    if (pullers == pullers_.end()) continue;
    for (SessionId session : pullers->second) passed_on[session].ids.push_back(id);
    pullers_.erase(pullers);
  }
  for (auto& [session, free] : passed_on) {
    if (Session* puller = sessions_.Find(session)) puller->channel().Notify(free);
  }
  RetryAllocations();
}

void StoreService::RememberEarlyFree(ObjectId id) {
  if (!early_frees_.insert(id).second) return;
  early_free_order_.push_back(id);
  if (early_free_order_.size() <= kMaxEarlyFrees) return;
  early_frees_.erase(early_free_order_.front());
  early_free_order_.pop_front();
}

void StoreService::Describe(SessionId asker, const FrameHeader& request, ObjectId id, bool may_wait) {
  Session* session = sessions_.Find(asker);
  if (session == nullptr) return;
  const std::optional<Extent> place = store_.Find(id);
  if (place) {
    pullers_[id].insert(asker);
    return session->channel().Reply(request, DescribeObject::Reply{.size = place->length});
  }
  if (!may_wait) return session->channel().Fail(request, NotHere(id));
  AwaitSeal(id, [this, asker, request, id] { Describe(asker, request, id, false); });
}

void StoreService::Read(Session& session, const FrameHeader& request, const ReadObject& read) {
  absl::StatusOr<std::optional<Extent>> place = store_.Pin(kSendHolder, read.id);
  if (!place.ok()) return session.channel().Fail(request, place.status());
  if (!*place) {
    return session.channel().Fail(request, NotHere(read.id));
  }
  const Extent object = **place;
  auto unpin = life_.Bind([this, id = read.id] { store_.Unpin(kSendHolder, id); });
  if (read.offset > object.length || read.length > object.length - read.offset || read.length > kMaxReadObjectBytes) {
    unpin();
    return session.channel().Fail(
        request, MakeError(Cause::kInvalidArgument, absl::StrCat("object ", read.id.ToString(), " has ", object.length,
                                                                 " bytes; not ", read.length, " at ", read.offset)));
  }
  const std::byte* bytes = store_.memory()->data() + object.offset + read.offset;
  std::shared_ptr<const void> owner(bytes, [memory = store_.memory(), unpin](const void*) mutable { unpin(); });
  session.channel().Reply(request, ReadObject::Reply{},
                          {.trailer = {.bytes = {bytes, read.length}, .owner = std::move(owner)}});
}

}  // namespace ioc

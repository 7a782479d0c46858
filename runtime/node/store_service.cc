#include "runtime/node/store_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/units.h"
#include "runtime/node/holders.h"

namespace ioc {
namespace {

absl::Status NotHere(ObjectId id) {
  return MakeError(Cause::kObjectLost, absl::StrCat("object ", id.ToString(), " is not in this node's store"));
}

absl::Status CheckPart(const ReadObject& read, uint64_t size) {
  if (read.offset <= size && read.length <= size - read.offset && read.length <= kMaxReadObjectBytes) {
    return absl::OkStatus();
  }
  return MakeError(Cause::kInvalidArgument, absl::StrCat("object ", read.id.ToString(), " has ", size, " bytes; not ",
                                                         read.length, " at ", read.offset));
}

}  // namespace

StoreService::StoreService(Env& env, std::shared_ptr<SharedMemory> memory, StoreOptions options, NodeId self,
                           Sessions& sessions, PeerNodes& peers)
    : env_(env),
      self_(self),
      sessions_(sessions),
      peers_(peers),
      errands_(env, peers),
      store_(std::move(memory), options.budget),
      memory_(env, store_, *this, options.patience),
      pulls_(env, store_, memory_, peers, self, [this](const std::vector<ObjectId>& ids) { FreeHere(ids); }),
      spiller_(env, store_, memory_, std::move(options.spill), [this] { memory_.Retry(); }) {
  peers_.set_on_free(life_.Bind([this](const FreeObjects& free) { FreeHere(free.ids); }));
  peers_.set_on_lost(life_.Bind([this](NodeId node, const absl::Status& why) { pulls_.SourceLost(node, why); }));
}

StoreService::~StoreService() {
  env_.executor().CancelTimer(trim_timer_);
  env_.executor().CancelTimer(condemned_timer_);
  for (const auto& [id, awaited] : awaiting_seal_) env_.executor().CancelTimer(awaited.timer);
}

StoreService::Stats StoreService::stats() const {
  const ObjectStore::Stats stats = store_.stats();
  return {.used = stats.used, .spilled = spiller_.used(), .objects = stats.objects + spiller_.away()};
}

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
        if (!m.node.node || m.node.node == self_) return FreeOf(session.process(), m.ids);
        FreeObjects owned = m;
        owned.owner = session.process();
        errands_.Send(m.node, std::move(owned));
      });
      break;
    case Method::kAdoptObjects:
      decoded = Take<AdoptObjects>(frame, [&](const AdoptObjects& m) {
        AdoptObjects owned = m;
        owned.owner = session.process();
        if (m.node.node == self_) return Adopt(owned);
        errands_.Send(m.node, std::move(owned));
      });
      break;
    default:
      return MakeError(Cause::kInvalidArgument, absl::StrCat("a process can't ask for method ", header.method));
  }
  memory_.Retry();
  ArmTrim();
  return decoded.ok() ? result : decoded;
}

absl::Status StoreService::OnNodeMessage(Session& session, FrameView& frame) {
  switch (static_cast<Method>(frame.header.method)) {
    case Method::kFreeObjects:
      return Take<FreeObjects>(frame, [&](const FreeObjects& m) {
        FreeOf(m.owner, m.ids);
        if (frame.header.kind == FrameKind::kRequest) session.channel().Reply(frame.header, FreeObjects::Reply{});
      });
    case Method::kAdoptObjects:
      return Take<AdoptObjects>(frame, [&](const AdoptObjects& m) {
        Adopt(m);
        if (frame.header.kind == FrameKind::kRequest) session.channel().Reply(frame.header, AdoptObjects::Reply{});
      });
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

void StoreService::Release(SessionId session) {
  store_.DropHolder(session);
  memory_.Retry();
  ArmTrim();
}

void StoreService::ProcessGone(ProcessId process) {
  owners_.NoteGone(process);
  std::vector<ObjectId> made = store_.MadeBy(process);
  const std::vector<ObjectId> on_disk = spiller_.MadeBy(process);
  made.insert(made.end(), on_disk.begin(), on_disk.end());
  Condemn(owners_.OwnedBy(process, std::move(made)));
}

void StoreService::Condemn(std::vector<ObjectId> ids) {
  if (ids.empty()) return;
  condemned_.push_back({env_.executor().Now() + kOrphanGrace, std::move(ids)});
  ArmCondemned();
}

void StoreService::ArmCondemned() {
  if (condemned_timer_ != 0 || condemned_.empty()) return;
  condemned_timer_ = env_.executor().Schedule(condemned_.front().until - env_.executor().Now(), life_.Bind([this] {
    condemned_timer_ = 0;
    FreeOrphans(env_.executor().Now());
    ArmCondemned();
  }));
}

void StoreService::FreeOrphans(absl::Time now) {
  while (!condemned_.empty() && condemned_.front().until <= now) {
    std::vector<ObjectId> ids = std::move(condemned_.front().ids);
    condemned_.pop_front();
    DropAdopted(ids);
    FreeHere(ids);
  }
}

void StoreService::DropAdopted(std::vector<ObjectId>& ids) const {
  std::erase_if(ids, [this](const ObjectId& id) { return !owners_.IsOrphan(id) || !IsKnown(id); });
}

// Their grace is over when memory is short.
bool StoreService::DropOrphans() {
  std::vector<ObjectId> ids;
  for (Condemned& condemned : std::exchange(condemned_, {})) {
    ids.insert(ids.end(), condemned.ids.begin(), condemned.ids.end());
  }
  DropAdopted(ids);
  if (ids.empty()) return false;
  FreeHere(ids);
  return true;
}

void StoreService::Adopt(const AdoptObjects& adopt) {
  for (const ObjectId& id : adopt.ids) owners_.Adopt(id, adopt.owner);
}

void StoreService::FreeOf(ProcessId owner, const std::vector<ObjectId>& ids) {
  std::vector<ObjectId> owned;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(owned),
               [this, owner](const ObjectId& id) { return !owner || owners_.IsOwnedBy(id, owner); });
  for (const ObjectId& id : owned) {
    if (!IsKnown(id)) early_frees_.Insert(id);
  }
  FreeHere(owned);
}

void StoreService::Count(NodeCensus& census) const {
  const Stats here = stats();
  const ObjectStore::Stats memory = store_.stats();
  census.objects = here.objects;
  census.bytes = here.used;
  census.pins = memory.pins;
  census.extents = memory.leases;
  census.copies = pulls_.copies();
  census.transfers = pulls_.transfers();
  census.allocations = memory_.size();
}

// --- room ---

bool StoreService::FreeNow(uint64_t bytes) { return pulls_.EvictOne() || spiller_.Evict(bytes) || DropOrphans(); }

bool StoreService::FreeSoon(uint64_t bytes) {
  const bool on_its_way = spiller_.Spill(bytes);
  if (spiller_.writing_bytes() < bytes) AskForUnused();
  return on_its_way;
}

void StoreService::AskForUnused() {
  const absl::Time now = env_.executor().Now();
  if (now - asked_for_unused_ < kPressureInterval) return;
  asked_for_unused_ = now;
  sessions_.NotifyProcesses(ReleaseUnused{});
}

std::string StoreService::WhatIsInTheWay() {
  std::string words;
  for (const ObjectStore::Holding& holding : store_.LargestHoldings(kNamedHolders)) {
    Session* session = sessions_.Find(holding.holder);
    const std::string who = session != nullptr              ? session->channel().description()
                            : holding.holder == kPullHolder ? "what comes from other nodes"
                            : holding.holder == kSendHolder ? "what is sent to other nodes"
                            : holding.holder == kSpillHolder
                                ? "what comes from disk or goes there"
                                : "a process that is not connected any more, but has not ended";
    absl::StrAppend(&words, words.empty() ? "; in use by " : ", ", who, " (");
    if (holding.pinned > 0) {
      absl::StrAppend(&words, ioc::Count(holding.pinned, "object"), " of ", FormatBytes(holding.pinned_bytes));
    }
    if (holding.leased_bytes > 0) {
      absl::StrAppend(&words, holding.pinned > 0 ? ", " : "", FormatBytes(holding.leased_bytes), " to write in");
    }
    absl::StrAppend(&words, ")");
  }
  const absl::Status obstacle = spiller_.Obstacle();
  if (!obstacle.ok()) absl::StrAppend(&words, "; ", absl::string_view(obstacle.message()));
  return words;
}

void StoreService::ArmTrim() {
  if (trim_timer_ != 0 || !store_.has_free_memory()) return;
  trim_timer_ = env_.executor().Schedule(kTrimInterval, life_.Bind([this] {
    trim_timer_ = 0;
    store_.Age();
    Trim();
  }));
}

void StoreService::Trim() {
  if (!store_.Trim(kTrimPieceBytes)) return ArmTrim();
  env_.executor().Post(life_.Bind([this] { Trim(); }));
}

void StoreService::Allocate(SessionId session, const FrameHeader& request, uint64_t length) {
  memory_.Ask(AllocationQueue::Purpose::kWrite, session, length,
              life_.Bind([this, session, request](const absl::StatusOr<Extent>& extent) {
                if (!extent.ok()) return sessions_.Fail(session, request, extent.status());
                sessions_.Reply(session, request,
                                AllocateExtent::Reply{.offset = extent->offset, .length = extent->length});
              }));
}

// --- objects ---

bool StoreService::PinHere(SessionId session, const FrameHeader& request, ObjectId id) {
  if (sessions_.Find(session) == nullptr) return true;
  absl::StatusOr<std::optional<Extent>> place = store_.Pin(session, id);
  if (!place.ok()) {
    sessions_.Fail(session, request, place.status());
    return true;
  }
  if (!*place) return false;
  pulls_.Used(id);
  sessions_.Reply(session, request, PinObject::Reply{.offset = (*place)->offset, .size = (*place)->length});
  return true;
}

void StoreService::Pin(SessionId session, const FrameHeader& request, const PinObject& pin) {
  if (PinHere(session, request, pin.id)) return;
  auto answer = life_.Bind([this, session, request, id = pin.id](const absl::Status& here) {
    if (!here.ok()) return sessions_.Fail(session, request, here);
    if (!PinHere(session, request, id)) sessions_.Fail(session, request, NotHere(id));
  });
  if (spiller_.Knows(pin.id)) return spiller_.Restore(pin.id, std::move(answer));
  const bool said_here = std::any_of(pin.copies.begin(), pin.copies.end(),
                                     [this](const ObjectCopy& copy) { return copy.node.node == self_; });
  if (said_here) {
    return AwaitSeal(pin.id, [this, id = pin.id, answer = std::move(answer)]() mutable {
      if (!store_.Find(id) && spiller_.Knows(id)) return spiller_.Restore(id, std::move(answer));
      answer(absl::OkStatus());
    });
  }
  pulls_.Pull(pin.id, pin.copies, std::move(answer));
}

absl::Status StoreService::Seal(SessionId session, const SealObject& seal) {
  const bool was_away = !store_.Find(seal.id).has_value() && spiller_.Knows(seal.id);
  IOC_RETURN_IF_ERROR(store_.Seal(session, seal.id, seal.offset, seal.size));
  if (was_away) spiller_.Forget(seal.id);  // made again: these are its bytes now
  if (early_frees_.Erase(seal.id)) {
    owners_.Forget(seal.id);
    store_.Free(seal.id);
  } else if (owners_.IsOrphan(seal.id)) {
    Condemn({seal.id});
  }
  auto waiting = awaiting_seal_.extract(seal.id);
  if (waiting.empty()) return absl::OkStatus();
  env_.executor().CancelTimer(waiting.mapped().timer);
  for (Callback& done : waiting.mapped().waiting) done();
  return absl::OkStatus();
}

void StoreService::AwaitSeal(ObjectId id, Callback done) {
  AwaitedSeal& awaited = awaiting_seal_[id];
  awaited.waiting.push_back(std::move(done));
  if (awaited.timer != 0) return;
  awaited.timer = env_.executor().Schedule(kSealWait, life_.Bind([this, id] {
    auto late = awaiting_seal_.extract(id);
    for (Callback& give_up : late.mapped().waiting) give_up();
  }));
}

void StoreService::FreeHere(const std::vector<ObjectId>& ids) {
  std::map<SessionId, FreeObjects> passed_on;
  for (const ObjectId& id : ids) {
    pulls_.Freed(id);
    owners_.Forget(id);
    store_.Free(id);
    spiller_.Forget(id);
    auto pullers = pullers_.find(id);
    if (pullers == pullers_.end()) continue;
    for (SessionId session : pullers->second) passed_on[session].ids.push_back(id);
    pullers_.erase(pullers);
  }
  for (auto& [session, free] : passed_on) {
    if (Session* puller = sessions_.Find(session)) puller->channel().Notify(free);
  }
  memory_.Retry();
  ArmTrim();
}

void StoreService::Describe(SessionId asker, const FrameHeader& request, ObjectId id, bool may_wait) {
  Session* session = sessions_.Find(asker);
  if (session == nullptr) return;
  const std::optional<Extent> place = store_.Find(id);
  const std::optional<uint64_t> size = place ? place->length : spiller_.SizeOf(id);
  if (size) {
    pullers_[id].insert(asker);
    return session->channel().Reply(request, DescribeObject::Reply{.size = *size});
  }
  if (absl::Status lost = spiller_.LossOf(id); !lost.ok()) return session->channel().Fail(request, lost);
  if (!may_wait) return session->channel().Fail(request, NotHere(id));
  AwaitSeal(id, [this, asker, request, id] { Describe(asker, request, id, false); });
}

void StoreService::Read(Session& session, const FrameHeader& request, const ReadObject& read) {
  absl::StatusOr<std::optional<Extent>> place = store_.Pin(kSendHolder, read.id);
  if (!place.ok()) return session.channel().Fail(request, place.status());
  if (!*place) return ReadSpilled(session.id(), request, read);
  const Extent object = **place;
  auto unpin = life_.Bind([this, id = read.id] { store_.Unpin(kSendHolder, id); });
  if (absl::Status part = CheckPart(read, object.length); !part.ok()) {
    unpin();
    return session.channel().Fail(request, part);
  }
  const std::byte* bytes = store_.memory()->data() + object.offset + read.offset;
  std::shared_ptr<const void> owner(bytes, [memory = store_.memory(), unpin](const void*) mutable { unpin(); });
  session.channel().Reply(request, ReadObject::Reply{},
                          {.trailer = {.bytes = {bytes, read.length}, .owner = std::move(owner)}});
}

void StoreService::ReadSpilled(SessionId session, const FrameHeader& request, const ReadObject& read) {
  const std::optional<uint64_t> size = spiller_.SizeOf(read.id);
  const absl::Status lost = spiller_.LossOf(read.id);
  if (!size) return sessions_.Fail(session, request, lost.ok() ? NotHere(read.id) : lost);
  if (absl::Status part = CheckPart(read, *size); !part.ok()) return sessions_.Fail(session, request, part);
  spiller_.Read(read.id, read.offset, read.length,
                life_.Bind([this, session, request](const absl::StatusOr<Spiller::Chunk>& chunk) {
                  if (!chunk.ok()) return sessions_.Fail(session, request, chunk.status());
                  sessions_.Reply(session, request, ReadObject::Reply{},
                                  {.trailer = {.bytes = chunk->bytes, .owner = chunk->owner}});
                }));
}

}  // namespace ioc

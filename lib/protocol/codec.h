// Messages to Cap'n Proto bodies and back: one pair of functions a message, the only code that sees the schemas.
//
// Decode catches what Cap'n Proto throws, bounds depth and traversal by the body's size, checks enums and ids, and
// returns InvalidArgument naming the message and the field. It never trusts a byte. Pure functions, thread-safe.
#ifndef IOCLUSTER_LIB_PROTOCOL_CODEC_H_
#define IOCLUSTER_LIB_PROTOCOL_CODEC_H_

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/protocol/actor_messages.h"
#include "lib/protocol/census_messages.h"
#include "lib/protocol/head_messages.h"
#include "lib/protocol/node_messages.h"
#include "lib/protocol/peer_messages.h"
#include "lib/protocol/store_messages.h"

namespace ioc {

// An encoded body, 8-byte aligned, a multiple of 8 long. Used again and again, so that encoding allocates nothing in
// the steady state: messages are built in place, in the memory of the one before.
class BodyBuffer {
 public:
  // Empty before the first Encode; valid until the next one.
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(words_).first(size_)); }

 private:
  friend class BodyBuilder;

  std::vector<uint64_t> words_;  // zero from size_ on
  size_t size_ = 0;
};

// All messages, for what must be there for each.
// clang-format off
#define IOC_FOR_EACH_MESSAGE(X) \
  X(Hello) X(RegisterProcess) X(RegisterProcess::Reply) X(SetDemand) X(LeaseGranted) X(DemandRefused) X(DemandWarning) \
  X(AssignLease) X(AssignLease::Reply) X(LeaseEnded) X(RecallLease) X(TaskBlocked) X(TaskUnblocked) X(HandOver) \
  X(GetWorkerFate) X(GetWorkerFate::Reply) X(StopWorker) X(LeaveCluster) X(DescribeProgram) X(DescribeProgram::Reply) \
  X(ReadProgram) X(ReadProgram::Reply) \
  X(AllocateExtent) X(AllocateExtent::Reply) X(ReleaseExtent) X(SealObject) X(PinObject) X(PinObject::Reply) \
  X(UnpinObjects) X(FreeObjects) X(FreeObjects::Reply) X(AdoptObjects) X(AdoptObjects::Reply) X(DescribeObject) \
  X(DescribeObject::Reply) X(ReadObject) X(ReadObject::Reply) X(ReleaseUnused) \
  X(RegisterNode) X(RegisterNode::Reply) X(ReportResources) X(ForwardDemand) X(PlaceLease) X(PlaceLease::Reply) \
  X(ForwardGrant) X(ForwardRefusal) X(ForwardWarning) X(ProcessGone) X(ProcessesHere) X(Outlook) X(ListNodes) \
  X(ListNodes::Reply) X(FindLocalNode) \
  X(FindLocalNode::Reply) X(RegisterActorName) X(RegisterActorName::Reply) X(FindActorName) \
  X(FindActorName::Reply) X(ReleaseActorName) X(Stop) X(Stop::Reply) X(NodeRemoved) X(Ping) X(Ping::Reply) \
  X(GetStatus) X(GetStatus::Reply) \
  X(TakeProcessCensus) X(TakeProcessCensus::Reply) X(TakeNodeCensus) X(TakeNodeCensus::Reply) X(ListObjects) \
  X(ListObjects::Reply) \
  X(CreateDetachedActor) X(CreateDetachedActor::Reply) X(LocateActor) X(LocateActor::Reply) X(KillDetachedActor) \
  X(KillDetachedActor::Reply) X(HostActor) X(HostActor::Reply) X(ConstructActor) X(ActorConstructed) X(ReportActor) \
  X(ReportActor::Reply) X(FetchProgram) X(FetchProgram::Reply) X(EndActor) X(ListActors) X(ListActors::Reply) \
  X(NoteActor) \
  X(PushTasks) X(TaskResults) X(ReturnLease) X(LeaseRecalled) X(RecallTasks) X(CancelTask) X(ResolveObjects) \
  X(ResolveObjects::Reply) X(ObjectsResolved) X(BorrowsRestored) X(AddBorrower) X(AddBorrower::Reply) X(ReleaseBorrows) X(RefsReceived) X(ResolveActor) \
  X(ResolveActor::Reply) X(KillActor) X(KillActor::Reply) X(StopActor) X(StopActor::Reply) X(StreamItem) X(StreamCredit) X(AnswersHeard) \
  X(FollowWait) X(KeepCheckpoint) X(KeepCheckpoint::Reply) X(TakeOver) X(TakeOver::Reply) X(OwnerMoved)
// clang-format on

// Every message M, and every M::Reply, has both. Decode overwrites all of `message`.
#define IOC_DECLARE_CODEC(M)                       \
  void Encode(const M& message, BodyBuffer& body); \
  absl::Status Decode(std::span<const std::byte> body, M& message);
IOC_FOR_EACH_MESSAGE(IOC_DECLARE_CODEC)
#undef IOC_DECLARE_CODEC

// The status that is the body of an error or goodbye frame.
void EncodeStatus(const absl::Status& status, BodyBuffer& body);
// Never OK: bytes that are no status give Internal.
absl::Status DecodeStatus(std::span<const std::byte> body);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_CODEC_H_

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

// Every message M, and every M::Reply, has
//   void Encode(const M& message, BodyBuffer& body);
//   absl::Status Decode(std::span<const std::byte> body, M& message);   // overwrites all of `message`
#define IOC_DECLARE_CODEC(M)                       \
  void Encode(const M& message, BodyBuffer& body); \
  absl::Status Decode(std::span<const std::byte> body, M& message)

IOC_DECLARE_CODEC(Hello);
IOC_DECLARE_CODEC(RegisterProcess);
IOC_DECLARE_CODEC(RegisterProcess::Reply);
IOC_DECLARE_CODEC(SetDemand);
IOC_DECLARE_CODEC(LeaseGranted);
IOC_DECLARE_CODEC(DemandRefused);
IOC_DECLARE_CODEC(AssignLease);
IOC_DECLARE_CODEC(AssignLease::Reply);
IOC_DECLARE_CODEC(LeaseEnded);
IOC_DECLARE_CODEC(RecallLease);
IOC_DECLARE_CODEC(TaskBlocked);
IOC_DECLARE_CODEC(TaskUnblocked);
IOC_DECLARE_CODEC(HandOver);
IOC_DECLARE_CODEC(GetWorkerFate);
IOC_DECLARE_CODEC(GetWorkerFate::Reply);
IOC_DECLARE_CODEC(StopWorker);
IOC_DECLARE_CODEC(DescribeProgram);
IOC_DECLARE_CODEC(DescribeProgram::Reply);
IOC_DECLARE_CODEC(ReadProgram);
IOC_DECLARE_CODEC(ReadProgram::Reply);

IOC_DECLARE_CODEC(AllocateExtent);
IOC_DECLARE_CODEC(AllocateExtent::Reply);
IOC_DECLARE_CODEC(ReleaseExtent);
IOC_DECLARE_CODEC(SealObject);
IOC_DECLARE_CODEC(PinObject);
IOC_DECLARE_CODEC(PinObject::Reply);
IOC_DECLARE_CODEC(UnpinObjects);
IOC_DECLARE_CODEC(FreeObjects);
IOC_DECLARE_CODEC(DescribeObject);
IOC_DECLARE_CODEC(DescribeObject::Reply);
IOC_DECLARE_CODEC(ReadObject);
IOC_DECLARE_CODEC(ReadObject::Reply);

IOC_DECLARE_CODEC(RegisterNode);
IOC_DECLARE_CODEC(RegisterNode::Reply);
IOC_DECLARE_CODEC(ReportResources);
IOC_DECLARE_CODEC(ForwardDemand);
IOC_DECLARE_CODEC(PlaceLease);
IOC_DECLARE_CODEC(PlaceLease::Reply);
IOC_DECLARE_CODEC(ForwardGrant);
IOC_DECLARE_CODEC(ForwardRefusal);
IOC_DECLARE_CODEC(ProcessGone);
IOC_DECLARE_CODEC(ListNodes);
IOC_DECLARE_CODEC(ListNodes::Reply);
IOC_DECLARE_CODEC(FindLocalNode);
IOC_DECLARE_CODEC(FindLocalNode::Reply);
IOC_DECLARE_CODEC(RegisterActorName);
IOC_DECLARE_CODEC(RegisterActorName::Reply);
IOC_DECLARE_CODEC(FindActorName);
IOC_DECLARE_CODEC(FindActorName::Reply);
IOC_DECLARE_CODEC(ReleaseActorName);
IOC_DECLARE_CODEC(Stop);
IOC_DECLARE_CODEC(Stop::Reply);
IOC_DECLARE_CODEC(NodeRemoved);
IOC_DECLARE_CODEC(Ping);
IOC_DECLARE_CODEC(Ping::Reply);
IOC_DECLARE_CODEC(GetStatus);
IOC_DECLARE_CODEC(GetStatus::Reply);

IOC_DECLARE_CODEC(PushTasks);
IOC_DECLARE_CODEC(TaskResults);
IOC_DECLARE_CODEC(ReturnLease);
IOC_DECLARE_CODEC(LeaseRecalled);
IOC_DECLARE_CODEC(RecallTasks);
IOC_DECLARE_CODEC(CancelTask);
IOC_DECLARE_CODEC(ResolveObject);
IOC_DECLARE_CODEC(ResolveObject::Reply);
IOC_DECLARE_CODEC(AddBorrower);
IOC_DECLARE_CODEC(AddBorrower::Reply);
IOC_DECLARE_CODEC(ReleaseBorrows);
IOC_DECLARE_CODEC(RefsReceived);
IOC_DECLARE_CODEC(ResolveActor);
IOC_DECLARE_CODEC(ResolveActor::Reply);
IOC_DECLARE_CODEC(StopActor);

#undef IOC_DECLARE_CODEC

// The status that is the body of an error or goodbye frame.
void EncodeStatus(const absl::Status& status, BodyBuffer& body);
// Never OK: bytes that are no status give Internal.
absl::Status DecodeStatus(std::span<const std::byte> body);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_CODEC_H_

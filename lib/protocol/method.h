// The numbers of the methods on the wire. A number is never reused; a new message takes the next free one of its range.
#ifndef IOCLUSTER_LIB_PROTOCOL_METHOD_H_
#define IOCLUSTER_LIB_PROTOCOL_METHOD_H_

#include <cstdint>
#include <string>

namespace ioc {

enum class Method : uint16_t {
  kHello = 1,

  // Between a process and its node (node_messages.h)
  kRegisterProcess = 100,
  kSetDemand = 101,
  kLeaseGranted = 102,
  kDemandRefused = 103,
  kAssignLease = 104,
  kLeaseEnded = 105,
  kRecallLease = 106,
  kTaskBlocked = 107,
  kTaskUnblocked = 108,
  kHandOver = 109,
  kGetWorkerFate = 110,
  kStopWorker = 111,
  kDemandWarning = 112,
  kLeaveCluster = 113,

  // What is held (census_messages.h)
  kTakeProcessCensus = 120,
  kTakeNodeCensus = 430,
  kListObjects = 431,

  // The object store: between a process and its node, and between nodes (store_messages.h)
  kAllocateExtent = 200,
  kReleaseExtent = 201,
  kSealObject = 202,
  kPinObject = 203,
  kUnpinObjects = 204,
  kFreeObjects = 205,
  kDescribeObject = 206,
  kReadObject = 207,
  kReleaseUnused = 208,
  kAdoptObjects = 220,

  // Between nodes (node_messages.h)
  kDescribeProgram = 300,
  kReadProgram = 301,

  // Between a node and the head; a process's are passed on by its node, body untouched (head_messages.h)
  kRegisterNode = 400,
  kReportResources = 401,
  kForwardDemand = 402,
  kPlaceLease = 403,
  kForwardGrant = 404,
  kForwardRefusal = 405,
  kProcessGone = 406,
  kListNodes = 407,
  kFindLocalNode = 408,
  kRegisterActorName = 409,
  kFindActorName = 410,
  kReleaseActorName = 411,
  kStop = 412,
  kNodeRemoved = 413,
  kPing = 414,
  kGetStatus = 415,
  kForwardWarning = 416,
  kProcessesHere = 417,
  kOutlook = 418,

  // Detached actors: a process and the head, through its node; the head and a node; a node and its worker
  // (actor_messages.h)
  kCreateDetachedActor = 450,
  kLocateActor = 451,
  kKillDetachedActor = 452,
  kHostActor = 453,
  kConstructActor = 454,
  kActorConstructed = 455,
  kReportActor = 456,
  kEndActor = 457,
  kFetchProgram = 458,
  kListActors = 459,
  kNoteActor = 460,

  // Between processes (peer_messages.h)
  kPushTasks = 500,
  kTaskResults = 501,
  kReturnLease = 502,
  kLeaseRecalled = 503,
  kRecallTasks = 504,
  kCancelTask = 505,
  // 506 was taken
  kAddBorrower = 507,
  kReleaseBorrows = 508,
  kRefsReceived = 509,
  kResolveActor = 510,
  kStopActor = 511,
  kStreamItem = 512,
  kStreamCredit = 513,
  kKillActor = 514,
  kAnswersHeard = 515,
  kFollowWait = 516,
  kKeepCheckpoint = 517,
  kTakeOver = 518,
  kOwnerMoved = 519,
  kResolveObjects = 520,
  kObjectsResolved = 521,
  kBorrowsRestored = 522,
};

// "PushTasks"; "method 4711" for one that this release does not know.
std::string MethodName(Method method);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_PROTOCOL_METHOD_H_

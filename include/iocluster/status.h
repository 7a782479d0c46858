// What went wrong, for code that has to react: the cause behind an absl::Status.
//
// Every error of the runtime is an absl::Status whose message names the thing, the node and the attempt and says what
// to do. Its code is the usual one (kDeadlineExceeded, kCancelled, ...), or that of the error which a task returned;
// CauseOf() tells what happened in the cluster.
#ifndef IOCLUSTER_STATUS_H_
#define IOCLUSTER_STATUS_H_

#include <absl/base/config.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#if !defined(ABSL_LTS_RELEASE_VERSION) || ABSL_LTS_RELEASE_VERSION != 20220623
#error "iocluster was built with Abseil LTS 20220623; this program finds another release. Use that one for both."
#endif

namespace ioc {

enum class Cause {
  kNone = 0,         // the status is OK, or it is not one of the runtime's
  kTaskThrew,        // user code threw, or returned an error; the message holds what() or the error's
  kWorkerDied,       // the process that ran it ended; the message holds exit code or signal and the last stderr lines
  kNodeDied,         // the machine it ran on is gone or cut off
  kActorDied,        // the actor has ended; the message says how
  kOwnerDied,        // the process that owned the object is gone, and with it the way to the object
  kObjectLost,       // every copy of the object is gone
  kOutOfMemory,      // killed or refused for lack of memory
  kStoreFull,        // the object store has no room and can't make any
  kCancelled,        // cancelled by the user
  kDeadline,         // a deadline passed; what was waited for may still happen
  kUnschedulable,    // no registered node can ever run it as asked
  kProgramMissing,   // a node can't get, check or start the program
  kTypeMismatch,     // the bytes are not of the type asked for
  kDisconnected,     // the cluster can't be reached, or this handle's cluster is shut down
  kInvalidArgument,  // the call itself is wrong: a bad address, a negative resource, a name taken
  kInternal,         // a bug in iocluster; please report it with the message
};

// The cause that `status` carries, or Cause::kNone.
Cause CauseOf(const absl::Status& status);

// "worker died", "deadline", ...
std::string_view CauseName(Cause cause);

// A status with `cause`, the absl code that fits it, and `message`.
absl::Status MakeError(Cause cause, std::string_view message);

}  // namespace ioc

#endif  // IOCLUSTER_STATUS_H_

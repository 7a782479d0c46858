// Work that would hold up an executor: a disk's, or the first touch of much memory.
#ifndef IOCLUSTER_LIB_ENV_BACKGROUND_H_
#define IOCLUSTER_LIB_ENV_BACKGROUND_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <cstdint>

namespace ioc {

class Background {
 public:
  using Work = absl::AnyInvocable<absl::Status()>;
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  virtual ~Background() = default;

  // Runs `work` on another thread than the executor's, after all that was given here before it; then `done`, in a turn
  // of the executor's, with what it returned. `work` keeps alive what it touches, and touches no state of the role.
  // `bytes` is about how much it moves, of which the simulator makes time. Mutex held. What has not run when the Env
  // ends never does.
  virtual void Run(uint64_t bytes, Work work, Done done) = 0;
  // The same, for what somebody waits for: goes before what was given to Run, in the order of those that were given
  // here. Of the others, one in so many still has its turn (see WorkQueue).
  virtual void RunFirst(uint64_t bytes, Work work, Done done) = 0;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_BACKGROUND_H_

// Waits for the ends of processes that this node has no connection to any more: as long as they run, they may read and
// write where the object store let them.
//
// Owned by the node, on its executor.
#ifndef IOCLUSTER_RUNTIME_NODE_PROCESS_ENDS_H_
#define IOCLUSTER_RUNTIME_NODE_PROCESS_ENDS_H_

#include <absl/functional/any_invocable.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "lib/env/env.h"
#include "runtime/node/sessions.h"

namespace ioc {

// A process whose end can't be seen is taken to have ended after this.
inline constexpr absl::Duration kUnseenProcessGrace = absl::Minutes(1);

class ProcessEnds {
 public:
  // `on_end` is given the session that the process had.
  ProcessEnds(Env& env, absl::AnyInvocable<void(SessionId)> on_end) : env_(env), on_end_(std::move(on_end)) {}
  ~ProcessEnds();
  ProcessEnds(const ProcessEnds&) = delete;
  ProcessEnds& operator=(const ProcessEnds&) = delete;

  // `pid` as PeerInfo has it.
  void Await(SessionId session, int64_t pid);

 private:
  struct Awaited {
    std::unique_ptr<ProcessWatch> watch;  // or, if that can't be:
    TimerId timer = 0;
  };

  Env& env_;
  absl::AnyInvocable<void(SessionId)> on_end_;
  std::map<SessionId, Awaited> awaited_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_PROCESS_ENDS_H_

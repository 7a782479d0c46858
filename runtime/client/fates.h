// How processes ended, as their nodes tell. Asked when a connection broke: for the tasks that a worker had, for who
// borrowed, for who owned. That the question is lost on its way is no answer: it is asked again for kFatePatience,
// unless the head says that the node has ended.
//
// Lives on the client's executor.
#ifndef IOCLUSTER_RUNTIME_CLIENT_FATES_H_
#define IOCLUSTER_RUNTIME_CLIENT_FATES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/env/env.h"
#include "runtime/client/node_link.h"

namespace ioc {

inline constexpr absl::Duration kFateTimeout = absl::Seconds(10);   // of one message
inline constexpr absl::Duration kFatePatience = absl::Seconds(10);  // no message is sent after it
inline constexpr absl::Duration kAskFateAgain = absl::Milliseconds(100);
// Nodes that are known to have ended; all are forgotten when there are more.
inline constexpr size_t kMaxRemovedNodes = 1 << 16;

// How a worker ended, or another process of the cluster.
struct WorkerEnd {
  absl::Status error;    // its cause, and words for the message
  bool running = false;  // it has not ended: the connection with it broke
  bool cut_off = false;  // its node can't be asked: it may run
  bool started_known = false;
  uint64_t started = 0;   // sequence of the task that it began last
  ProcessId caller = {};  // that task's; nobody's if it began none

  // Whether it is certain that it runs no more, or is no part of the cluster.
  bool ended() const { return !running && !cut_off; }
  // How many of `pushed`, the unanswered tasks in the order that they were pushed, may have run: those up to the one
  // that it began last. (A task before that one has run, but its answer was lost.) The rest are innocent.
  // A task of another caller tells nothing about those of `self`: all of them may have run.
  size_t Started(const std::vector<uint64_t>& pushed, ProcessId self) const;
  // Whether this call of an actor, of `self`, may have run. Of a caller's calls the latest one that began is known.
  bool MayHaveBegunCall(uint64_t sequence, ProcessId self) const {
    return !started_known || (caller && (caller != self || sequence <= started));
  }
};

class Fates {
 public:
  Fates(Env& env, NodeLink& node) : env_(env), node_(node) {}

  using Handler = absl::AnyInvocable<void(const WorkerEnd&)>;
  // `node_name` is for messages; it may be empty.
  void Ask(const ProcessAddress& process, const std::string& node_name, Handler done);
  // It has ended, for good.
  void OnNodeRemoved(NodeId node, std::string_view why);

 private:
  struct Question {
    NodeAddress node;  // as well as it is known
    absl::Time until;
    std::vector<Handler> waiting;
  };

  void Send(ProcessId process);
  void Answered(ProcessId process, const absl::StatusOr<GetWorkerFate::Reply>& fate);
  void Answer(ProcessId process, const WorkerEnd& end);

  Env& env_;
  NodeLink& node_;
  absl::flat_hash_map<ProcessId, Question> asking_;
  absl::flat_hash_map<NodeId, std::string> removed_;                              // and why
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for timers that outlive this
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLIENT_FATES_H_

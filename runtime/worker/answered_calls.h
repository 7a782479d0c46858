// Which calls of an actor have come, from whom, and their answers, until the caller has heard them.
//
// A caller numbers its calls from 1, and again in each session: one ends when it has forgotten the actor, with all
// answers heard. A call that comes again (its connection broke, so it does not know what arrived) is
// not run again: it finds the answer here, or the job that will give it. So a call runs at most once in an incarnation.
//
// Owned by the worker, on its executor. Invariant: of each caller, the calls from `first` on have come, without a gap.
#ifndef IOCLUSTER_RUNTIME_WORKER_ANSWERED_CALLS_H_
#define IOCLUSTER_RUNTIME_WORKER_ANSWERED_CALLS_H_

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "iocluster/ids.h"
#include "runtime/worker/job.h"

namespace ioc {

// Callers that are remembered; beyond it those that have gone and have heard everything are forgotten.
inline constexpr size_t kMaxRememberedCallers = 4096;

class AnsweredCalls {
 public:
  using Answers = std::vector<std::shared_ptr<WorkerAnswer>>;
  enum class Seen {
    kNew,       // it is noted now
    kPending,   // it has come before, and has no answer yet
    kAnswered,  // Find gives the answer
    kHeard,     // its caller has had the answer
    kGap,       // calls before it have not come: the caller is wrong
  };

  // Begins the caller's session if it is a new one, or if the caller was forgotten, after the calls up to `answered`,
  // of which it has all answers; and returns the answers of the one before.
  Answers BeginSession(ProcessId caller, uint64_t session, uint64_t answered);
  Seen Take(ProcessId caller, uint64_t session, uint64_t call);
  const std::shared_ptr<WorkerAnswer>& Find(ProcessId caller, uint64_t call) const;
  // The answer of a call that has come. False, and nothing, if that was in an earlier session.
  bool Keep(ProcessId caller, uint64_t session, uint64_t call, std::shared_ptr<WorkerAnswer> answer);
  // Forgets the answers up to `call` and returns them: what they hold is to be let go.
  Answers Heard(ProcessId caller, uint64_t session, uint64_t call);
  // The process has ended: its answers are returned, and those to what runs now will not be kept.
  Answers ForgetCaller(ProcessId caller);
  // Those that their callers may not have heard, in an order that no hash decides.
  std::vector<std::pair<ProcessId, std::shared_ptr<WorkerAnswer>>> Unheard() const;
  // Forgets them all, and returns their answers.
  Answers Clear();
  // Forgets callers, if there are very many, that `connected` says no to and that have heard everything. Such a one may
  // come back.
  void Prune(const std::function<bool(ProcessId)>& connected);
  // Answers that are kept.
  size_t size() const;

 private:
  struct Caller {
    uint64_t session = 0;
    uint64_t first = 1;                                 // number of `answers.front()`
    std::deque<std::shared_ptr<WorkerAnswer>> answers;  // null: pending
  };

  absl::flat_hash_map<ProcessId, Caller> callers_;
  size_t prune_above_ = kMaxRememberedCallers;  // twice as many as the last time left
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_ANSWERED_CALLS_H_

// When an actor's state is saved, and which answers wait for that. Of an actor that may be made again and can be saved.
//
// An answer that is withheld goes out when a checkpoint that has it is with the actor's owner: then the call is never
// lost and never run again. One checkpoint is under way at a time; calls that end meanwhile share the next one.
#ifndef IOCLUSTER_RUNTIME_WORKER_CHECKPOINTS_H_
#define IOCLUSTER_RUNTIME_WORKER_CHECKPOINTS_H_

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "runtime/worker/job.h"

namespace ioc {

// Saving may take one part in so many of the time, if it is done by time: that in which the actor's calls wait, and
// that in which a state over 100 KiB is on its way to its owner's node.
inline constexpr int kCheckpointShare = 20;
// The owner's answer; it is out of reach otherwise. One whose node brings a large state takes as long as that takes.
inline constexpr absl::Duration kCheckpointTimeout = absl::Seconds(30);
inline constexpr absl::Duration kCheckpointAgainAfter = absl::Milliseconds(100);
// Answers in one checkpoint, which is one message; callers that hear theirs make room.
inline constexpr size_t kMaxSavedAnswerBytes = size_t{8} << 20;
// How long answers from before a restart are kept for callers that don't ask.
inline constexpr absl::Duration kRestoredAnswersKept = absl::Minutes(10);

struct Checkpoints {
  absl::Status (*save)(void* object, internal::ReturnSink& state) = nullptr;
  uint64_t ids = 0;  // the sequence of the first id for those that are stored; 0: no more are to be taken
  uint32_t every = 0;
  absl::Duration period;

  uint64_t taken = 0;      // in this incarnation
  uint32_t calls = 0;      // since the last one was taken
  bool changed = false;    // likewise, and in the list of those to be saved by time
  bool due = false;        // to be taken after the call that ends next, or by itself if none runs
  bool under_way = false;  // taken, and not yet with the owner
  absl::Time last;
  absl::Duration took;  // to take the last one, and to bring its state to the owner's node
  std::vector<std::shared_ptr<WorkerAnswer>> withheld;  // until the next one is saved
  std::vector<std::shared_ptr<WorkerAnswer>> covered;   // until the one that is under way is

  // Answers from before the restart, by caller and sequence, and until when they are kept.
  std::map<std::pair<ProcessId, uint64_t>, std::shared_ptr<WorkerAnswer>> restored;
  absl::Time restored_until;

  absl::Time DueByTime() const { return last + std::max(period, kCheckpointShare * took); }
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_WORKER_CHECKPOINTS_H_

#include "runtime/client/peer_reach.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace ioc {

PeerReach::~PeerReach() { Clear(); }

void PeerReach::Clear() {
  closed_ = true;
  for (auto& [process, attempt] : std::exchange(attempts_, {})) env_.executor().CancelTimer(attempt.timer);
}

void PeerReach::With(const ProcessAddress& process, Handler handler) {
  if (Peer* const peer = peers_.Find(process.process)) return handler(peer);
  if (closed_) return handler(MakeError(Cause::kDisconnected, "this process's cluster is shut down"));
  const auto [attempt, is_first] = attempts_.try_emplace(process.process);
  attempt->second.waiting.push_back(std::move(handler));
  if (!is_first) return;
  attempt->second.address = process;
  attempt->second.until = env_.executor().Now() + kOutOfReach;
  Dial(process.process);
}

void PeerReach::Dial(ProcessId process) {
  const auto attempt = attempts_.find(process);
  if (attempt == attempts_.end()) return;
  attempt->second.timer = 0;
  const ProcessAddress address = attempt->second.address;
  peers_.With(address, [this, process](const absl::StatusOr<Peer*>& peer) {
    peer.ok() ? Finish(process, peer) : Failed(process, peer.status());
  });
}

void PeerReach::Failed(ProcessId process, const absl::Status& why) {
  const auto found = attempts_.find(process);
  if (found == attempts_.end()) return;
  Attempt& attempt = found->second;
  if (env_.executor().Now() >= attempt.until) {
    return Finish(process, MakeError(Cause::kNodeDied,
                                     absl::StrCat("it could not be reached for ", absl::FormatDuration(kOutOfReach),
                                                  " (", why.message(), ")")));
  }
  attempt.timer = env_.executor().Schedule(attempt.pause, [this, process] { Dial(process); });
  attempt.pause = std::min(attempt.pause * 2, kLongestDialPause);
  // Beside that: the node of one that runs takes its time.
  if (std::exchange(attempt.asking, true)) return;
  const ProcessAddress address = attempt.address;
  fates_.Ask(address, /*node_name=*/"", [this, process](const WorkerEnd& end) { Judge(process, end); });
}

void PeerReach::Judge(ProcessId process, const WorkerEnd& end) {
  const auto found = attempts_.find(process);
  if (found == attempts_.end()) return;
  found->second.asking = false;
  if (end.ended()) Finish(process, MakeError(Cause::kOwnerDied, std::string(end.error.message())));
}

void PeerReach::Finish(ProcessId process, const absl::StatusOr<Peer*>& result) {
  auto attempt = attempts_.extract(process);
  if (attempt.empty()) return;
  env_.executor().CancelTimer(attempt.mapped().timer);
  for (Handler& handler : attempt.mapped().waiting) handler(result);
}

}  // namespace ioc

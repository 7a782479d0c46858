#include "runtime/client/fates.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/fate.h"

namespace ioc {

size_t WorkerEnd::Started(const std::vector<uint64_t>& pushed, ProcessId self) const {
  if (started_known && !caller) return 0;
  if (!started_known || caller != self) return pushed.size();
  const auto last = std::find(pushed.begin(), pushed.end(), started);
  return last == pushed.end() ? 0 : static_cast<size_t>(last - pushed.begin()) + 1;
}

namespace {

WorkerEnd EndOf(const absl::StatusOr<GetWorkerFate::Reply>& fate, const std::string& node) {
  WorkerEnd end;
  if (!fate.ok()) {
    end.cut_off = true;
    end.error = MakeError(Cause::kNodeDied, absl::StrCat(node, " is gone or cut off (", fate.status().message(), ")"));
  } else if (fate->running) {
    end.running = true;
    end.error = MakeError(Cause::kWorkerDied, absl::StrCat("the connection to its worker on ", node, " broke"));
  } else if (!fate->known) {
    end.error = MakeError(Cause::kWorkerDied, absl::StrCat("its process is not on ", node, " any more"));
  } else {
    end.error = MakeError(Cause::kWorkerDied, DescribeFate(*fate, node));
    end.started_known = true;
    end.started = fate->started;
    end.caller = fate->caller;
  }
  return end;
}

}  // namespace

void Fates::Ask(const ProcessAddress& process, const std::string& node_name, Handler done) {
  // Thousands of actors may have lived in one worker: it is asked for once.
  const auto [question, is_new] = asking_.try_emplace(process.process);
  NodeAddress& node = question->second.node;
  if (is_new || node.node_address.empty()) node = NodeOf(process, node.name);
  if (node.name.empty()) node.name = node_name;
  question->second.waiting.push_back(std::move(done));
  if (!is_new) return;
  question->second.until = env_.executor().Now() + kFatePatience;
  Send(process.process);
}

void Fates::Send(ProcessId process) {
  const auto question = asking_.find(process);
  if (question == asking_.end()) return;
  const NodeAddress& node = question->second.node;
  if (const auto removed = removed_.find(node.node); removed != removed_.end()) {
    const std::string why = absl::StrCat(node.Label(), " is gone (", removed->second, ")");
    return Answer(process, {.error = MakeError(Cause::kNodeDied, why)});
  }
  const GetWorkerFate request{.node = node, .process = process};
  node_.Call(request, kFateTimeout,
             [this, process](const absl::StatusOr<GetWorkerFate::Reply>& fate) { Answered(process, fate); });
}

void Fates::Answered(ProcessId process, const absl::StatusOr<GetWorkerFate::Reply>& fate) {
  const auto question = asking_.find(process);
  if (question == asking_.end()) return;
  if (fate.ok() || !node_.open() || env_.executor().Now() >= question->second.until) {
    return Answer(process, EndOf(fate, question->second.node.Label()));
  }
  env_.executor().Schedule(kAskFateAgain, [this, process, alive = std::weak_ptr<const bool>(alive_)] {
    if (!alive.expired()) Send(process);
  });
}

void Fates::Answer(ProcessId process, const WorkerEnd& end) {
  auto question = asking_.extract(process);
  for (Handler& done : question.mapped().waiting) done(end);
}

void Fates::OnNodeRemoved(NodeId node, std::string_view why) {
  if (removed_.size() >= kMaxRemovedNodes) removed_.clear();
  removed_[node] = std::string(why);
  std::vector<ProcessId> gone;
  for (const auto& [process, question] : asking_) {
    if (question.node.node == node) gone.push_back(process);
  }
  std::sort(gone.begin(), gone.end());
  for (const ProcessId process : gone) Send(process);
}

}  // namespace ioc

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
  } else if (!fate->known || fate->running) {
    end.running = fate->running;
    end.error = MakeError(Cause::kWorkerDied, absl::StrCat("the connection to its worker on ", node, " broke"));
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
  std::vector<Handler>& asking = asking_[process.process];
  asking.push_back(std::move(done));
  if (asking.size() > 1) return;
  Send({.node = NodeOf(process, node_name), .process = process.process}, env_.executor().Now() + kFatePatience);
}

void Fates::Send(const GetWorkerFate& request, absl::Time until) {
  if (const auto removed = removed_.find(request.node.node); removed != removed_.end()) {
    const std::string why = absl::StrCat(request.node.Label(), " is gone (", removed->second, ")");
    return Answer(request.process, {.error = MakeError(Cause::kNodeDied, why)});
  }
  node_.Call(request, kFateTimeout, [this, request, until](const absl::StatusOr<GetWorkerFate::Reply>& fate) {
    if (fate.ok() || !node_.open() || env_.executor().Now() >= until) {
      return Answer(request.process, EndOf(fate, request.node.Label()));
    }
    env_.executor().Schedule(kAskFateAgain, [this, request, until, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) Send(request, until);
    });
  });
}

void Fates::Answer(ProcessId process, const WorkerEnd& end) {
  auto asking = asking_.extract(process);
  for (Handler& done : asking.mapped()) done(end);
}

void Fates::OnNodeRemoved(NodeId node, std::string_view why) {
  if (removed_.size() >= kMaxRemovedNodes) removed_.clear();
  removed_[node] = std::string(why);
}

}  // namespace ioc

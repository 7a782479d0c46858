#include "runtime/worker/answered_calls.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"

namespace ioc {

AnsweredCalls::Answers AnsweredCalls::BeginSession(ProcessId caller, uint64_t session, uint64_t answered) {
  Answers ended;
  Caller& known = callers_[caller];
  if (session <= known.session) return ended;
  for (std::shared_ptr<WorkerAnswer>& answer : known.answers) {
    if (answer != nullptr) ended.push_back(std::move(answer));
  }
  known = {.session = session, .first = answered + 1};
  return ended;
}

AnsweredCalls::Seen AnsweredCalls::Take(ProcessId caller, uint64_t session, uint64_t call) {
  Caller& known = callers_[caller];
  if (session < known.session) return Seen::kHeard;
  const uint64_t next = known.first + known.answers.size();
  if (call < known.first) return Seen::kHeard;
  if (call > next) return Seen::kGap;
  if (call < next) return known.answers[call - known.first] == nullptr ? Seen::kPending : Seen::kAnswered;
  known.answers.emplace_back();
  return Seen::kNew;
}

const std::shared_ptr<WorkerAnswer>& AnsweredCalls::Find(ProcessId caller, uint64_t call) const {
  const Caller& known = callers_.at(caller);
  return known.answers[call - known.first];
}

bool AnsweredCalls::Keep(ProcessId caller, uint64_t session, uint64_t call, std::shared_ptr<WorkerAnswer> answer) {
  const auto found = callers_.find(caller);
  if (found == callers_.end() || found->second.session != session) return false;
  Caller& known = found->second;
  IOC_CHECK(call >= known.first && call - known.first < known.answers.size()) << "an answer to a call that never came";
  known.answers[call - known.first] = std::move(answer);
  return true;
}

AnsweredCalls::Answers AnsweredCalls::Heard(ProcessId caller, uint64_t session, uint64_t call) {
  Answers forgotten;
  const auto found = callers_.find(caller);
  if (found == callers_.end() || found->second.session != session) return forgotten;
  Caller& known = found->second;
  // One that is pending can't have been heard, whatever its caller says.
  while (known.first <= call && !known.answers.empty() && known.answers.front() != nullptr) {
    forgotten.push_back(std::move(known.answers.front()));
    known.answers.pop_front();
    ++known.first;
  }
  return forgotten;
}

AnsweredCalls::Answers AnsweredCalls::ForgetCaller(ProcessId caller) {
  Answers forgotten;
  const auto known = callers_.extract(caller);
  if (known.empty()) return forgotten;
  for (const std::shared_ptr<WorkerAnswer>& answer : known.mapped().answers) {
    if (answer != nullptr) forgotten.push_back(answer);
  }
  return forgotten;
}

size_t AnsweredCalls::size() const {
  size_t kept = 0;
  for (const auto& [process, caller] : callers_) {
    kept += static_cast<size_t>(std::count_if(caller.answers.begin(), caller.answers.end(),
                                              [](const auto& answer) { return answer != nullptr; }));
  }
  return kept;
}

std::vector<std::pair<ProcessId, std::shared_ptr<WorkerAnswer>>> AnsweredCalls::Unheard() const {
  std::vector<std::pair<ProcessId, std::shared_ptr<WorkerAnswer>>> unheard;
  std::vector<ProcessId> known;
  for (const auto& [process, caller] : callers_) known.push_back(process);
  std::sort(known.begin(), known.end());
  for (const ProcessId process : known) {
    for (const std::shared_ptr<WorkerAnswer>& answer : callers_.at(process).answers) {
      if (answer != nullptr) unheard.emplace_back(process, answer);
    }
  }
  return unheard;
}

AnsweredCalls::Answers AnsweredCalls::Clear() {
  Answers forgotten;
  for (auto& [process, answer] : Unheard()) forgotten.push_back(std::move(answer));
  callers_.clear();
  return forgotten;
}

void AnsweredCalls::Prune(const std::function<bool(ProcessId)>& connected) {
  if (callers_.size() <= prune_above_) return;
  absl::erase_if(callers_,
                 [&](const auto& caller) { return caller.second.answers.empty() && !connected(caller.first); });
  prune_above_ = std::max(kMaxRememberedCallers, 2 * callers_.size());
}

}  // namespace ioc

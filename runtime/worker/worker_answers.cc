// The part of Worker that answers its callers, many in one frame.
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/protocol/located.h"
#include "lib/protocol/message_size.h"
#include "runtime/worker/worker.h"

namespace ioc {
// Says where and in which attempt it happened.
absl::Status Worker::Located(const absl::Status& error, const Job& job) const {
  return ioc::Located(error, client_->NodeName(), job.spec->attempt);
}

std::shared_ptr<WorkerAnswer> Worker::AnswerTo(const Job& job) {
  auto answer = std::make_shared<Answer>();
  answer->link = job.link;
  answer->result.sequence = job.spec->sequence;
  answer->result.attempt = job.spec->attempt;
  return answer;
}

void Worker::Reply(std::shared_ptr<Answer> answer) {
  answer->ready = true;
  if (answer->withheld) return;
  if (std::exchange(answer->queued, true)) return;
  answer_bytes_ += WireBytesOf(answer->result);
  answers_.push_back(std::move(answer));
  if (answer_bytes_ > kAnswerBytes) return RunDeferred();
  env_->executor().Defer(*this);
}

void Worker::RunDeferred() {
  answer_bytes_ = 0;
  const std::vector<std::shared_ptr<Answer>> answers = std::exchange(answers_, {});
  // One frame for each run of answers to the same link; they are nearly always all to one.
  for (size_t begin = 0, end = 0; begin < answers.size(); begin = end) {
    const uint64_t id = answers[begin]->link;
    PeerLink* const link = client_->peers().FindLink(id);
    results_.results.clear();
    for (; end < answers.size() && answers[end]->link == id; ++end) {
      Answer& answer = *answers[end];
      answer.queued = false;
      if (answer.kept && link != nullptr) {
        for (WireValue& value : answer.result.returns) client_->borrowing().Refresh(value.refs);
        client_->lending().HoldInTransit(*link->peer, answer.refs);
      }
      results_.results.push_back(std::move(answer.result));
    }
    if (link != nullptr) link->channel->Notify(results_);
    for (size_t i = begin; i < end; ++i) {
      if (answers[i]->kept) answers[i]->result = std::move(results_.results[i - begin]);
    }
  }
}

void Worker::ReplyReturned(const Job& job, bool blocked) {
  std::shared_ptr<Answer> answer = AnswerTo(job);
  answer->result.outcome = TaskOutcome::kReturned;
  answer->result.blocked = blocked;
  Reply(std::move(answer));
}

void Worker::ReplyGone(const Job& job, bool begun) {
  std::shared_ptr<Answer> answer = AnswerTo(job);
  answer->result.gone = true;
  answer->result.outcome = begun ? TaskOutcome::kFailed : TaskOutcome::kReturned;
  if (begun) {
    const absl::Status killed = MakeError(Cause::kActorDied, "the actor was killed while it ran this call");
    answer->result.error = Located(killed, job);
  }
  Reply(std::move(answer));
}

void Worker::ReplyFailed(const Job& job, const absl::Status& error) {
  std::shared_ptr<Answer> answer = AnswerTo(job);
  answer->result.outcome = TaskOutcome::kFailed;
  answer->result.error = Located(error, job);
  if (job.taken) {
    answer->kept = true;
    static_cast<void>(job.actor->answered().Keep(job.caller, job.spec->session, job.spec->call_sequence, answer));
  }
  Reply(std::move(answer));
}

}  // namespace ioc

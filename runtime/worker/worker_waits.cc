// The part of Worker that finds calls which wait for each other in a circle (see runtime/client/wait_follower.h).
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "runtime/worker/worker.h"

namespace ioc {
namespace {

bool Has(const std::vector<WaitLink>& chain, ProcessId process, uint64_t job) {
  return std::any_of(chain.begin(), chain.end(),
                     [&](const WaitLink& link) { return link.process == process && link.job == job; });
}

// A circle is found from each call in it that another one waits behind. The chain that the greatest of those began
// counts, so that one call fails.
bool BeganAtGreatest(const std::vector<WaitLink>& chain) {
  const WaitLink& first = chain.front();
  return std::all_of(chain.begin(), chain.end(), [&first](const WaitLink& other) {
    return !other.blocks || std::tie(other.process, other.job) <= std::tie(first.process, first.job);
  });
}

absl::Status Circle(const std::string& call, const std::vector<WaitLink>& chain) {
  std::string words = absl::StrCat("a circular wait: ", call, " can't begin before ", chain.front().what);
  for (size_t i = 1; i < chain.size(); ++i) absl::StrAppend(&words, ", which waits for ", chain[i].what);
  absl::StrAppend(&words,
                  ", which waits for that call; don't wait for a call that comes back to the actor, or let it come in "
                  "a concurrency group of its own (ActorOptions::concurrency_groups)");
  return MakeError(Cause::kInvalidArgument, words);
}

}  // namespace

void Worker::WatchWaits() {
  if (waits_timer_ != 0) return;
  waits_timer_ = env_->executor().Schedule(kFollowWaitsAfter, [this] {
    waits_timer_ = 0;
    const absl::Time now = env_->executor().Now();
    bool any = false;
    for (const Job* job : running_) {
      if (job->actor == nullptr || job->awaited == nullptr || job->waits_until < now + kShortWait) continue;
      any = true;
      if (job->waits_since + kFollowWaitsAfter <= now) FollowWaitOf(*job, {}, /*blocks=*/false);
    }
    if (any) WatchWaits();
  });
}

std::string Worker::Describe(const Job& job) {
  std::string what(job.spec->name.empty() ? job.function->label : job.spec->name);
  if (job.actor != nullptr) absl::StrAppend(&what, " (of actor ", job.actor->id().ToString(), ")");
  return what;
}

// It runs, and what it waits for is followed on, after the chain that led to it.
void Worker::FollowWaitOf(const Job& job, std::vector<WaitLink> chain, bool blocks) {
  if (job.awaited == nullptr || job.waits_until < env_->executor().Now() + kShortWait) return;
  chain.push_back({.process = client_->process(), .job = job.number, .blocks = blocks, .what = Describe(job)});
  client_->FollowWaits(*job.awaited, chain);
}

void Worker::OnFollowWait(PeerLink& link, const FollowWait& follow) {
  const auto is_asked_for = [&](const Job& job) {
    return job.caller == link.peer->process && job.spec->sequence == follow.object.sequence;
  };
  for (const Job* job : running_) {
    if (!is_asked_for(*job)) continue;
    if (!Has(follow.chain, client_->process(), job->number)) FollowWaitOf(*job, follow.chain, /*blocks=*/false);
    return;
  }
  HostedActor* const actor = FindActor(follow.actor);
  if (actor == nullptr || follow.chain.empty()) return;
  for (const auto& group : actor->groups()) {
    const Job* queued = nullptr;
    group->waiting.ForEach([&](const Job& job) {
      if (is_asked_for(job)) queued = &job;
    });
    if (queued != nullptr) return FollowQueued(*group, *queued, follow.chain);
  }
}

// The call waits behind those of its group that run.
void Worker::FollowQueued(CallGroup& group, const Job& queued, const std::vector<WaitLink>& chain) {
  if (group.running < group.limit) return;
  const Job* behind = nullptr;
  bool all_in_chain = true;
  bool first_is_one = false;
  for (const Job* job : running_) {
    if (job->group != &group) continue;
    behind = job;
    all_in_chain = all_in_chain && job->awaited != nullptr && Has(chain, client_->process(), job->number);
    first_is_one = first_is_one || Has({chain.front()}, client_->process(), job->number);
  }
  if (!all_in_chain) {
    // Of several that run any one may end first: there is no one to follow.
    if (group.limit == 1 && behind != nullptr) FollowWaitOf(*behind, chain, /*blocks=*/true);
    return;
  }
  if (!first_is_one || !BeganAtGreatest(chain)) return;
  const std::unique_ptr<Job> failed = group.waiting.Take([&queued](const Job& job) { return &job == &queued; });
  ReplyFailed(*failed, Circle(Describe(*failed), chain));
}

}  // namespace ioc

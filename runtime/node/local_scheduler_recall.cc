// The part of LocalScheduler that deals with who holds what others wait for, and with those who wait at the head.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "runtime/node/local_scheduler.h"

namespace ioc {
namespace {

// Whether the lease is one that the demand asked for; the head does not say so of those that it placed.
bool IsOfDemand(const LocalScheduler::Lease& lease, const DemandKey& key, const SchedulingClass& spec) {
  if (!lease.placed) return lease.demand == key;
  return lease.demand.client == key.client && *lease.spec == spec;
}

// Whether the one job holds so much more than the other that it should let go of a lease.
bool Owes(std::map<JobId, size_t>& holdings, JobId holder, JobId wanting) {
  if (holder == wanting) return false;
  return holdings[wanting] == 0 || holdings[holder] > holdings[wanting] + 1;
}

}  // namespace

void LocalScheduler::SetOutlook(const Outlook& outlook, absl::Time now) {
  others_ = outlook.others;
  outside_ = outlook.waiting;
  outside_until_ = now + kOutlookLasts;
  for (const Promise& promise : promises_) {  // which the head does not know of
    const auto promised = std::find_if(outside_.begin(), outside_.end(), [&](const WaitingDemand& demand) {
      return demand.wanted > 0 && demand.job == promise.job && demand.resources == promise.resources;
    });
    if (promised != outside_.end()) --promised->wanted;
  }
}

void LocalScheduler::ForgetOutlook() {
  others_ = false;
  outside_.clear();
  while (!promises_.empty()) Redeem(promises_.begin());
  ForgetForwards();
}

bool LocalScheduler::PromiseBefore(JobId job, absl::Time now) {
  if (now >= outside_until_) return false;
  WaitingDemand* first = nullptr;
  for (WaitingDemand& waiting : outside_) {
    if (waiting.wanted == 0 || !free_.Covers(waiting.resources)) continue;
    if (first == nullptr || TurnOf(waiting.job) < TurnOf(first->job)) first = &waiting;
  }
  if (first == nullptr || TurnOf(first->job) >= TurnOf(job)) return false;
  --first->wanted;
  free_.Subtract(first->resources);
  promises_.push_back({first->job, first->resources, now + kPromiseLasts});
  job_turns_[first->job] = ++last_turn_;
  return true;
}

void LocalScheduler::Redeem(std::vector<Promise>::iterator promise) {
  free_.Add(promise->resources);
  promises_.erase(promise);
}

bool LocalScheduler::DropOldPromises(absl::Time now) {
  const size_t before = promises_.size();
  while (!promises_.empty() && promises_.front().until <= now) Redeem(promises_.begin());
  return promises_.size() < before;
}

// The head sees to the turns of those who wait there: whoever it places something for may have what was promised.
bool LocalScheduler::MakeRoomFor(const SchedulingClass& placed) {
  const auto own = std::find_if(promises_.begin(), promises_.end(),
                                [&](const Promise& promise) { return promise.job == placed.job; });
  const bool promised = own != promises_.end();
  const auto waiting = std::find_if(outside_.begin(), outside_.end(), [&](const WaitingDemand& demand) {
    return demand.wanted > 0 && demand.job == placed.job && demand.resources == placed.resources;
  });
  if (promised) {
    Redeem(own);
  } else if (waiting != outside_.end()) {
    --waiting->wanted;
  }
  while (!promises_.empty() && (full() || !free_.Covers(placed.resources))) Redeem(promises_.begin());
  return promised;
}

bool LocalScheduler::CallBack(LeaseId id, Lease& lease, absl::Duration quantum, absl::Time now, Recall& recall) {
  const absl::Duration age = now - lease.since;
  if (age < quantum) {
    recall.again = std::min(recall.again, quantum - age);
    return false;
  }
  lease.recalled_at = now;
  recall.leases.push_back(id);
  recall.again = std::min(recall.again, kRecallPatience);
  return true;
}

LocalScheduler::Recall LocalScheduler::LeasesToRecall(absl::Time now) {
  Recall recall;
  std::vector<std::pair<LeaseId, Lease*>> oldest;
  Holdings holdings;
  uint32_t outstanding = 0;
  absl::Duration patience = absl::InfiniteDuration();  // until the first of them has kept us waiting
  for (auto& [id, lease] : leases_) {
    const absl::Duration left = lease.recalled_at + kRecallPatience - now;
    if (lease.ending) {
      ++outstanding;
    } else if (lease.recalled()) {
      if (lease.blocked || left <= absl::ZeroDuration()) continue;
      ++outstanding;
      patience = std::min(patience, left);
    } else {
      ++holdings[lease.spec->job];
      if (lease.granted && !lease.blocked && !lease.spec->dedicated) oldest.emplace_back(id, &lease);
    }
  }
  for (const Promise& promise : promises_) {
    ++holdings[promise.job];
    recall.again = std::min(recall.again, std::max(promise.until - now, absl::ZeroDuration()));
  }
  std::stable_sort(oldest.begin(), oldest.end(), [](auto& a, auto& b) { return a.second->since < b.second->since; });
  if (now < outside_until_) RecallForOthers(now, oldest, outstanding, holdings, recall);

  const bool any_will_do = full();
  for (Demands::iterator position : InOrder()) {
    const Demand& demand = position->second;
    const JobId job = demand.spec->job;
    uint32_t missing = demand.missing();
    const uint32_t coming = std::min(missing, outstanding);
    if (coming > 0) recall.again = std::min(recall.again, patience);
    missing -= coming;
    outstanding -= coming;
    for (auto& [id, lease] : oldest) {
      if (missing == 0) break;
      if (lease->recalled() || IsOfDemand(*lease, position->first, *demand.spec)) continue;
      if (!any_will_do && !lease->spec->resources.Shares(demand.spec->resources)) continue;
      const bool is_far = lease->placed && lease->spec->job != job;
      if (is_far && !Owes(holdings, lease->spec->job, job)) continue;
      if (!CallBack(id, *lease, is_far ? kFarLeaseQuantum : kLeaseQuantum, now, recall)) {
        if (is_far) continue;
        break;  // those behind it are younger
      }
      --holdings[lease->spec->job];
      ++holdings[job];
      --missing;
    }
  }
  return recall;
}

void LocalScheduler::RecallForOthers(absl::Time now, std::vector<std::pair<LeaseId, Lease*>>& oldest,
                                     uint32_t& outstanding, Holdings& holdings, Recall& recall) {
  const bool any_will_do = full();
  for (const WaitingDemand& waiting : outside_) {
    uint32_t missing = waiting.wanted;
    const uint32_t coming = std::min(missing, outstanding);
    missing -= coming;
    outstanding -= coming;
    holdings[waiting.job] += coming;
    for (auto& [id, lease] : oldest) {
      if (missing == 0) break;
      const JobId holder = lease->spec->job;
      if (lease->recalled() || !Owes(holdings, holder, waiting.job)) continue;
      if (!any_will_do && !lease->spec->resources.Shares(waiting.resources)) continue;
      if (!CallBack(id, *lease, kFarLeaseQuantum, now, recall)) break;  // those behind it are younger
      --holdings[holder];
      ++holdings[waiting.job];
      --missing;
    }
  }
}

}  // namespace ioc

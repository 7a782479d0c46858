#include "runtime/node/local_scheduler.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "lib/base/status.h"
#include "lib/scheduling/match.h"

namespace ioc {
namespace {

// Whether one could make room for the other.
bool Share(const ResourceSet& a, const ResourceSet& b) {
  for (const auto& [name, ticks] : a.amounts()) {
    if (b.GetTicks(name) > 0) return true;
  }
  return false;
}

// Whether the lease is one that the demand asked for; the head does not say so of those that it placed.
bool IsOfDemand(const LocalScheduler::Lease& lease, const DemandKey& key, const SchedulingClass& spec) {
  if (!lease.placed) return lease.demand == key;
  return lease.demand.client == key.client && *lease.spec == spec;
}

ResourceSet CpuOf(const ResourceSet& resources) {
  ResourceSet cpu;
  cpu.SetTicks(kCpu, resources.GetTicks(kCpu));
  return cpu;
}

}  // namespace

LocalScheduler::LocalScheduler(const NodeInfo& info, uint64_t lease_base)
    : info_(info), lease_base_(lease_base & ~uint64_t{0xffffffff}), free_(info.total) {}

absl::Status LocalScheduler::SetDemand(const DemandKey& key, const SchedulingClass& spec, uint32_t wanted,
                                       uint32_t depth, absl::Time now) {
  auto found = demands_.find(key);
  if (found == demands_.end()) {
    if (wanted == 0) return absl::OkStatus();
    const auto first = demands_.lower_bound({key.client, 0});
    const auto last = demands_.upper_bound({key.client, ~uint32_t{0}});
    if (static_cast<size_t>(std::distance(first, last)) >= kMaxDemandsOfClient) {
      return absl::ResourceExhaustedError(absl::StrCat("process ", key.client.ToString(), " wants leases of more than ",
                                                       kMaxDemandsOfClient, " scheduling classes at a time"));
    }
    found = demands_.try_emplace(key).first;
    found->second.arrival = ++last_arrival_;
    found->second.waiting_since = now;
  }
  Demand& demand = found->second;
  if (demand.spec == nullptr || *demand.spec != spec) {
    if (absl::Status status = CheckRequest(spec); !status.ok()) {
      demands_.erase(found);
      return status;
    }
    demand.spec = std::make_shared<const SchedulingClass>(spec);
    demand.fits_node = Matches(spec.where, info_) && info_.total.Covers(spec.resources);
  }
  if (demand.wanted == 0) demand.waiting_since = now;
  demand.wanted = wanted;
  demand.depth = depth;
  EraseIfDone(found);
  return absl::OkStatus();
}

// What the head knows of is kept until it has heard of its end.
void LocalScheduler::EraseIfDone(Demands::iterator demand) {
  if (demand->second.wanted == 0 && demand->second.pending == 0 && demand->second.forwarded == 0) {
    demands_.erase(demand);
  }
}

void LocalScheduler::Withdraw(const DemandKey& key) {
  auto found = demands_.find(key);
  if (found == demands_.end()) return;
  found->second.wanted = 0;
  EraseIfDone(found);
}

void LocalScheduler::NoteRefused(const DemandKey& key) {
  auto found = demands_.find(key);
  if (found == demands_.end()) return;
  found->second.forwarded = 0;
  Withdraw(key);
}

void LocalScheduler::NotePlaced(const DemandKey& key) {
  auto found = demands_.find(key);
  if (found == demands_.end()) return;
  Demand& demand = found->second;
  if (demand.forwarded > 0) --demand.forwarded;
  if (demand.wanted > 0) --demand.wanted;
  EraseIfDone(found);
}

std::vector<DemandKey> LocalScheduler::DemandsOfJob(JobId job) const {
  std::vector<DemandKey> keys;
  for (const auto& [key, demand] : demands_) {
    if (demand.spec->job == job && demand.wanted > 0) keys.push_back(key);
  }
  return keys;
}

void LocalScheduler::DropClient(ProcessId client) {
  auto demand = demands_.lower_bound({client, 0});
  while (demand != demands_.end() && demand->first.client == client) demand = demands_.erase(demand);
  turns_.erase(client);
}

std::vector<LocalScheduler::Demands::iterator> LocalScheduler::InOrder() {
  std::vector<Demands::iterator> order;
  for (auto demand = demands_.begin(); demand != demands_.end(); ++demand) {
    if (demand->second.missing() > 0 && demand->second.fits_node) order.push_back(demand);
  }
  auto rank = [this](const Demands::iterator& demand) {
    auto turn = turns_.find(demand->first.client);
    return std::tuple(-static_cast<int64_t>(demand->second.depth), turn == turns_.end() ? 0 : turn->second,
                      demand->second.arrival);
  };
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return order;
}

// Whether it has waited long, and would get its turn if leases that end by themselves ended.
bool LocalScheduler::IsStarved(const Demand& demand, absl::Time now) const {
  const absl::Duration waited = now - demand.waiting_since;
  if (waited < kStarvedAfter || waited > kStarvedUntil) return false;
  ResourceSet attainable = free_;
  for (const auto& [id, lease] : leases_) {
    if (lease.spec->dedicated) continue;
    attainable.Add(lease.spec->resources);
    if (lease.blocked) attainable.Subtract(CpuOf(lease.spec->resources));
  }
  return attainable.Covers(demand.spec->resources);
}

std::optional<LeaseId> LocalScheduler::Next(absl::Time now) {
  std::vector<const Demand*> starved;
  for (Demands::iterator position : InOrder()) {
    Demand& demand = position->second;
    // The head spreads; it may choose this node.
    if (demand.spec->strategy == Strategy::kSpread) continue;
    const ResourceSet& wants = demand.spec->resources;
    if (std::any_of(starved.begin(), starved.end(), [&](auto* s) { return Share(s->spec->resources, wants); }))
      continue;
    if (!free_.Covers(wants)) {
      if (IsStarved(demand, now)) starved.push_back(&demand);
      continue;
    }
    ++demand.pending;
    demand.waiting_since = now;
    turns_[position->first.client] = ++last_turn_;
    return Take({.demand = position->first, .spec = demand.spec});
  }
  return std::nullopt;
}

absl::StatusOr<LeaseId> LocalScheduler::Reserve(ProcessId client, const SchedulingClass& spec) {
  if (!free_.Covers(spec.resources)) {
    return absl::FailedPreconditionError(absl::StrCat("node ", info_.name, " has ", free_.ToString(),
                                                      " free and not the ", spec.resources.ToString(), " asked for"));
  }
  std::string why;
  if (!Matches(spec.where, info_, &why)) return absl::FailedPreconditionError(why);
  return Take({.demand = {client, 0}, .spec = std::make_shared<const SchedulingClass>(spec), .placed = true});
}

LeaseId LocalScheduler::Take(Lease lease) {
  const LeaseId id(lease_base_ | (++last_lease_ & 0xffffffff));
  free_.Subtract(lease.spec->resources);
  leases_.emplace(id, std::move(lease));
  return id;
}

const LocalScheduler::Lease* LocalScheduler::Find(LeaseId lease) const {
  auto found = leases_.find(lease);
  return found == leases_.end() ? nullptr : &found->second;
}

bool LocalScheduler::IsWanted(LeaseId lease) const {
  auto found = leases_.find(lease);
  if (found == leases_.end()) return false;
  if (found->second.placed) return true;
  auto demand = demands_.find(found->second.demand);
  return demand != demands_.end() && demand->second.wanted > 0;
}

void LocalScheduler::Granted(LeaseId id, absl::Time now) {
  auto found = leases_.find(id);
  if (found == leases_.end() || found->second.granted) return;
  Lease& lease = found->second;
  lease.granted = true;
  lease.since = now;
  if (lease.placed) return;
  auto demand = demands_.find(lease.demand);
  if (demand == demands_.end()) return;
  if (demand->second.pending > 0) --demand->second.pending;
  if (demand->second.wanted > 0) --demand->second.wanted;
  EraseIfDone(demand);
}

void LocalScheduler::End(LeaseId id) {
  auto found = leases_.find(id);
  if (found == leases_.end()) return;
  const Lease lease = std::move(found->second);
  leases_.erase(found);
  free_.Add(lease.spec->resources);
  if (lease.blocked) free_.Subtract(CpuOf(lease.spec->resources));
  if (lease.granted || lease.placed) return;
  auto demand = demands_.find(lease.demand);
  if (demand == demands_.end()) return;
  if (demand->second.pending > 0) --demand->second.pending;
  EraseIfDone(demand);
}

void LocalScheduler::Block(LeaseId id) {
  auto found = leases_.find(id);
  if (found == leases_.end() || found->second.blocked) return;
  found->second.blocked = true;
  free_.Add(CpuOf(found->second.spec->resources));
}

void LocalScheduler::Unblock(LeaseId id) {
  auto found = leases_.find(id);
  if (found == leases_.end() || !found->second.blocked) return;
  found->second.blocked = false;
  free_.Subtract(CpuOf(found->second.spec->resources));
}

LocalScheduler::Recall LocalScheduler::LeasesToRecall(absl::Time now) {
  Recall recall;
  std::vector<std::pair<LeaseId, Lease*>> oldest;
  uint32_t outstanding = 0;
  for (auto& [id, lease] : leases_) {
    if (lease.recalled) ++outstanding;
    if (lease.granted && !lease.recalled && !lease.blocked && !lease.spec->dedicated) oldest.emplace_back(id, &lease);
  }
  std::stable_sort(oldest.begin(), oldest.end(), [](auto& a, auto& b) { return a.second->since < b.second->since; });

  for (Demands::iterator position : InOrder()) {
    const Demand& demand = position->second;
    uint32_t missing = demand.missing();
    const uint32_t coming = std::min(missing, outstanding);
    missing -= coming;
    outstanding -= coming;
    for (auto& [id, lease] : oldest) {
      if (missing == 0) break;
      if (lease->recalled || IsOfDemand(*lease, position->first, *demand.spec)) continue;
      if (!Share(lease->spec->resources, demand.spec->resources)) continue;
      const absl::Duration age = now - lease->since;
      if (age < kLeaseQuantum) {
        recall.again = std::min(recall.again, kLeaseQuantum - age);
        continue;
      }
      lease->recalled = true;
      recall.leases.push_back(id);
      --missing;
    }
  }
  return recall;
}

std::vector<LocalScheduler::Forward> LocalScheduler::TakeForwards(bool urgent_only) {
  std::vector<Forward> forwards;
  for (auto position = demands_.begin(); position != demands_.end();) {
    auto current = position++;
    Demand& demand = current->second;
    if (urgent_only && !demand.away()) continue;
    const uint32_t wanted = demand.missing();
    if (wanted != demand.forwarded) {
      demand.forwarded = wanted;
      forwards.push_back({current->first, demand.spec, wanted, demand.depth});
    }
    EraseIfDone(current);
  }
  return forwards;
}

void LocalScheduler::ForgetForwards() {
  for (auto& [key, demand] : demands_) demand.forwarded = 0;
}

ResourceSet LocalScheduler::free_for_head() const {
  ResourceSet free = free_;
  for (const auto& [id, lease] : leases_) {
    if (lease.placed && !lease.granted) free.Add(lease.spec->resources);
  }
  return free;
}

size_t LocalScheduler::leases_for_head() const {
  return static_cast<size_t>(std::count_if(
      leases_.begin(), leases_.end(), [](const auto& entry) { return !entry.second.placed || entry.second.granted; }));
}

uint32_t LocalScheduler::waiting() const {
  uint64_t waiting = 0;
  for (const auto& [key, demand] : demands_) waiting += demand.missing();
  return static_cast<uint32_t>(std::min<uint64_t>(waiting, ~uint32_t{0}));
}

}  // namespace ioc

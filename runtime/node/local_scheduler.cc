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

ResourceSet CpuOf(const ResourceSet& resources) {
  ResourceSet cpu;
  cpu.SetTicks(kCpu, resources.GetTicks(kCpu));
  return cpu;
}

}  // namespace

LocalScheduler::LocalScheduler(const NodeInfo& info, uint64_t lease_base, int max_workers)
    : info_(info),
      lease_base_(lease_base & ~uint64_t{0xffffffff}),
      max_workers_(static_cast<size_t>(std::max(max_workers, 1))),
      free_(info.total) {}

absl::Status LocalScheduler::SetDemand(const DemandKey& key, const SchedulingClass& spec, uint32_t wanted,
                                       uint32_t depth, absl::Time now) {
  auto found = demands_.find(key);
  if (found == demands_.end()) {
    if (wanted == 0) return absl::OkStatus();
    size_t& count = demands_of_[key.client];
    if (count >= kMaxDemandsOfClient) {
      return absl::ResourceExhaustedError(absl::StrCat("process ", key.client.ToString(), " wants leases of more than ",
                                                       kMaxDemandsOfClient, " scheduling classes at a time"));
    }
    ++count;
    found = demands_.try_emplace(key).first;
    found->second.arrival = ++last_arrival_;
    found->second.waiting_since = now;
  }
  Demand& demand = found->second;
  if (demand.spec == nullptr || *demand.spec != spec) {
    if (absl::Status status = CheckRequest(spec); !status.ok()) {
      Erase(found);
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
  if (demand->second.wanted == 0 && demand->second.pending == 0 && demand->second.forwarded == 0) Erase(demand);
}

LocalScheduler::Demands::iterator LocalScheduler::Erase(Demands::iterator demand) {
  const auto count = demands_of_.find(demand->first.client);
  if (--count->second == 0) demands_of_.erase(count);
  return demands_.erase(demand);
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

void LocalScheduler::NoteUnrunnable(JobId job, absl::Time until) { unrunnable_[job] = until; }

void LocalScheduler::DropClient(ProcessId client) {
  auto demand = demands_.lower_bound({client, 0});
  while (demand != demands_.end() && demand->first.client == client) demand = Erase(demand);
  turns_.erase(client);
  job_turns_.erase(JobId(client.value()));  // if it is a driver
}

bool LocalScheduler::IsAway(const Demand& demand) const {
  const SchedulingClass& spec = *demand.spec;
  if (!demand.fits_node || spec.strategy == Strategy::kSpread || unrunnable_.contains(spec.job)) return true;
  if (!others_ || !spec.resources.empty() || spec.strategy == Strategy::kPack) return false;
  const auto leases = static_cast<int64_t>(leases_.size() - blocked_);
  return demand.forwarded > 0 || leases * ResourceSet::kUnit >= info_.total.GetTicks(kCpu);
}

uint64_t LocalScheduler::TurnOf(JobId job) const {
  const auto found = job_turns_.find(job);
  return found == job_turns_.end() ? 0 : found->second;
}

std::vector<LocalScheduler::Demands::iterator> LocalScheduler::InOrder() {
  std::vector<Demands::iterator> order;
  for (auto demand = demands_.begin(); demand != demands_.end(); ++demand) {
    const bool runs_here = demand->second.fits_node && !unrunnable_.contains(demand->second.spec->job);
    if (demand->second.missing() > 0 && runs_here) order.push_back(demand);
  }
  const auto rank = [this](const Demands::iterator& demand) {
    const auto turn = turns_.find(demand->first.client);
    return std::tuple(TurnOf(demand->second.spec->job), -static_cast<int64_t>(demand->second.depth),
                      turn == turns_.end() ? 0 : turn->second, demand->second.arrival);
  };
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return order;
}

// Whether it has waited long, and would get its turn if leases that end by themselves ended.
bool LocalScheduler::IsStarved(const Demand& demand, absl::Time now) const {
  const absl::Duration waited = now - demand.waiting_since;
  absl::Duration in_period;
  absl::IDivDuration(waited, 2 * kStarvedUntil, &in_period);
  if (waited < kStarvedAfter || in_period > kStarvedUntil) return false;
  ResourceSet attainable = free_;
  for (const auto& [id, lease] : leases_) {
    if (lease.spec->dedicated && !lease.ending) continue;
    attainable.Add(lease.spec->resources);
    if (lease.blocked) attainable.Subtract(CpuOf(lease.spec->resources));
  }
  return attainable.Covers(demand.spec->resources);
}

std::optional<LeaseId> LocalScheduler::Next(absl::Time now) {
  std::erase_if(unrunnable_, [now](const auto& entry) { return entry.second <= now; });
  DropOldPromises(now);
  if (full()) return std::nullopt;
  std::vector<const Demand*> starved;
  for (Demands::iterator position : InOrder()) {
    Demand& demand = position->second;
    if (IsAway(demand)) continue;
    const ResourceSet& wants = demand.spec->resources;
    if (std::any_of(starved.begin(), starved.end(), [&](auto* s) { return s->spec->resources.Shares(wants); }))
      continue;
    if (!free_.Covers(wants)) {
      if (IsStarved(demand, now)) starved.push_back(&demand);
      continue;
    }
    if (PromiseBefore(demand.spec->job, now)) return Next(now);
    ++demand.pending;
    demand.waiting_since = now;
    turns_[position->first.client] = job_turns_[demand.spec->job] = ++last_turn_;
    return Take({.demand = position->first, .spec = demand.spec});
  }
  return std::nullopt;
}

absl::StatusOr<LeaseId> LocalScheduler::Reserve(ProcessId client, const SchedulingClass& spec) {
  const bool promised = MakeRoomFor(spec);
  if (!free_.Covers(spec.resources)) {
    return absl::FailedPreconditionError(absl::StrCat("node ", info_.name, " has ", free_.ToString(),
                                                      " free and not the ", spec.resources.ToString(), " asked for"));
  }
  if (full()) {
    return absl::FailedPreconditionError(
        absl::StrCat("node ", info_.name, " has ", leases_.size(), " workers in use, as many as it may"));
  }
  std::string why;
  if (!Matches(spec.where, info_, &why)) return absl::FailedPreconditionError(why);
  if (!promised) job_turns_[spec.job] = ++last_turn_;
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

void LocalScheduler::BeginEnd(LeaseId id) {
  auto found = leases_.find(id);
  if (found == leases_.end() || std::exchange(found->second.ending, true)) return;
  Unpend(found->second);
}

void LocalScheduler::End(LeaseId id) {
  auto found = leases_.find(id);
  if (found == leases_.end()) return;
  Unblock(id);
  const Lease lease = std::move(found->second);
  leases_.erase(found);
  free_.Add(lease.spec->resources);
  if (!lease.ending) Unpend(lease);
}

// Of a lease that ends before its client knew of it: the demand still misses it.
void LocalScheduler::Unpend(const Lease& lease) {
  if (lease.granted || lease.placed) return;
  auto demand = demands_.find(lease.demand);
  if (demand == demands_.end()) return;
  if (demand->second.pending > 0) --demand->second.pending;
  EraseIfDone(demand);
}

bool LocalScheduler::full() const { return IsFullWith(leases_.size() + promises_.size()); }

bool LocalScheduler::IsFullWith(size_t leases) const {
  return leases - blocked_ >= max_workers_ || leases >= kMaxWorkersFactor * max_workers_;
}

bool LocalScheduler::IsShortOfWorkers() {
  if (!full()) return false;
  const auto order = InOrder();
  return std::any_of(order.begin(), order.end(),
                     [this](const auto& position) { return free_.Covers(position->second.spec->resources); });
}

void LocalScheduler::Block(LeaseId id) {
  auto found = leases_.find(id);
  if (found == leases_.end() || found->second.blocked) return;
  found->second.blocked = true;
  ++blocked_;
  free_.Add(CpuOf(found->second.spec->resources));
}

void LocalScheduler::Unblock(LeaseId id) {
  auto found = leases_.find(id);
  if (found == leases_.end() || !found->second.blocked) return;
  found->second.blocked = false;
  --blocked_;
  free_.Subtract(CpuOf(found->second.spec->resources));
}

std::vector<LocalScheduler::Forward> LocalScheduler::TakeForwards(bool urgent_only) {
  std::vector<Forward> forwards;
  for (auto position = demands_.begin(); position != demands_.end();) {
    auto current = position++;
    Demand& demand = current->second;
    if (urgent_only && !IsAway(demand)) continue;
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
  for (const Promise& promise : promises_) free.Add(promise.resources);
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

#include "runtime/head/actor_keeper.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/units.h"
#include "lib/scheduling/match.h"

namespace ioc {
namespace {

std::string NameOf(const DetachedActor& actor) { return absl::StrCat("actor ", actor.type, " \"", actor.name, "\""); }

absl::Status Refuse(const std::string& message) { return MakeError(Cause::kInvalidArgument, message); }

absl::Status Unknown(ObjectId actor) {
  return MakeError(Cause::kActorDied, absl::StrCat("actor ", actor.ToString(), " has ended, or never was"));
}

// The cause tells a caller what it can do; what just went wrong with this actor is all kActorDied.
absl::Status EndOf(const absl::Status& error, const std::string& words) {
  const Cause cause = CauseOf(error);
  const bool is_plain =
      cause == Cause::kUnschedulable || cause == Cause::kProgramMissing || cause == Cause::kInvalidArgument;
  return MakeError(is_plain ? cause : Cause::kActorDied, absl::StrCat(words, ": ", std::string(error.message())));
}

bool Lives(HostedState state) { return state == HostedState::kConstructing || state == HostedState::kAlive; }

}  // namespace

absl::Status ActorKeeper::Check(const DetachedActor& actor) const {
  if (!actor.id) return Refuse("a detached actor without an id can't be made");
  if (actor.name.empty()) return Refuse("a detached actor needs a name; set ActorOptions::name");
  if (actor.max_restarts < -1 || actor.max_task_retries < -1) {
    return Refuse(absl::StrCat(NameOf(actor), " asks for ", actor.max_restarts, " restarts and ",
                               actor.max_task_retries, " retries of calls; each must be at least 0, or -1 for no end"));
  }
  const std::string size = FormatBytes(actor.constructor.size());
  if (actor.constructor.size() > 2 * kMaxConstructorBytes) {
    return Refuse(absl::StrCat(NameOf(actor), " takes ", size,
                               " to make, more than the head keeps for one; pass large "
                               "arguments to a method instead of the constructor"));
  }
  if (records_.size() >= kMaxDetachedActors || kept_bytes_ + actor.constructor.size() > kMaxKeptBytes) {
    return Refuse(absl::StrCat("the head already has ", records_.size(), " detached actors with ",
                               FormatBytes(kept_bytes_), " of constructor arguments; it takes at most ",
                               kMaxDetachedActors, " with ", FormatBytes(kMaxKeptBytes)));
  }
  return absl::OkStatus();
}

absl::Status ActorKeeper::Create(const DetachedActor& actor) {
  if (records_.contains(actor.id)) return absl::OkStatus();
  if (const auto end = ends_.find(actor.id); end != ends_.end()) return end->second;
  IOC_RETURN_IF_ERROR(Check(actor));
  IOC_RETURN_IF_ERROR(names_.Register(
      {.name_space = actor.name_space, .name = actor.name, .type = actor.type, .actor = DetachedRef(actor.id)}));
  Record& record = records_[actor.id];
  record.actor = actor;
  record.actor.spec.dedicated = true;
  record.actor.spec.outlives_driver = true;
  // A driver's own node ends with it.
  record.actor.spec.where.labels.push_back({.key = kDriverLabel, .op = LabelCondition::Op::kNotExists});
  record.number = ++last_number_;
  by_number_[record.number] = actor.id;
  kept_bytes_ += actor.constructor.size();
  PlaceAgain(record);
  return absl::OkStatus();
}

void ActorKeeper::PlaceAgain(Record& record) {
  record.state = State::kPlacing;
  record.killed = false;
  record.lost_since = absl::InfiniteFuture();
  record.retry_at = absl::InfiniteFuture();
  SchedulingClass spec = record.actor.spec;
  // If nobody has the program, the node that is chosen says what it misses.
  if (const NodeAddress* source = SourceOf(spec)) spec.job_origin = *source;
  actions_.Place(record.number, spec);
}

const NodeAddress* ActorKeeper::SourceOf(const SchedulingClass& spec) {
  if (actions_.AddressOf(spec.job_origin.node) != nullptr) return &spec.job_origin;
  for (const NodeId node : hosts_[spec.job]) {
    if (const NodeAddress* address = actions_.AddressOf(node)) return address;
  }
  return nullptr;
}

void ActorKeeper::KeepCopies(const Record& record) {
  const SchedulingClass& spec = record.actor.spec;
  if (record.actor.max_restarts == 0 || fetching_.contains(spec.job)) return;
  std::set<NodeId>& hosts = hosts_[spec.job];
  std::erase_if(hosts, [this](NodeId node) { return actions_.AddressOf(node) == nullptr; });
  std::set<NodeId> having = hosts;
  if (actions_.AddressOf(spec.job_origin.node) != nullptr) having.insert(spec.job_origin.node);
  const NodeAddress* source = SourceOf(spec);
  if (having.size() > 1 || source == nullptr) return;
  const NodeId another = actions_.AnotherNode(spec, having);
  if (!another) return;
  fetching_[spec.job] = another;
  actions_.Fetch(another, FetchProgram{.job = spec.job, .origin = *source});
}

void ActorKeeper::Fetched(NodeId node, JobId job, bool ok) {
  const auto asked = fetching_.find(job);
  if (asked == fetching_.end() || asked->second != node) return;
  fetching_.erase(asked);
  if (const auto hosts = hosts_.find(job); ok && hosts != hosts_.end()) hosts->second.insert(node);
}

ActorKeeper::Record* ActorKeeper::FindByNumber(uint32_t number) {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : &records_.at(found->second);
}

void ActorKeeper::Placed(uint32_t number, const Place& place) {
  Record* record = FindByNumber(number);
  // Killed meanwhile: a worker that hears of no actor gives its lease back by itself.
  if (record == nullptr || record->state != State::kPlacing) return;
  record->state = State::kConstructing;
  record->place = place;
  ++record->incarnation;
  hosts_[record->actor.spec.job].insert(place.node);
  actions_.Host(place.node, HostActor{.actor = record->actor.id,
                                      .incarnation = record->incarnation,
                                      .lease = place.lease,
                                      .constructor = record->actor.constructor});
}

void ActorKeeper::Unplaceable(uint32_t number, const absl::Status& error, absl::Time now) {
  Record* record = FindByNumber(number);
  if (record == nullptr || record->state != State::kPlacing) return;
  // It has lived, so its program and a node for it were there, and may only be cut off.
  const bool may_change = CauseOf(error) == Cause::kProgramMissing || CauseOf(error) == Cause::kUnschedulable;
  if (may_change && record->incarnation > 0) {
    record->unplaced_since = std::min(record->unplaced_since, now);
    if (record->actor.max_restarts < 0 || now - record->unplaced_since < kPlacePatience) {
      record->retry_at = now + kPlaceRetry;
      return;
    }
  }
  Die(*record, EndOf(error, absl::StrCat(NameOf(record->actor), " can't be placed")));
}

std::string ActorKeeper::Describe(uint32_t number) {
  const Record* const record = FindByNumber(number);
  return record == nullptr ? "a detached actor" : absl::StrCat("detached ", NameOf(record->actor));
}

void ActorKeeper::HostRefused(ObjectId actor, uint32_t incarnation, const absl::Status& error) {
  const auto found = records_.find(actor);
  if (found == records_.end()) return;
  Record& record = found->second;
  if (record.state != State::kConstructing || record.incarnation != incarnation) return;
  if (++record.refusals < kMaxHostRefusals) return PlaceAgain(record);
  Die(record, EndOf(error, absl::StrCat(NameOf(record.actor), " could not be made in ", kMaxHostRefusals,
                                        " attempts; the last")));
}

bool ActorKeeper::Report(NodeId node, const ReportActor& report) {
  const auto found = records_.find(report.actor);
  // One that this head never knew was made by a head before it: it lives on, though nobody can find it.
  if (found == records_.end()) return Lives(report.state) && ends_.contains(report.actor);
  Record& record = found->second;
  if (record.state == State::kPlacing || record.incarnation != report.incarnation || record.place.node != node) {
    return Lives(report.state);
  }
  const bool was_cut_off = std::exchange(record.lost_since, absl::InfiniteFuture()) != absl::InfiniteFuture();
  if (was_cut_off && record.killed && Lives(report.state)) {
    Lose(record, MakeError(Cause::kActorDied, "it was killed"));
    return true;
  }
  record.refusals = 0;
  switch (report.state) {
    case HostedState::kConstructing:
      break;
    case HostedState::kAlive:
      record.state = State::kAlive;
      record.constructor_deaths = 0;
      record.unplaced_since = absl::InfiniteFuture();
      record.place.worker = report.worker;
      AnswerAskers(record);
      KeepCopies(record);
      break;
    case HostedState::kFailed:
      Die(record, EndOf(report.error, absl::StrCat(NameOf(record.actor), " could not be made")));
      break;
    case HostedState::kEnded:
      Lose(record, report.error);
      break;
  }
  return false;
}

std::vector<ObjectId> ActorKeeper::ActorsOn(NodeId node) const {
  std::vector<ObjectId> actors;
  for (const auto& [id, record] : records_) {
    if (record.state != State::kPlacing && record.place.node == node) actors.push_back(id);
  }
  return actors;
}

void ActorKeeper::NodeGone(NodeId node, bool may_return, const std::string& why, absl::Time now) {
  for (const ObjectId actor : ActorsOn(node)) {
    Record& record = records_.at(actor);
    if (!may_return) {
      Lose(record, MakeError(Cause::kNodeDied, why));
    } else if (record.lost_since == absl::InfiniteFuture()) {
      record.lost_since = now;
      record.lost_why = why;
    }
  }
  for (const auto& [id, record] : records_) {
    if (record.reachable()) KeepCopies(record);
  }
}

absl::Time ActorKeeper::NextTick() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, record] : records_) {
    next = std::min({next, record.lost_since + kNodeReturnGrace, record.retry_at});
  }
  return next;
}

void ActorKeeper::Tick(absl::Time now) {
  std::vector<ObjectId> lost;
  std::vector<ObjectId> retried;
  for (const auto& [id, record] : records_) {
    if (record.lost_since + kNodeReturnGrace <= now) lost.push_back(id);
    if (record.retry_at <= now) retried.push_back(id);
  }
  for (const ObjectId actor : retried) PlaceAgain(records_.at(actor));
  for (const ObjectId actor : lost) {
    Record& record = records_.at(actor);
    Lose(record, MakeError(Cause::kNodeDied, record.lost_why));
  }
}

void ActorKeeper::Lose(Record& record, const absl::Status& why) {
  const DetachedActor& actor = record.actor;
  const std::string words = absl::StrCat(NameOf(actor), " has died: ", std::string(why.message()));
  if (record.state == State::kConstructing) {
    if (++record.constructor_deaths > kMaxConstructorDeaths) {
      return Die(record, MakeError(Cause::kActorDied, absl::StrCat(words, " (while its constructor ran, for the ",
                                                                   record.constructor_deaths, "th time in a row)")));
    }
    actions_.Log(absl::StrCat(words, "; its constructor had not ended, and is run again"));
    return PlaceAgain(record);
  }
  if (actor.max_restarts >= 0 && record.restarts >= actor.max_restarts) {
    return Die(record,
               MakeError(Cause::kActorDied, actor.max_restarts == 0
                                                ? words
                                                : absl::StrCat(words, " (and had been made again ", record.restarts,
                                                               " times before, as max_restarts allows)")));
  }
  ++record.restarts;
  actions_.Log(absl::StrCat(words, "; it is made again, for the ", record.restarts, ". time"));
  PlaceAgain(record);
}

void ActorKeeper::Die(Record& record, const absl::Status& error) {
  if (record.state == State::kPlacing) actions_.Withdraw(record.number);
  auto node = records_.extract(record.actor.id);
  Record gone = std::move(node.mapped());
  by_number_.erase(gone.number);
  kept_bytes_ -= gone.actor.constructor.size();
  names_.Release({.name_space = gone.actor.name_space, .name = gone.actor.name, .actor = gone.actor.id});
  const JobId job = gone.actor.spec.job;
  const bool job_goes_on = std::any_of(records_.begin(), records_.end(),
                                       [job](const auto& entry) { return entry.second.actor.spec.job == job; });
  if (!job_goes_on) {
    hosts_.erase(job);
    fetching_.erase(job);
  }
  if (ends_.emplace(gone.actor.id, error).second) ends_in_order_.push_back(gone.actor.id);
  if (ends_in_order_.size() > kMaxRememberedEnds) {
    ends_.erase(ends_in_order_.front());
    ends_in_order_.pop_front();
  }
  actions_.Log(std::string(error.message()));
  for (const uint64_t asker : gone.askers) actions_.Answer(asker, error);
}

absl::Status ActorKeeper::Kill(ObjectId actor, bool no_restart) {
  const auto found = records_.find(actor);
  if (found == records_.end()) return ends_.contains(actor) ? absl::OkStatus() : Unknown(actor);
  Record& record = found->second;
  if (record.state != State::kPlacing) {
    actions_.End(record.place.node, EndActor{.actor = actor, .incarnation = record.incarnation});
    record.killed = true;
  }
  const bool may_restart = record.actor.max_restarts < 0 || record.restarts < record.actor.max_restarts;
  // One that is made again is so when its node has told of its end.
  if (no_restart || !may_restart) {
    Die(record, MakeError(Cause::kActorDied, absl::StrCat(NameOf(record.actor), " was killed")));
  }
  return absl::OkStatus();
}

void ActorKeeper::Locate(ObjectId actor, uint64_t asker) {
  const auto found = records_.find(actor);
  if (found == records_.end()) {
    const auto end = ends_.find(actor);
    return actions_.Answer(asker, end == ends_.end() ? Unknown(actor) : end->second);
  }
  found->second.askers.insert(asker);
  if (found->second.reachable()) AnswerAskers(found->second);
}

void ActorKeeper::Describe(ActorStatus& status) const {
  const auto found = records_.find(status.id);
  if (found == records_.end()) return;
  const Record& record = found->second;
  const bool is_cut_off = record.lost_since != absl::InfiniteFuture();
  status.phase = record.state == State::kPlacing        ? ActorPhase::kPlacing
                 : is_cut_off                           ? ActorPhase::kCutOff
                 : record.state == State::kConstructing ? ActorPhase::kConstructing
                                                        : ActorPhase::kAlive;
  status.node_name = record.place.node_name;
  status.restarts = static_cast<uint32_t>(record.restarts);
}

void ActorKeeper::StopAsking(ObjectId actor, uint64_t asker) {
  const auto found = records_.find(actor);
  if (found != records_.end()) found->second.askers.erase(asker);
}

void ActorKeeper::AnswerAskers(Record& record) {
  const LocateActor::Reply reply{.worker = record.place.worker,
                                 .incarnation = record.incarnation,
                                 .node_name = record.place.node_name,
                                 .type = record.actor.type,
                                 .max_task_retries = record.actor.max_task_retries};
  for (const uint64_t asker : std::exchange(record.askers, {})) actions_.Answer(asker, reply);
}

}  // namespace ioc

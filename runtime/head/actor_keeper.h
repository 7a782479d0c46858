// The detached actors: which there are, where each lives, and what comes next for it.
//
// Pure: no I/O and no clock. Time comes in with the calls; what is to be done goes out through Actions. Belongs to the
// ActorService, on the head's executor. In memory in this release: a Store takes the place of the records (they alone
// must survive the head; who asks for an actor does not), and of the names.
//
// The life of one: placing (a lease is wanted) -> constructing (a node has been asked to host it) -> alive; when it
// dies, placing again, until it is killed, its constructor fails, or it has died more than max_restarts times. Then
// only its end is remembered, a while. Each attempt to make it is an incarnation with a number of its own, so that a
// node that was cut off learns that another has taken its place. Making it and making it again go by one path.
//
// Invariants: an actor has the name that it was made with until its end; one that is placing lives nowhere; at most
// kMaxDetachedActors, whose constructors take kMaxKeptBytes at most.
#ifndef IOCLUSTER_RUNTIME_HEAD_ACTOR_KEEPER_H_
#define IOCLUSTER_RUNTIME_HEAD_ACTOR_KEEPER_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/protocol/actor_messages.h"
#include "lib/protocol/head_messages.h"
#include "runtime/head/name_table.h"

namespace ioc {

inline constexpr size_t kMaxDetachedActors = 1 << 16;
inline constexpr size_t kMaxKeptBytes = size_t{1} << 30;
inline constexpr size_t kMaxRememberedEnds = 4096;
// How long a node whose connection broke may take to come back before its actors are made anew elsewhere.
inline constexpr absl::Duration kNodeReturnGrace = absl::Seconds(2);
// Nodes in a row that could not take an actor that was placed on them.
inline constexpr int kMaxHostRefusals = 8;
// Processes that may end while they run its constructor, for one incarnation; the actor's restarts are not counted.
inline constexpr int kMaxConstructorDeaths = 3;
// An actor that is to be made again, but whose program or a node for it can't be had just now, is tried again after
// this...
inline constexpr absl::Duration kPlaceRetry = absl::Seconds(5);
// ... until this, unless it is to be made again without end.
inline constexpr absl::Duration kPlacePatience = absl::Seconds(120);

class ActorKeeper {
 public:
  // Who does what the keeper decides. None of these calls it back at once, but for Place.
  class Actions {
   public:
    // Wants a lease of the class. Leads to Placed or Unplaceable.
    virtual void Place(uint32_t number, const SchedulingClass& spec) = 0;
    virtual void Withdraw(uint32_t number) = 0;
    // Leads to HostRefused, or to the node's reports.
    virtual void Host(NodeId node, const HostActor& request) = 0;
    virtual void End(NodeId node, const EndActor& end) = 0;
    virtual void Answer(uint64_t asker, const absl::StatusOr<LocateActor::Reply>& answer) = 0;
    // Null unless the node lives.
    virtual const NodeAddress* AddressOf(NodeId node) = 0;
    // A living node that could host an actor of this class and is none of these; none if there is none.
    virtual NodeId AnotherNode(const SchedulingClass& spec, const std::set<NodeId>& but) = 0;
    // Leads to Fetched.
    virtual void Fetch(NodeId node, const FetchProgram& fetch) = 0;
    virtual void Log(const std::string& line) = 0;

   protected:
    ~Actions() = default;
  };
  // Where a lease was granted.
  struct Place {
    NodeId node;
    std::string node_name;
    LeaseId lease;
    ProcessAddress worker;
  };

  ActorKeeper(NameTable& names, Actions& actions) : names_(names), actions_(actions) {}

  // Does nothing for an actor that there is already. kInvalidArgument says what is wrong, and who has the name.
  absl::Status Create(const DetachedActor& actor);
  // Answers `asker` when the actor is up, or will never be; StopAsking gives up.
  void Locate(ObjectId actor, uint64_t asker);
  void StopAsking(ObjectId actor, uint64_t asker);
  absl::Status Kill(ObjectId actor, bool no_restart);

  void Placed(uint32_t number, const Place& place);
  void Unplaceable(uint32_t number, const absl::Status& error, absl::Time now);
  // For messages; whatever the number is.
  std::string Describe(uint32_t number);
  void Fetched(NodeId node, JobId job, bool ok);
  void HostRefused(ObjectId actor, uint32_t incarnation, const absl::Status& error);
  // What a node says of an actor. Whether the actor is to end, because it was killed or has been made elsewhere.
  bool Report(NodeId node, const ReportActor& report);
  // For good, or `may_return`: then its actors are waited for until NextTick.
  void NodeGone(NodeId node, bool may_return, const std::string& why, absl::Time now);

  // Completes what a listing says of a detached actor.
  void Describe(ActorStatus& status) const;

  // When Tick has something to do.
  absl::Time NextTick() const;
  void Tick(absl::Time now);

  size_t size() const { return records_.size(); }

 private:
  enum class State { kPlacing, kConstructing, kAlive };
  struct Record {
    DetachedActor actor;
    uint32_t number = 0;  // of its demand
    State state = State::kPlacing;
    uint32_t incarnation = 0;
    int restarts = 0;
    int refusals = 0;            // in a row
    int constructor_deaths = 0;  // of this incarnation, and of those before it that never lived
    Place place;                 // unless kPlacing
    std::string lost_why;
    absl::Time lost_since = absl::InfiniteFuture();  // its node can't be reached
    bool killed = false;                             // this incarnation; its node may not have heard
    // Of one that is placing: since when that could not be done, and when it is tried again.
    absl::Time unplaced_since = absl::InfiniteFuture();
    absl::Time retry_at = absl::InfiniteFuture();
    std::set<uint64_t> askers;

    bool reachable() const { return state == State::kAlive && lost_since == absl::InfiniteFuture(); }
  };
  using Records = std::map<ObjectId, Record>;

  absl::Status Check(const DetachedActor& actor) const;
  Record* FindByNumber(uint32_t number);
  std::vector<ObjectId> ActorsOn(NodeId node) const;
  void PlaceAgain(Record& record);
  // Where the job's program can be had: the driver's node, or any other that has run or fetched it. Null if none lives.
  const NodeAddress* SourceOf(const SchedulingClass& spec);
  // Sees to it that two nodes have the program of an actor that may be made again.
  void KeepCopies(const Record& record);
  // The process that it lived in, or was being made in, is gone.
  void Lose(Record& record, const absl::Status& why);
  void Die(Record& record, const absl::Status& error);
  void AnswerAskers(Record& record);

  NameTable& names_;
  Actions& actions_;
  Records records_;
  std::map<uint32_t, ObjectId> by_number_;
  uint32_t last_number_ = 0;
  size_t kept_bytes_ = 0;
  std::map<JobId, NodeId> fetching_;         // who has been asked to fetch a job's program
  std::map<JobId, std::set<NodeId>> hosts_;  // other nodes that have a job's program
  std::map<ObjectId, absl::Status> ends_;
  std::deque<ObjectId> ends_in_order_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_HEAD_ACTOR_KEEPER_H_

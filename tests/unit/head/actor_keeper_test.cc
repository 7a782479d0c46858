// What is decided for detached actors, and when. Nothing else runs: the test is the placer, the nodes and the clock.
#include "runtime/head/actor_keeper.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/base/status.h"

namespace ioc {
namespace {

constexpr ObjectId kActor{ProcessId(7), 1};
const absl::Time kStart = absl::UnixEpoch();

class Fixture final : private ActorKeeper::Actions {
 public:
  static DetachedActor Actor(int max_restarts = 0) {
    DetachedActor actor{.id = kActor, .name = "hits", .type = "Counter", .constructor = "bytes"};
    actor.spec.job = JobId(7);
    actor.spec.job_origin.node = NodeId(1);
    actor.max_restarts = max_restarts;
    actor.max_task_retries = 3;
    return actor;
  }

  // The lease that was wanted last is granted on a node; the actor lives there.
  void PlaceOn(uint64_t node) {
    REQUIRE_FALSE(wanted.empty());
    const uint32_t number = wanted.begin()->first;
    wanted.clear();
    ProcessAddress worker;
    worker.process = ProcessId(100 + node);
    keeper.Placed(number, {.node = NodeId(node), .node_name = "den", .lease = LeaseId(9), .worker = worker});
  }
  bool Report(uint64_t node, uint32_t incarnation, HostedState state, const absl::Status& error = absl::OkStatus()) {
    ReportActor report{.actor = kActor, .incarnation = incarnation, .state = state, .error = error};
    report.worker.process = ProcessId(100 + node);
    return keeper.Report(NodeId(node), report);
  }
  void LiveOn(uint64_t node, uint32_t incarnation) {
    PlaceOn(node);
    CHECK_FALSE(Report(node, incarnation, HostedState::kAlive));
  }
  bool IsNamed() const { return names.Find({.name_space = "", .name = "hits"}).ok(); }
  // What Locate answers now, or kDeadline.
  absl::StatusOr<LocateActor::Reply> Locate() {
    keeper.Locate(kActor, ++last_asker);
    const auto answer = answers.find(last_asker);
    return answer == answers.end() ? MakeError(Cause::kDeadline, "no answer") : answer->second;
  }

  std::map<uint32_t, SchedulingClass> wanted;
  std::vector<std::pair<NodeId, HostActor>> hosted;
  std::vector<std::pair<NodeId, EndActor>> ended;
  std::vector<std::pair<NodeId, NodeId>> fetched;  // by whom, from whom
  std::map<uint64_t, absl::StatusOr<LocateActor::Reply>> answers;
  std::set<NodeId> living = {NodeId(1), NodeId(2), NodeId(3)};
  uint64_t last_asker = 0;
  NameTable names;
  ActorKeeper keeper{names, *this};

 private:
  void Place(uint32_t number, const SchedulingClass& spec) override { wanted[number] = spec; }
  void Withdraw(uint32_t number) override { wanted.erase(number); }
  void Host(NodeId node, const HostActor& request) override { hosted.emplace_back(node, request); }
  void End(NodeId node, const EndActor& end) override { ended.emplace_back(node, end); }
  void Answer(uint64_t asker, const absl::StatusOr<LocateActor::Reply>& answer) override {
    answers.emplace(asker, answer);
  }
  const NodeAddress* AddressOf(NodeId node) override {
    address_.node = node;
    return living.contains(node) ? &address_ : nullptr;
  }
  NodeId AnotherNode(const SchedulingClass&, const std::set<NodeId>& but) override {
    for (const NodeId node : living) {
      if (!but.contains(node)) return node;
    }
    return {};
  }
  void Fetch(NodeId node, const FetchProgram& fetch) override { fetched.emplace_back(node, fetch.origin.node); }
  void Log(const std::string&) override {}

  NodeAddress address_;
};

const absl::Status kKilled = MakeError(Cause::kWorkerDied, "its worker was killed by signal 9");

TEST_CASE("An actor is placed, hosted, and found when it lives") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  REQUIRE(f.wanted.size() == 1);
  CHECK(f.wanted.begin()->second.dedicated);
  CHECK(f.wanted.begin()->second.outlives_driver);
  CHECK(f.IsNamed());
  CHECK(CauseOf(f.Locate().status()) == Cause::kDeadline);
  f.PlaceOn(2);
  REQUIRE(f.hosted.size() == 1);
  CHECK(f.hosted[0].first == NodeId(2));
  CHECK(f.hosted[0].second.constructor == "bytes");
  CHECK(f.hosted[0].second.lease == LeaseId(9));
  CHECK(f.answers.empty());
  CHECK_FALSE(f.Report(2, 1, HostedState::kAlive));
  REQUIRE(f.answers.size() == 1);
  const LocateActor::Reply& place = f.answers.at(1).value();
  CHECK(place.worker.process == ProcessId(102));
  CHECK(place.incarnation == 1);
  CHECK(place.max_task_retries == 3);
  CHECK(place.node_name == "den");
}

TEST_CASE("Asking for the same actor twice makes one; another can't have its name") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  CHECK(f.keeper.size() == 1);
  CHECK(f.wanted.size() == 1);
  DetachedActor rival = Fixture::Actor();
  rival.id.sequence = 2;
  const absl::Status taken = f.keeper.Create(rival);
  CHECK(CauseOf(taken) == Cause::kInvalidArgument);
  CHECK_THAT(std::string(taken.message()), Catch::Contains(kActor.ToString()) && Catch::Contains("detached"));
  CHECK(f.keeper.size() == 1);
}

TEST_CASE("What makes no sense is refused with a sentence") {
  Fixture f;
  DetachedActor nameless = Fixture::Actor();
  nameless.name = "";
  CHECK_THAT(std::string(f.keeper.Create(nameless).message()), Catch::Contains("ActorOptions::name"));
  CHECK_THAT(std::string(f.keeper.Create(Fixture::Actor(-2)).message()), Catch::Contains("-2 restarts"));
  DetachedActor huge = Fixture::Actor();
  huge.constructor.resize(3 * kMaxConstructorBytes);
  CHECK_THAT(std::string(f.keeper.Create(huge).message()), Catch::Contains("method"));
  CHECK_FALSE(f.IsNamed());
}

TEST_CASE("An actor is made again as often as it may die, and its name is free after that") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(2)).ok());
  for (uint32_t incarnation = 1; incarnation <= 3; ++incarnation) {
    f.LiveOn(2, incarnation);
    CHECK(f.IsNamed());
    CHECK_FALSE(f.Report(2, incarnation, HostedState::kEnded, kKilled));
  }
  CHECK(f.wanted.empty());
  CHECK_FALSE(f.IsNamed());
  const absl::Status end = f.Locate().status();
  CHECK(CauseOf(end) == Cause::kActorDied);
  CHECK_THAT(std::string(end.message()), Catch::Contains("signal 9") && Catch::Contains("Counter \"hits\""));
}

TEST_CASE("A constructor that throws is the end, whatever the restarts") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(-1)).ok());
  f.PlaceOn(2);
  f.keeper.Locate(kActor, 50);
  f.Report(2, 1, HostedState::kFailed, MakeError(Cause::kTaskThrew, "Counter threw: no such file"));
  CHECK(CauseOf(f.answers.at(50).status()) == Cause::kActorDied);
  CHECK_THAT(std::string(f.answers.at(50).status().message()), Catch::Contains("no such file"));
  CHECK_FALSE(f.IsNamed());
}

TEST_CASE("A process that ends in the constructor is replaced a few times without a charge") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(0)).ok());
  for (uint32_t incarnation = 1; incarnation <= kMaxConstructorDeaths; ++incarnation) {
    f.PlaceOn(2);
    f.Report(2, incarnation, HostedState::kEnded, kKilled);
  }
  CHECK(f.wanted.size() == 1);
  f.PlaceOn(2);
  f.Report(2, kMaxConstructorDeaths + 1, HostedState::kEnded, kKilled);
  CHECK(f.wanted.empty());
  CHECK_FALSE(f.IsNamed());
}

TEST_CASE("A node that refuses has the actor placed anew") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  f.PlaceOn(2);
  f.keeper.HostRefused(kActor, 1, absl::FailedPreconditionError("the lease has ended"));
  f.keeper.HostRefused(kActor, 1, absl::FailedPreconditionError("said twice"));
  f.PlaceOn(3);
  REQUIRE(f.hosted.size() == 2);
  CHECK(f.hosted[1].second.incarnation == 2);
  CHECK(f.Report(2, 1, HostedState::kAlive));  // it made it after all: not wanted
  CHECK_FALSE(f.Report(3, 2, HostedState::kAlive));
  CHECK(f.Locate()->incarnation == 2);
}

TEST_CASE("A node that comes back in time keeps its actors") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  f.LiveOn(2, 1);
  f.keeper.NodeGone(NodeId(2), /*may_return=*/true, "node den is lost", kStart);
  CHECK(f.keeper.NextTick() == kStart + kNodeReturnGrace);
  CHECK(CauseOf(f.Locate().status()) == Cause::kDeadline);  // whether it lives is not known
  CHECK_FALSE(f.Report(2, 1, HostedState::kAlive));
  CHECK(f.answers.at(f.last_asker).ok());
  CHECK(f.keeper.NextTick() == absl::InfiniteFuture());
}

TEST_CASE("A node that does not come back loses its actors, and finds out when it does") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
  f.LiveOn(2, 1);
  f.keeper.NodeGone(NodeId(2), /*may_return=*/true, "node den is lost", kStart);
  f.keeper.Tick(kStart + kNodeReturnGrace - absl::Milliseconds(1));
  CHECK(f.wanted.empty());
  f.keeper.Tick(kStart + kNodeReturnGrace);
  CHECK(f.Report(2, 1, HostedState::kAlive));
  f.LiveOn(3, 2);
  CHECK(f.Report(2, 1, HostedState::kAlive));
  CHECK(f.Locate()->worker.process == ProcessId(103));
}

TEST_CASE("A node that leaves in order has its actors made elsewhere at once") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
  f.LiveOn(2, 1);
  f.keeper.NodeGone(NodeId(2), /*may_return=*/false, "node den has left", kStart);
  f.LiveOn(3, 2);
  f.keeper.NodeGone(NodeId(3), /*may_return=*/false, "node attic has left", kStart);
  CHECK_THAT(std::string(f.Locate().status().message()), Catch::Contains("node attic has left"));
}

TEST_CASE("The program comes from a node that has run it when its driver's node is gone") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(-1)).ok());
  CHECK(f.wanted.begin()->second.job_origin.node == NodeId(1));
  f.LiveOn(2, 1);
  f.Report(2, 1, HostedState::kEnded, kKilled);
  CHECK(f.wanted.begin()->second.job_origin.node == NodeId(1));
  f.LiveOn(3, 2);
  f.living = {NodeId(3)};
  f.Report(3, 2, HostedState::kEnded, kKilled);
  CHECK(f.wanted.begin()->second.job_origin.node == NodeId(3));
}

TEST_CASE("A node that could not fetch the program is not taken to have it") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
  f.LiveOn(1, 1);
  f.keeper.Fetched(NodeId(2), JobId(7), false);
  f.living = {NodeId(2), NodeId(3)};
  f.keeper.NodeGone(NodeId(1), /*may_return=*/false, "node den has left", kStart);
  CHECK(f.wanted.begin()->second.job_origin.node == NodeId(1));
}

TEST_CASE("An actor whose program or node can't be had is tried again for a while, if it has lived") {
  const Cause cause = GENERATE(Cause::kProgramMissing, Cause::kUnschedulable);
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
  const absl::Status missing = MakeError(cause, "node den can't be reached");
  const uint32_t number = f.wanted.begin()->first;
  SECTION("not the first time") {
    f.keeper.Unplaceable(number, missing, kStart);
    CHECK(CauseOf(f.Locate().status()) == cause);
    return;
  }
  f.LiveOn(2, 1);
  f.Report(2, 1, HostedState::kEnded, kKilled);
  for (absl::Time now = kStart; now < kStart + kPlacePatience; now += kPlaceRetry) {
    f.wanted.clear();
    f.keeper.Unplaceable(number, missing, now);
    CHECK(f.wanted.empty());
    CHECK(f.keeper.NextTick() == now + kPlaceRetry);
    f.keeper.Tick(now + kPlaceRetry);
    REQUIRE(f.wanted.size() == 1);
  }
  SECTION("and found") {
    f.LiveOn(3, 2);
    CHECK(f.Locate().ok());
  }
  SECTION("and not found") {
    f.keeper.Unplaceable(number, missing, kStart + kPlacePatience);
    CHECK(CauseOf(f.Locate().status()) == cause);
    CHECK_FALSE(f.IsNamed());
  }
}

TEST_CASE("An actor that is made again without end waits for a node without end") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(-1)).ok());
  const uint32_t number = f.wanted.begin()->first;
  f.LiveOn(2, 1);
  f.Report(2, 1, HostedState::kEnded, kKilled);
  f.wanted.clear();
  const absl::Status away = MakeError(Cause::kUnschedulable, "no node fits");
  f.keeper.Unplaceable(number, away, kStart);
  f.keeper.Tick(kStart + kPlaceRetry);
  REQUIRE(f.wanted.size() == 1);
  f.wanted.clear();
  f.keeper.Unplaceable(number, away, kStart + 10 * kPlacePatience);
  f.keeper.Tick(kStart + 11 * kPlacePatience);
  f.LiveOn(2, 2);
  CHECK(f.Locate().ok());
}

TEST_CASE("Two nodes have the program of an actor that may be made again") {
  Fixture f;
  SECTION("one that may not needs it no more") {
    REQUIRE(f.keeper.Create(Fixture::Actor(0)).ok());
    f.LiveOn(1, 1);
    CHECK(f.fetched.empty());
  }
  SECTION("another fetches it when there is one only, and when one has gone") {
    REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
    f.LiveOn(1, 1);
    REQUIRE(f.fetched.size() == 1);
    CHECK(f.fetched[0] == std::pair(NodeId(2), NodeId(1)));
    f.Report(1, 1, HostedState::kAlive);
    CHECK(f.fetched.size() == 1);  // it is at it
    f.keeper.Fetched(NodeId(2), JobId(7), true);
    f.living = {NodeId(1), NodeId(3)};
    f.keeper.NodeGone(NodeId(2), /*may_return=*/true, "node attic is lost", kStart);
    REQUIRE(f.fetched.size() == 2);
    CHECK(f.fetched[1] == std::pair(NodeId(3), NodeId(1)));
    f.keeper.Fetched(NodeId(3), JobId(7), true);
    f.living = {NodeId(3)};
    f.keeper.NodeGone(NodeId(1), /*may_return=*/false, "node den has left", kStart);
    CHECK(f.wanted.begin()->second.job_origin.node == NodeId(3));
  }
}

TEST_CASE("Kill ends it for good, at every point of its life") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(5)).ok());
  bool hosted = true;
  SECTION("while it is placed") { hosted = false; }
  SECTION("while it is made") { f.PlaceOn(2); }
  SECTION("while it lives") { f.LiveOn(2, 1); }
  SECTION("while its node is cut off") {
    f.LiveOn(2, 1);
    f.keeper.NodeGone(NodeId(2), /*may_return=*/true, "node den is lost", kStart);
  }
  REQUIRE(f.keeper.Kill(kActor, /*no_restart=*/true).ok());
  CHECK(f.ended.size() == (hosted ? 1 : 0));
  CHECK(f.wanted.empty());
  CHECK_FALSE(f.IsNamed());
  CHECK(f.keeper.Kill(kActor, /*no_restart=*/true).ok());
  CHECK_THAT(std::string(f.Locate().status().message()), Catch::Contains("was killed"));
  if (hosted) CHECK(f.Report(2, 1, HostedState::kAlive));  // a node that did not hear it
}

TEST_CASE("Kill that allows a restart counts as a death") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
  f.LiveOn(2, 1);
  REQUIRE(f.keeper.Kill(kActor, /*no_restart=*/false).ok());
  CHECK(f.ended.size() == 1);
  CHECK(f.IsNamed());
  f.Report(2, 1, HostedState::kEnded, kKilled);
  f.LiveOn(2, 2);
  REQUIRE(f.keeper.Kill(kActor, /*no_restart=*/false).ok());
  CHECK_FALSE(f.IsNamed());
}

TEST_CASE("A kill that allows a restart reaches a node that was cut off when it comes back") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
  f.LiveOn(2, 1);
  f.keeper.NodeGone(NodeId(2), /*may_return=*/true, "node den is lost", kStart);
  CHECK(f.keeper.Kill(kActor, /*no_restart=*/false).ok());
  CHECK(f.Report(2, 1, HostedState::kAlive));  // not wanted any more
  f.LiveOn(3, 2);
  CHECK(f.Locate()->incarnation == 2);
}

TEST_CASE("What waits for a place is described by its class and name") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  const DetachedActor actor = Fixture::Actor();
  CHECK(f.keeper.Describe(f.wanted.begin()->first) == "detached actor " + actor.type + " \"" + actor.name + "\"");
  CHECK(f.keeper.Describe(99) == "a detached actor");
}

TEST_CASE("What no node can run is told to who asks") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  f.keeper.Locate(kActor, 50);
  f.keeper.Unplaceable(f.wanted.begin()->first, MakeError(Cause::kUnschedulable, "no node has 64 GPU"), kStart);
  CHECK(CauseOf(f.answers.at(50).status()) == Cause::kUnschedulable);
  CHECK_THAT(std::string(f.answers.at(50).status().message()), Catch::Contains("64 GPU"));
}

TEST_CASE("An actor that an earlier head had made is left alone") {
  Fixture f;
  CHECK_FALSE(f.Report(2, 1, HostedState::kAlive));
  CHECK(CauseOf(f.Locate().status()) == Cause::kActorDied);
}

TEST_CASE("A listing says where an actor is in its life") {
  Fixture f;
  const auto listed = [&f] {
    const ListActors::Reply list = f.names.List({});
    REQUIRE(list.actors.size() == 1);
    ActorStatus status = list.actors.front();
    CHECK(status.detached);
    CHECK(status.name == "hits");
    CHECK(status.type == "Counter");
    f.keeper.Describe(status);
    return status;
  };
  REQUIRE(f.keeper.Create(Fixture::Actor(1)).ok());
  CHECK(listed().phase == ActorPhase::kPlacing);
  f.PlaceOn(2);
  CHECK(listed().phase == ActorPhase::kConstructing);
  f.Report(2, 1, HostedState::kAlive);
  CHECK(listed().phase == ActorPhase::kAlive);
  CHECK(listed().node_name == "den");
  CHECK(listed().restarts == 0);
  f.keeper.NodeGone(NodeId(2), /*may_return=*/true, "node den is lost", kStart);
  CHECK(listed().phase == ActorPhase::kCutOff);
  f.keeper.Tick(kStart + kNodeReturnGrace);
  CHECK(listed().phase == ActorPhase::kPlacing);
  CHECK(listed().restarts == 1);
}

TEST_CASE("Names are listed in pages, in order, all or those of one name space") {
  NameTable names;
  constexpr size_t kNames = kMaxListedActors + 5;
  for (size_t i = 0; i < kNames; ++i) {
    const std::string number = std::to_string(100'000 + i);
    RegisterActorName request{.name_space = i % 2 == 0 ? "even" : "odd", .name = number, .type = "Counter"};
    request.actor.id = {ProcessId(7), i + 1};
    REQUIRE(names.Register(request).ok());
  }
  names.Note({.name_space = "even",
              .name = "100000",
              .actor = {ProcessId(7), 1},
              .phase = ActorPhase::kAlive,
              .node_name = "den",
              .restarts = 2});
  names.Note({.name_space = "even", .name = "100002", .actor = {ProcessId(8), 3}, .phase = ActorPhase::kAlive});
  const ListActors::Reply first = names.List({});
  CHECK(first.more);
  REQUIRE(first.actors.size() == kMaxListedActors);
  CHECK(first.actors[0].node_name == "den");
  CHECK(first.actors[0].restarts == 2);
  CHECK(first.actors[1].phase == ActorPhase::kPlacing);  // another actor's note
  const ActorStatus& last = first.actors.back();
  const ListActors::Reply second = names.List({.after_space = last.name_space, .after_name = last.name});
  CHECK_FALSE(second.more);
  CHECK(second.actors.size() == kNames - kMaxListedActors);
  const ListActors::Reply odd = names.List({.one_space = true, .name_space = "odd"});
  CHECK(odd.actors.size() == kNames / 2);
  CHECK(odd.actors.front().name == "100001");
}

TEST_CASE("Who stops asking is not answered") {
  Fixture f;
  REQUIRE(f.keeper.Create(Fixture::Actor()).ok());
  f.keeper.Locate(kActor, 50);
  f.keeper.StopAsking(kActor, 50);
  f.LiveOn(2, 1);
  CHECK(f.answers.empty());
}

}  // namespace
}  // namespace ioc

// The head as nodes and tools see it: over real channels on loopback, one executor for all.

#include "runtime/head/head.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"
#include "lib/rpc/channel.h"
#include "tests/unit/head/fixture.h"

namespace ioc {
namespace {

TEST_CASE("Registered nodes are listed by name") {
  Fixture f;
  f.Node(Info(2, "beta", 4));
  f.Node(Info(1, "alpha", 8));
  const auto list = f.Ask(f.Tool(), ListNodes{});
  REQUIRE(list.ok());
  REQUIRE(list->nodes.size() == 2);
  CHECK(list->nodes[0].info.name == "alpha");
  CHECK(list->nodes[1].alive);
  const auto status = f.Ask(f.Tool(), GetStatus{});
  REQUIRE(status.ok());
  CHECK(status->nodes == 2);
  CHECK(status->total.Get(kCpu) == 12);
  CHECK(status->cluster == f.cluster());
}

TEST_CASE("What is held is gathered from all nodes, and one that does not answer is silent") {
  Fixture f;
  Peer& beta = f.Node(Info(2, "beta", 4));
  Peer& alpha = f.Node(Info(1, "alpha", 8));
  beta.on_census = [] { return NodeCensus{.name = "beta", .objects = 3}; };
  const auto list = f.Ask(f.Tool(), ListObjects{});
  REQUIRE(list.ok());
  REQUIRE(list->nodes.size() == 2);
  CHECK(list->nodes[0] == NodeCensus{.name = "alpha", .node = NodeId(1), .silent = true});
  CHECK(list->nodes[1].objects == 3);
  alpha.on_census = [] { return NodeCensus{.name = "alpha"}; };
  CHECK_FALSE(f.Ask(f.Tool(), ListObjects{})->nodes[0].silent);
}

TEST_CASE("A demand is placed on another node and the grant forwarded to the client's") {
  Fixture f;
  Peer& small = f.Node(Info(1, "small", 1));
  Peer& large = f.Node(Info(2, "large", 8));
  large.on_place = GrantAll();
  small.Notify(Demand(4, 2));
  REQUIRE(f.WaitUntil([&] { return small.grants.size() == 2; }));
  CHECK(small.grants[0].client == ProcessId(77));
  CHECK(small.grants[0].class_id == 1);
  CHECK(small.grants[0].node_name == "large");
  CHECK(small.asked.empty());
  CHECK(large.asked.size() == 2);
}

TEST_CASE("No more is asked of a node than it has free") {
  Fixture f;
  Peer& small = f.Node(Info(1, "small", 1));
  Peer& large = f.Node(Info(2, "large", 8));
  large.on_place = [](const PlaceLease&) {
    ResourceSet none;
    return PlaceLease::Reply{.lease = LeaseId(1), .free = none, .version = 5};
  };
  small.Notify(Demand(8, 3));
  REQUIRE(f.WaitUntil([&] { return small.grants.size() == 1; }));
  REQUIRE(f.Ask(small, Ping{}).ok());
  CHECK(large.asked.size() == 1);
  ReportResources report{.version = 6};
  report.free.Set(kCpu, 8);
  large.Notify(report);
  REQUIRE(f.WaitUntil([&] { return small.grants.size() == 2; }));
}

TEST_CASE("A refusal makes the head choose anew") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  Peer& full = f.Node(Info(2, "full", 4));
  Peer& roomy = f.Node(Info(3, "roomy", 8));
  roomy.on_place = GrantAll();
  ReportResources stale{.version = 1};
  stale.free.Set(kCpu, 2);  // the fullest that fits: asked first, and refuses
  full.Notify(stale);
  REQUIRE(f.Ask(full, Ping{}).ok());
  client.Notify(Demand(2, 1));
  REQUIRE(f.WaitUntil([&] { return client.grants.size() == 1; }));
  CHECK(client.grants[0].node_name == "roomy");
  CHECK(full.asked.size() == 1);
}

TEST_CASE("A demand goes past a node that can't run the program, and is refused when none is left that could") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  Peer& able = f.Node(Info(2, "able", 4));
  Peer& unable = f.Node(Info(3, "unable", 4));
  int asked = 0;
  unable.on_place = [&](const PlaceLease&) {
    ++asked;
    return MakeError(Cause::kProgramMissing, "no such program");
  };
  able.on_place = GrantAll();
  ForwardDemand demand = Demand(2, 20);
  demand.spec.strategy = Strategy::kSpread;
  client.Notify(demand);
  REQUIRE(f.WaitUntil([&] { return client.grants.size() == 2; }));  // and the other waits for room
  CHECK(asked > 0);
  CHECK(client.refusals.empty());
  able.HangUp();
  REQUIRE(f.WaitUntil([&] { return client.refusals.size() == 1; }));
  CHECK(CauseOf(client.refusals[0].error) == Cause::kProgramMissing);
}

TEST_CASE("A job's deep demands leave room for another job's") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  Peer& other = f.Node(Info(2, "other", 2));
  std::vector<JobId> served;
  ReportResources report{.version = 1};
  other.on_place = [&](const PlaceLease& place) {
    served.push_back(place.spec.job);
    return PlaceLease::Reply{.lease = LeaseId(served.size()), .version = ++report.version};
  };
  ForwardDemand deep = Demand(2, 1000, /*class_id=*/1, /*depth=*/1);
  deep.spec.job = JobId(1);
  client.Notify(deep);
  ForwardDemand flat = Demand(2, 1, /*class_id=*/2);
  flat.spec.job = JobId(2);
  client.Notify(flat);
  for (size_t i = 0; i < 3; ++i) {
    report.version += 10;
    report.free = Info(2, "other", 2).total;
    other.Notify(report);
    REQUIRE(f.WaitUntil([&] { return served.size() == i + 1; }));
  }
  CHECK(std::count(served.begin(), served.end(), JobId(2)) == 1);
}

TEST_CASE("What no node could ever run is refused after placement_timeout with an explanation") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  ForwardDemand demand = Demand(1, 1);
  demand.spec.resources.Set(kGpu, 64);
  demand.spec.placement_timeout = absl::Milliseconds(20);
  client.Notify(demand);
  REQUIRE(f.WaitUntil([&] { return client.refusals.size() == 1; }));
  CHECK(CauseOf(client.refusals[0].error) == Cause::kUnschedulable);
  CHECK_THAT(std::string(client.refusals[0].error.message()), Catch::Contains("GPU") && Catch::Contains("1 node"));
}

TEST_CASE("Who wants what no node could ever run is warned once before it is refused") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  ForwardDemand demand = Demand(1, 1, 7);
  demand.spec.resources.Set(kGpu, 64);
  demand.spec.placement_timeout = absl::Milliseconds(1500);
  client.Notify(demand);
  demand.wanted = 2;
  client.Notify(demand);
  REQUIRE(f.WaitUntil([&] { return client.warnings.size() == 1; }));
  CHECK(client.refusals.empty());
  CHECK(client.warnings[0].client == ProcessId(77));
  CHECK(client.warnings[0].class_id == 7);
  CHECK_THAT(client.warnings[0].reason, Catch::Contains("64 GPU") && Catch::Contains("1 node"));
  REQUIRE(f.WaitUntil([&] { return client.refusals.size() == 1; }));
  CHECK(client.warnings.size() == 1);
}

TEST_CASE("What becomes possible in time is placed") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  client.Notify(Demand(4, 1));
  Peer& late = f.Node(Info(2, "late", 4));
  late.on_place = GrantAll();
  REQUIRE(f.WaitUntil([&] { return client.grants.size() == 1; }));
  CHECK(client.refusals.empty());
  CHECK(client.warnings.empty());
}

TEST_CASE("Deeper demands go first") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  client.Notify(Demand(4, 1, 1, 0));
  client.Notify(Demand(4, 1, 2, 3));
  Peer& late = f.Node(Info(2, "late", 4));
  late.on_place = [](const PlaceLease&) { return PlaceLease::Reply{.lease = LeaseId(1), .free = {}, .version = 9}; };
  REQUIRE(f.WaitUntil([&] { return client.grants.size() == 1; }));
  CHECK(client.grants[0].class_id == 2);
}

TEST_CASE("A withdrawn demand is not placed") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  client.Notify(Demand(4, 1));
  client.Notify(Demand(4, 0));
  Peer& late = f.Node(Info(2, "late", 4));
  REQUIRE(f.Ask(late, Ping{}).ok());
  CHECK(late.asked.empty());
  CHECK(f.Ask(client, GetStatus{})->waiting == 0);
}

TEST_CASE("A negative resource is refused at once") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 1));
  client.Notify(Demand(-2, 1));
  REQUIRE(f.WaitUntil([&] { return client.refusals.size() == 1; }));
  CHECK(CauseOf(client.refusals[0].error) == Cause::kInvalidArgument);
}

TEST_CASE("A node with a name that is taken is told who has it") {
  Fixture f;
  f.Node(Info(1, "alpha", 1));
  Peer& second = f.Dial({.role = Role::kNode, .node = NodeId(2)});
  REQUIRE(f.WaitUntil([&] { return second.is_open(); }));
  const auto reply = f.Ask(second, RegisterNode{.info = Info(2, "alpha", 1)});
  CHECK(CauseOf(reply.status()) == Cause::kInvalidArgument);
  CHECK_THAT(std::string(reply.status().message()), Catch::Contains("alpha") && Catch::Contains("testhost"));
}

TEST_CASE("A node that makes no sense does not take the place of the one whose id it has") {
  Fixture f;
  Peer& first = f.Node(Info(1, "alpha", 1));
  Peer& second = f.Dial({.role = Role::kNode, .node = NodeId(1)});
  REQUIRE(f.WaitUntil([&] { return second.is_open(); }));
  CHECK_FALSE(f.Ask(second, RegisterNode{.info = Info(1, "alpha", -1)}).ok());
  CHECK(f.Ask(first, ListNodes{})->nodes.at(0).alive);
}

TEST_CASE("A node of another cluster is turned away with a sentence") {
  Fixture f(HeadOptions{.cluster = ClusterId(1)});
  Peer& stranger = f.Dial({.cluster = ClusterId(2), .role = Role::kNode, .node = NodeId(2), .name = "stranger"});
  REQUIRE(f.WaitUntil([&] { return stranger.closed.has_value(); }));
  CHECK_THAT(std::string(stranger.closed->message()), Catch::Contains("cluster"));
}

TEST_CASE("A node of another major version is turned away with a sentence") {
  Fixture f;
  Peer& old = f.Dial({.major = kProtocolMajor + 1, .role = Role::kNode, .node = NodeId(2), .name = "old"});
  REQUIRE(f.WaitUntil([&] { return old.closed.has_value(); }));
  CHECK_THAT(std::string(old.closed->message()), Catch::Contains("version"));
  CHECK(f.Ask(f.Tool(), Ping{}).ok());
}

TEST_CASE("A node whose connection ends is lost, and its name is free again; it may come back, so others keep theirs") {
  Fixture f;
  Peer& alpha = f.Node(Info(1, "alpha", 1));
  Peer& beta = f.Node(Info(2, "beta", 1));
  beta.HangUp();
  while (f.Ask(alpha, ListNodes{})->nodes[1].alive) continue;
  CHECK(f.HasLogged(LogLevel::kWarning, "node beta is lost: "));
  f.Node(Info(3, "beta", 1));
  CHECK(f.Ask(alpha, ListNodes{})->nodes.size() == 2);
  CHECK(alpha.removed.empty());
}

TEST_CASE("A node that says goodbye has left: no warning, and it is not listed as dead") {
  Fixture f;
  Peer& alpha = f.Node(Info(1, "alpha", 1));
  f.Node(Info(2, "beta", 1)).Leave("node beta was stopped");
  REQUIRE(f.WaitUntil([&] { return alpha.removed.size() == 1; }));
  CHECK(alpha.removed[0].node == NodeId(2));
  CHECK_THAT(alpha.removed[0].reason, Catch::Contains("has left") && Catch::Contains("node beta was stopped"));
  CHECK(f.HasLogged(LogLevel::kInfo, "node beta has left"));
  CHECK_FALSE(f.HasLogged(LogLevel::kWarning, "beta"));
  CHECK(f.Ask(alpha, ListNodes{})->nodes.size() == 1);
  CHECK(f.Ask(alpha, GetStatus{})->nodes == 1);
}

TEST_CASE("A silent node is taken for dead") {
  Fixture f(HeadOptions{.node_timeout = absl::Milliseconds(100)});
  Peer& silent = f.Node(Info(1, "silent", 1));
  REQUIRE(f.WaitUntil([&] { return silent.closed.has_value(); }));
  CHECK_THAT(std::string(silent.closed->message()), Catch::Contains("silent for"));
  CHECK_FALSE(f.Ask(f.Tool(), ListNodes{})->nodes[0].alive);
  CHECK(f.HasLogged(LogLevel::kWarning, "node silent is lost: it was silent for"));
}

TEST_CASE("A node that comes back on a new connection takes the place of the old one") {
  Fixture f;
  f.Node(Info(1, "alpha", 1));
  Peer& again = f.Node(Info(1, "alpha", 1));
  const auto list = f.Ask(again, ListNodes{});
  REQUIRE(list->nodes.size() == 1);
  CHECK(list->nodes[0].alive);
}

TEST_CASE("A driver finds the node of its machine") {
  Fixture f;
  f.Node(Info(1, "alpha", 1));
  Peer& tool = f.Tool();
  const auto found = f.Ask(tool, FindLocalNode{.machine = 101});
  REQUIRE(found.ok());
  CHECK(found->node.local_address == "unix:alpha");
  CHECK(f.Ask(tool, FindLocalNode{.machine = 5}).status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("Actor names have one holder, are found, released, and end with their owner") {
  Fixture f;
  Peer& node = f.Node(Info(1, "alpha", 1));
  RegisterActorName request{.name = "counter", .type = "Counter"};
  request.actor = {.id = {.maker = ProcessId(9), .sequence = 1}, .owner = {.process = ProcessId(9), .node = NodeId(1)}};
  REQUIRE(f.Ask(node, request).ok());
  REQUIRE(f.Ask(node, request).ok());

  RegisterActorName rival = request;
  rival.actor.id.sequence = 2;
  const auto taken = f.Ask(node, rival);
  CHECK(CauseOf(taken.status()) == Cause::kInvalidArgument);
  CHECK_THAT(std::string(taken.status().message()), Catch::Contains(request.actor.id.ToString()));

  CHECK(f.Ask(node, FindActorName{.name = "counter"})->actor == request.actor);
  const auto missing = f.Ask(node, FindActorName{.name = "contuer"});
  CHECK(CauseOf(missing.status()) == Cause::kActorDied);
  CHECK_THAT(std::string(missing.status().message()), Catch::Contains("counter"));

  node.Notify(ReleaseActorName{.name = "counter", .actor = rival.actor.id});
  CHECK(f.Ask(node, FindActorName{.name = "counter"}).ok());
  node.Notify(ProcessGone{.process = ProcessId(9)});
  CHECK_FALSE(f.Ask(node, FindActorName{.name = "counter"}).ok());
}

TEST_CASE("Stop reaches every node before the head's own end") {
  Fixture f;
  Peer& node = f.Node(Info(1, "alpha", 1));
  REQUIRE(f.Ask(f.Tool(), Stop{}).ok());
  CHECK(node.told_to_stop);
  CHECK(f.WaitUntil([&] { return f.stop_requested(); }));
  node.HangUp();
  f.EndHead();
  CHECK_FALSE(f.HasLogged(LogLevel::kWarning, "alpha"));
}

TEST_CASE("A head that ends tells its peers whether only it was stopped, or the cluster") {
  Fixture f;
  Peer& node = f.Node(Info(1, "alpha", 1));
  std::string words = "the head was stopped";
  SECTION("the cluster") {
    REQUIRE(f.Ask(f.Tool(), Stop{}).ok());
    words = "the cluster was stopped";
  }
  f.EndHead();
  REQUIRE(f.WaitUntil([&] { return node.closed.has_value(); }));
  CHECK_THAT(std::string(node.closed->message()), Catch::Contains(words));
}

TEST_CASE("A tool that poses as a node is cut off and harms nobody") {
  Fixture f;
  Peer& tool = f.Tool();
  tool.Notify(ReportResources{});
  REQUIRE(f.WaitUntil([&] { return tool.closed.has_value(); }));
  CHECK(f.Ask(f.Tool(), Ping{}).ok());
}

TEST_CASE("Listening beyond loopback needs insecure") {
  AsioEnv env({.background_thread = false});
  const MutexLock lock(env.executor().mutex());
  const auto head = Head::Start(env, {.listen_address = "0.0.0.0:0"}, [] {});
  CHECK(CauseOf(head.status()) == Cause::kInvalidArgument);
  CHECK_THAT(std::string(head.status().message()), Catch::Contains("--insecure") && Catch::Contains("0.0.0.0:0"));
}

TEST_CASE("A port in use is named") {
  AsioEnv env({.background_thread = false});
  const MutexLock lock(env.executor().mutex());
  const auto first = Head::Start(env, {.listen_address = "127.0.0.1:0"}, [] {});
  REQUIRE(first.ok());
  const auto second = Head::Start(env, {.listen_address = (*first)->address()}, [] {});
  CHECK_THAT(std::string(second.status().message()), Catch::Contains((*first)->address()));
}

}  // namespace
}  // namespace ioc

// What the head tells nodes of what they can't see by themselves.
#include "runtime/head/outlooks.h"

#include <catch2/catch.hpp>

#include "tests/unit/head/fixture.h"

namespace ioc {
namespace {

TEST_CASE("A node is told when it is not alone any more, and when it is again") {
  Fixture f;
  Peer& first = f.Node(Info(1, "first", 1));
  Peer& second = f.Node(Info(2, "second", 1));
  Peer& third = f.Node(Info(3, "third", 1));
  REQUIRE(f.WaitUntil([&] { return first.outlooks.size() == 1; }));
  CHECK(first.outlooks[0].others);
  second.Leave("bye");
  third.HangUp();
  REQUIRE(f.WaitUntil([&] { return first.outlooks.size() == 2; }));
  CHECK_FALSE(first.outlooks[1].others);
}

TEST_CASE("A node that does not know outlooks is sent none") {
  Fixture f;
  Peer& old = f.Node(Info(1, "old", 1), /*features=*/0);
  f.Node(Info(2, "new", 1));
  CHECK(f.Ask(old, Ping{}).ok());
  CHECK(old.outlooks.empty());
}

TEST_CASE("What several jobs wait for is told to the nodes that could run it, but for the client's own") {
  Fixture f;
  Peer& client = f.Node(Info(1, "client", 4));
  Peer& other = f.Node(Info(2, "other", 4));
  Peer& small = f.Node(Info(3, "small", 1));
  for (Peer* node : {&client, &other, &small}) {
    node->Notify(ReportResources{.version = 1});  // nothing is free
    REQUIRE(f.Ask(*node, Ping{}).ok());
  }
  for (const uint32_t job : {1, 2}) {
    ForwardDemand demand = Demand(2, 5, /*class_id=*/job);
    demand.spec.job = JobId(job);
    client.Notify(demand);
  }
  REQUIRE(f.WaitUntil([&] { return !other.outlooks.empty() && other.outlooks.back().waiting.size() == 2; }));
  const Outlook& told = other.outlooks.back();
  CHECK(told.others);
  CHECK(told.waiting[0].job == JobId(1));
  CHECK(told.waiting[1].job == JobId(2));
  CHECK(told.waiting[0].resources == Demand(2, 1).spec.resources);
  CHECK(told.waiting[0].wanted == 5);
  // And again, as long as they wait.
  const size_t times = other.outlooks.size();
  REQUIRE(f.WaitUntil([&] { return other.outlooks.size() > times + 2; }));
  for (Peer* node : {&client, &small}) {
    for (const Outlook& each : node->outlooks) CHECK(each.waiting.empty());
  }
}

}  // namespace
}  // namespace ioc

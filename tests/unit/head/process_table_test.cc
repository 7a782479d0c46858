// Whose processes are gone, as the head finds out.
#include "runtime/head/process_table.h"

#include <catch2/catch.hpp>
#include <vector>

namespace ioc {
namespace {

constexpr NodeId kNode(1);
const absl::Time kStart = absl::UnixEpoch();

std::vector<ProcessId> Ids(const std::vector<uint64_t>& numbers) {
  std::vector<ProcessId> ids;
  for (const uint64_t number : numbers) ids.emplace_back(number);
  return ids;
}

TEST_CASE("A node that leaves takes its processes with it, but not those whose end it has told") {
  ProcessTable table;
  CHECK(table.Add(kNode, {.processes = Ids({1, 2}), .complete = true}).empty());
  CHECK(table.Add(kNode, {.processes = Ids({3})}).empty());
  CHECK(table.Add(NodeId(2), {.processes = Ids({4})}).empty());
  table.Remove(kNode, ProcessId(2));
  table.Remove(NodeId(9), ProcessId(2));
  CHECK(table.NodeLeft(kNode) == Ids({1, 3}));
  CHECK(table.NodeLeft(kNode).empty());
}

TEST_CASE("A node that is lost is given time to come back") {
  ProcessTable table;
  table.Add(kNode, {.processes = Ids({1}), .complete = true});
  table.NodeLost(kNode, kStart);
  table.NodeLost(kNode, kStart + absl::Seconds(5));
  CHECK(table.EndedNodes(kStart + kNodeEndedAfter - absl::Seconds(1)).empty());
  SECTION("and comes") {
    CHECK(table.Add(kNode, {.processes = Ids({1}), .complete = true}).empty());
    CHECK(table.EndedNodes(kStart + 2 * kNodeEndedAfter).empty());
  }
  SECTION("and comes with one process less, and a new one") {
    table.Add(kNode, {.processes = Ids({2})});
    CHECK(table.Add(kNode, {.processes = Ids({2, 3}), .complete = true}) == Ids({1}));
    CHECK(table.NodeLeft(kNode) == Ids({2, 3}));
  }
  SECTION("and never comes") {
    CHECK(table.EndedNodes(kStart + kNodeEndedAfter) == std::vector<NodeId>{kNode});
    CHECK(table.NodeLeft(kNode) == Ids({1}));
    CHECK(table.EndedNodes(kStart + kNodeEndedAfter).empty());
  }
}

TEST_CASE("A node that is lost before it has named its processes is known to have ended likewise") {
  ProcessTable table;
  table.NodeLost(kNode, kStart);
  CHECK(table.EndedNodes(kStart + kNodeEndedAfter) == std::vector<NodeId>{kNode});
  CHECK(table.NodeLeft(kNode).empty());
  CHECK(table.EndedNodes(kStart + kNodeEndedAfter).empty());
}

}  // namespace
}  // namespace ioc

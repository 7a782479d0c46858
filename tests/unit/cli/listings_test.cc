#include "runtime/cli/listings.h"

#include <catch2/catch.hpp>
#include <string>

#include "iocluster/options.h"
#include "runtime/cli/table.h"

namespace ioc {
namespace {

ListNodes::Reply ThreeNodes() {
  NodeStatus den;
  den.info.name = "den \"the\" PC";
  den.info.gpu_model = "RTX 4090";
  den.info.gpu_memory = 24 * kGiB;
  den.info.total.Set("CPU", 4);
  den.info.total.Set("memory", static_cast<double>(2 * kGiB));
  den.info.store_bytes = 64 * kMiB;
  den.report.store_used = kKiB;
  den.report.spilled = 3 * kMiB;
  den.report.free.Set("CPU", 1.5);
  NodeStatus gone;
  gone.info.name = "gone";
  gone.info.total.Set("disk", 3);
  gone.alive = false;
  gone.age_ms = 125000;
  NodeStatus driver;
  driver.info.name = "laptop";
  driver.info.labels["iocluster/driver"] = "true";
  return {.nodes = {den, gone, driver}};
}

TEST_CASE("Columns are as wide as their widest cell") {
  Table table({{"NAME"}, {"N", Table::Align::kRight}});
  table.AddRow({"a", "10"});
  table.AddRow({"Z\xC3\xBCrich", "5"});
  CHECK(table.ToString() == "NAME     N\na       10\nZ\xC3\xBCrich   5\n");
}

TEST_CASE("A column in which nothing stands may be left out") {
  Table table({{"NAME"}, {"GPUS", Table::Align::kRight, /*is_optional=*/true}, {"ADDRESS"}});
  table.AddRow({"a", "", "here"});
  CHECK(table.ToString() == "NAME  ADDRESS\na     here\n");
  table.AddRow({"b", "2", ""});
  CHECK(table.ToString() == "NAME  GPUS  ADDRESS\na           here\nb        2\n");
}

TEST_CASE("Controls in a cell can't break the table") {
  Table table({{""}});
  table.AddRow({"a\n\x1b[31m"});
  CHECK(table.ToString() == "a??[31m\n");
}

TEST_CASE("Latencies have the unit that fits") {
  CHECK(FormatLatency(absl::Nanoseconds(60'550)) == "60.6 us");
  CHECK(FormatLatency(absl::Microseconds(1234)) == "1.2 ms");
  CHECK(FormatLatency(absl::Seconds(5000)) == "5000 s");
}

TEST_CASE("Ages are short") {
  CHECK(FormatAge(absl::ZeroDuration()) == "0 s");
  CHECK(FormatAge(absl::Seconds(125)) == "2 min 5 s");
  CHECK(FormatAge(absl::Hours(76)) == "3 d 4 h");
}

TEST_CASE("Nodes are a table for people") {
  const std::string text = NodesText(ThreeNodes(), "h:1");
  CHECK_THAT(text, Catch::Contains("1.5 of 4") && Catch::Contains("RTX 4090, 24 GiB"));
  CHECK_THAT(text, Catch::Contains("dead for 2 min 5 s") && Catch::Contains("- of 3 disk"));
  CHECK_THAT(text,
             Catch::Contains("1 KiB of 64 MiB") && Catch::Contains("3 MiB") && Catch::Contains("alive, in a driver"));
  CHECK_THAT(text, !Catch::Contains("REGION") && !Catch::Contains("GPUS FREE"));
  CHECK_THAT(NodesText({}, "h:1"), Catch::Contains("no nodes; add one with 'iocluster node --head h:1'"));
}

TEST_CASE("Nodes are JSON for programs") {
  const std::string json = NodesJson(ThreeNodes());
  CHECK_THAT(json, Catch::Contains(R"("name": "den \"the\" PC")") && Catch::Contains(R"("alive": false)"));
  CHECK(NodesJson({}) == "[]\n");
}

TEST_CASE("A status without nodes says how to add one") {
  const std::string text = StatusText({.cluster = ClusterId(1)}, "127.0.0.1:6380");
  CHECK_THAT(text, Catch::Contains("none; add one with 'iocluster node --head 127.0.0.1:6380'"));
  CHECK_THAT(text, Catch::Contains("waiting       nothing\n"));
}

TEST_CASE("The status names the address that was dialled") {
  GetStatus::Reply status{.cluster = ClusterId(1), .release = "0.1.0", .waiting = 1};
  status.total.Set("CPU", 4);
  CHECK_THAT(StatusText(status, "127.0.0.1:6380"), Catch::Contains("127.0.0.1:6380") && Catch::Contains("1 lease,"));
  CHECK_THAT(StatusJson(status, "127.0.0.1:6380"), Catch::Contains(R"("address": "127.0.0.1:6380")"));
}

TEST_CASE("Actors with names are listed with where they live") {
  const std::vector<ActorStatus> actors = {{.id = {ProcessId(1), 2},
                                            .name_space = "game",
                                            .name = "board",
                                            .type = "Board",
                                            .phase = ActorPhase::kAlive,
                                            .node_name = "den",
                                            .restarts = 3,
                                            .detached = true}};
  CHECK(ActorsText(actors) ==
        "NAME   NAMESPACE  CLASS  STATE  NODE  RESTARTS  DETACHED\n"
        "board  game       Board  alive  den          3  yes\n");
  CHECK_THAT(ActorsJson(actors), Catch::Contains("\"namespace\": \"game\"") &&
                                     Catch::Contains("\"state\": \"alive\"") && Catch::Contains("\"restarts\": 3") &&
                                     Catch::Contains("\"detached\": true"));
  CHECK(ActorsText({}) == "no actor has a name\n");
  CHECK(ActorsJson({}) == "[]\n");
}

ListObjects::Reply TwoNodesWithObjects() {
  ProcessCensus driver{.process = ProcessId(7), .name = "driver pid 12 on den", .owned = 31, .borrowed = 4, .lent = 9};
  ProcessCensus stuck{.process = ProcessId(8), .role = Role::kWorker, .name = "worker pid 13 on den", .silent = true};
  NodeCensus den{.name = "den", .objects = 5, .bytes = 3 * kMiB, .pins = 6};
  den.processes = {driver, stuck};
  return {.nodes = {den, {.name = "gone", .silent = true}}, .names = 1, .waiting = 2};
}

TEST_CASE("What is held is two tables for people, which say who did not answer") {
  const std::string text = ObjectsText(TwoNodesWithObjects(), "h:1");
  CHECK_THAT(text, Catch::Contains("3 MiB") && Catch::Contains("gone (silent)"));
  CHECK_THAT(text, Catch::Contains("driver pid 12 on den") && Catch::Contains("31"));
  CHECK_THAT(text, Catch::Contains("worker pid 13 on den (silent)"));
  CHECK_THAT(ObjectsText({}, "h:1"), Catch::Contains("no nodes; add one with"));
}

TEST_CASE("What is held is JSON for programs") {
  const std::string json = ObjectsJson(TwoNodesWithObjects());
  CHECK_THAT(json, Catch::Contains(R"("owned": 31)") && Catch::Contains(R"("role": "worker")"));
  CHECK_THAT(json, Catch::Contains(R"("bytes": 3145728)") && Catch::Contains(R"("waiting_leases": 2)"));
}

}  // namespace
}  // namespace ioc

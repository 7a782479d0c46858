#include "runtime/cli/listings.h"

#include <catch2/catch.hpp>
#include <string>

#include "iocluster/options.h"
#include "runtime/cli/table.h"

namespace ioc {
namespace {

ListNodes::Reply TwoNodes() {
  NodeStatus den;
  den.info.name = "den \"the\" PC";
  den.info.gpu_model = "RTX 4090";
  den.info.gpu_memory = 24 * kGiB;
  den.info.total.Set("CPU", 4);
  den.info.total.Set("memory", static_cast<double>(2 * kGiB));
  den.report.free.Set("CPU", 1.5);
  NodeStatus gone;
  gone.info.name = "gone";
  gone.info.total.Set("disk", 3);
  gone.alive = false;
  gone.age_ms = 125000;
  return {.nodes = {den, gone}};
}

TEST_CASE("Columns are as wide as their widest cell") {
  Table table({{"NAME"}, {"N", Table::Align::kRight}});
  table.AddRow({"a", "10"});
  table.AddRow({"Z\xC3\xBCrich", "5"});
  CHECK(table.ToString() == "NAME     N\na       10\nZ\xC3\xBCrich   5\n");
}

TEST_CASE("Controls in a cell can't break the table") {
  Table table({{""}});
  table.AddRow({"a\n\x1b[31m"});
  CHECK(table.ToString() == "a??[31m\n");
}

TEST_CASE("Ages are short") {
  CHECK(FormatAge(absl::ZeroDuration()) == "0 s");
  CHECK(FormatAge(absl::Seconds(125)) == "2 min 5 s");
  CHECK(FormatAge(absl::Hours(76)) == "3 d 4 h");
}

TEST_CASE("Nodes are a table for people") {
  const std::string text = NodesText(TwoNodes());
  CHECK_THAT(text, Catch::Contains("1.5 / 4") && Catch::Contains("RTX 4090, 24 GiB"));
  CHECK_THAT(text, Catch::Contains("dead for 2 min 5 s") && Catch::Contains("- / 3 disk"));
  CHECK_THAT(NodesText({}), Catch::Contains("no nodes"));
}

TEST_CASE("Nodes are JSON for programs") {
  const std::string json = NodesJson(TwoNodes());
  CHECK_THAT(json, Catch::Contains(R"("name": "den \"the\" PC")") && Catch::Contains(R"("alive": false)"));
  CHECK(NodesJson({}) == "[]\n");
}

TEST_CASE("The status names the address that was dialled") {
  GetStatus::Reply status{.cluster = ClusterId(1), .release = "0.1.0", .waiting = 1};
  status.total.Set("CPU", 4);
  CHECK_THAT(StatusText(status, "127.0.0.1:6380"), Catch::Contains("127.0.0.1:6380") && Catch::Contains("1 lease\n"));
  CHECK_THAT(StatusJson(status, "127.0.0.1:6380"), Catch::Contains(R"("address": "127.0.0.1:6380")"));
}

}  // namespace
}  // namespace ioc

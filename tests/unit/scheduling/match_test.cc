#include "lib/scheduling/match.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "iocluster/status.h"

namespace ioc {
namespace {

using Op = LabelCondition::Op;

NodeInfo GamingPc() {
  NodeInfo node;
  node.address.node = NodeId(0xabc);
  node.name = "den";
  node.gpu_model = "NVIDIA GeForce RTX 4090";
  node.gpu_memory = 24 * kGiB;
  node.region = "eu-west";
  node.down_mbps = 250;
  node.up_mbps = 40;
  node.price_per_hour = 0.45;
  node.arch = "x86_64";
  node.os = "linux";
  node.labels = {{"disk", "ssd"}, {"uptime", "98.5"}};
  return node;
}

SchedulingClass Request(const Where& where) {
  SchedulingClass request;
  request.where = where;
  return request;
}

TEST_CASE("Empty conditions match every node") { CHECK(Matches(Where{}, NodeInfo{})); }

TEST_CASE("GPU models match by whole words in any case") {
  const NodeInfo node = GamingPc();
  CHECK(Matches({.gpu_models = {"rtx 4090"}}, node));
  CHECK(Matches({.gpu_models = {"A100", "NVIDIA GeForce RTX 4090"}}, node));
  CHECK_FALSE(Matches({.gpu_models = {"RTX 409"}}, node));
  CHECK_FALSE(Matches({.gpu_models = {"A100"}}, node));
  CHECK_FALSE(Matches({.gpu_models = {"RTX 4090"}}, NodeInfo{}));
}

TEST_CASE("Each bound is inclusive") {
  const NodeInfo node = GamingPc();
  CHECK(Matches({.min_gpu_memory = 24 * kGiB, .min_down_mbps = 250, .min_up_mbps = 40, .max_price_per_hour = 0.45},
                node));
  CHECK_FALSE(Matches({.min_gpu_memory = 24 * kGiB + 1}, node));
  CHECK_FALSE(Matches({.min_down_mbps = 250.5}, node));
  CHECK_FALSE(Matches({.min_up_mbps = 41}, node));
  CHECK_FALSE(Matches({.max_price_per_hour = 0.44}, node));
}

TEST_CASE("A region holds the regions in it") {
  const NodeInfo node = GamingPc();
  CHECK(Matches({.regions = {"eu"}}, node));
  CHECK(Matches({.regions = {"us", "eu-west"}}, node));
  CHECK_FALSE(Matches({.regions = {"e"}}, node));
  CHECK_FALSE(Matches({.regions = {"eu-west-1"}}, node));
}

TEST_CASE("Node affinity takes names and ids") {
  const NodeInfo node = GamingPc();
  CHECK(Matches({.nodes = {"den"}}, node));
  CHECK(Matches({.nodes = {"attic", "0000000000000abc"}}, node));
  CHECK_FALSE(Matches({.nodes = {"attic"}}, node));
}

TEST_CASE("Architecture and system are compared in any case") {
  const NodeInfo node = GamingPc();
  CHECK(Matches({.architectures = {"aarch64", "X86_64"}, .systems = {"Linux"}}, node));
  CHECK_FALSE(Matches({.architectures = {"aarch64"}}, node));
  CHECK_FALSE(Matches({.systems = {"macos"}}, node));
}

TEST_CASE("Labels compare by list, presence and number") {
  const NodeInfo node = GamingPc();
  const auto matches = [&](LabelCondition condition) { return Matches({.labels = {std::move(condition)}}, node); };
  CHECK(matches({.key = "disk", .values = {"nvme", "ssd"}}));
  CHECK_FALSE(matches({.key = "disk", .values = {"nvme"}}));
  CHECK_FALSE(matches({.key = "colour", .values = {"red"}}));
  CHECK(matches({.key = "disk", .op = Op::kNotIn, .values = {"hdd"}}));
  CHECK(matches({.key = "colour", .op = Op::kNotIn, .values = {"red"}}));
  CHECK_FALSE(matches({.key = "disk", .op = Op::kNotIn, .values = {"ssd"}}));
  CHECK(matches({.key = "disk", .op = Op::kExists}));
  CHECK_FALSE(matches({.key = "colour", .op = Op::kExists}));
  CHECK(matches({.key = "colour", .op = Op::kNotExists}));
  CHECK(matches({.key = "uptime", .op = Op::kGreater, .values = {"98"}}));
  CHECK(matches({.key = "uptime", .op = Op::kLess, .values = {"100"}}));
  CHECK_FALSE(matches({.key = "disk", .op = Op::kLess, .values = {"100"}}));
  CHECK_FALSE(matches({.key = "colour", .op = Op::kLess, .values = {"100"}}));
}

TEST_CASE("A mismatch says which condition failed and what the node has instead") {
  std::string why;
  CHECK_FALSE(Matches({.gpu_models = {"RTX 4090"}, .regions = {"us"}}, GamingPc(), &why));
  CHECK_THAT(why, Catch::Contains("den") && Catch::Contains("us") && Catch::Contains("eu-west"));
}

TEST_CASE("A request with a negative resource is refused by name") {
  SchedulingClass request;
  request.resources.Set("GPU", -1);
  const absl::Status status = CheckRequest(request);
  CHECK(CauseOf(status) == Cause::kInvalidArgument);
  CHECK_THAT(std::string(status.message()), Catch::Contains("GPU") && Catch::Contains("-1"));
}

TEST_CASE("A request with senseless conditions is refused") {
  CHECK(CheckRequest(Request({})).ok());
  CHECK_FALSE(CheckRequest(Request({.min_down_mbps = std::nan("")})).ok());
  CHECK_FALSE(CheckRequest(Request({.max_price_per_hour = -1})).ok());
  CHECK_FALSE(CheckRequest(Request({.min_up_mbps = std::numeric_limits<double>::infinity()})).ok());
  CHECK_FALSE(CheckRequest(Request({.labels = {{.key = ""}}})).ok());
  CHECK_FALSE(CheckRequest(Request({.labels = {{.key = "a"}}})).ok());
  CHECK_FALSE(CheckRequest(Request({.labels = {{.key = "a", .op = Op::kLess, .values = {"many"}}}})).ok());
  CHECK_FALSE(CheckRequest(Request({.labels = {{.key = "a", .op = Op::kExists, .values = {"b"}}}})).ok());
  CHECK_FALSE(CheckRequest(Request({.labels = {{.key = "a", .op = static_cast<Op>(99), .values = {"b"}}}})).ok());
  SchedulingClass odd;
  odd.strategy = static_cast<Strategy>(77);
  CHECK_THAT(std::string(CheckRequest(odd).message()), Catch::Contains("strategy is 77"));
  SchedulingClass request;
  request.placement_timeout = -absl::Seconds(1);
  CHECK_FALSE(CheckRequest(request).ok());
}

TEST_CASE("What a request says in words has bounds, and is shown shortened") {
  const auto refusal = [](const SchedulingClass& request) { return std::string(CheckRequest(request).message()); };
  const std::string huge(size_t{1} << 20, 'k');
  CHECK_THAT(refusal(Request({.labels = {{.key = huge, .op = Op::kExists}}})),
             Catch::Contains("where.labels") && Catch::Contains("1048576 bytes"));
  CHECK(refusal(Request({.labels = {{.key = huge, .op = Op::kExists}}})).size() < 300);
  CHECK_THAT(refusal(Request({.nodes = {"den", huge}})), Catch::Contains("where.nodes"));
  CHECK_THAT(refusal(Request({.regions = std::vector<std::string>(100'000, "eu")})), Catch::Contains("200000 bytes"));
  SchedulingClass request;
  for (int i = 0; i < 10'000; ++i) request.resources.Set("resource" + std::to_string(i), 1);
  CHECK_THAT(refusal(request), Catch::Contains("10000 resources"));
  CHECK(request.resources.ToString().size() < 1000);
  CHECK_THAT(request.resources.ToString(), Catch::Contains("and 9990 more"));
}

TEST_CASE("A condition on nothing shows its empty text") {
  std::string why;
  CHECK_FALSE(Matches({.regions = {""}}, GamingPc(), &why));
  CHECK_THAT(why, Catch::Contains("are in \"\""));
}

}  // namespace
}  // namespace ioc

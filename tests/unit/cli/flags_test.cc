#include "runtime/cli/flags.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/options.h"

namespace ioc {
namespace {

// Parses with one flag of each kind.
struct Parse {
  explicit Parse(const std::vector<std::string>& arguments, Flags::Order order = Flags::Order::kAnywhere)
      : flags("iocluster test", "Tests.", order) {
    flags.Add("--json", &json, "a switch");
    flags.Add("--name", &name, "NAME", "a text");
    flags.Add("--cpus", &cpus, "N", "a number");
    flags.AddBytes("--memory", &memory, "a size");
    flags.AddAddress("--address", &address, "an address");
    flags.Add("--peer", &peers, "COMMAND", "texts");
    flags.Add("--resource", &resources, "amounts");
    flags.Add("--label", &labels, "labels");
    status = flags.Parse(arguments);
  }

  std::string message() const { return std::string(status.message()); }

  bool json = false;
  std::string name;
  std::optional<double> cpus;
  std::optional<uint64_t> memory;
  std::string address;
  std::vector<std::string> peers;
  std::vector<std::pair<std::string, double>> resources;
  std::map<std::string, std::string> labels;
  Flags flags;
  absl::Status status;
};

TEST_CASE("Values follow a space or an equals sign") {
  const Parse parse({"--name", "den", "--cpus=1.5", "--json"});
  REQUIRE(parse.status.ok());
  CHECK(parse.name == "den");
  CHECK(parse.cpus == 1.5);
  CHECK(parse.json);
  CHECK_FALSE(parse.memory.has_value());
}

TEST_CASE("Sizes take units") {
  CHECK(Parse({"--memory", "2GiB"}).memory == 2 * kGiB);
  CHECK(Parse({"--memory", "2GB"}).memory == 2'000'000'000);
  CHECK(Parse({"--memory", "1.5MiB"}).memory == 3 * kMiB / 2);
  CHECK(Parse({"--memory", "4096"}).memory == 4096);
  for (const char* bad : {"lots", "2G", "-1GiB", "nan", ""}) {
    INFO(bad);
    CHECK_FALSE(Parse({"--memory", bad}).status.ok());
  }
}

TEST_CASE("Repeated texts keep their order") {
  CHECK(Parse({"--peer", "b", "--peer=a", "--peer", "b"}).peers == std::vector<std::string>{"b", "a", "b"});
}

TEST_CASE("Repeated flags collect") {
  const Parse parse({"--resource", "disk=3", "--resource=tpu=0.5", "--label", "rack=a=b"});
  REQUIRE(parse.status.ok());
  CHECK(parse.resources == std::vector<std::pair<std::string, double>>{{"disk", 3}, {"tpu", 0.5}});
  CHECK(parse.labels.at("rack") == "a=b");
}

TEST_CASE("An unknown flag is named with the nearest known one") {
  const Parse parse({"--cpu", "3"});
  CHECK_THAT(parse.message(), Catch::Contains("--cpu;") && Catch::Contains("did you mean --cpus"));
}

TEST_CASE("An unknown flag that is like none is not explained by one") {
  CHECK_THAT(Parse({"--frobnicate"}).message(), Catch::Contains("--frobnicate") && !Catch::Contains("did you mean"));
}

TEST_CASE("A flag that goes by another name elsewhere is found by what was foreseen") {
  Flags flags("iocluster test", "Tests.");
  std::string listen;
  flags.AddAddress("--listen", &listen, "an address");
  flags.Suggest("--port", "--listen");
  CHECK_THAT(std::string(flags.Parse({"--port=7000"}).message()), Catch::Contains("did you mean --listen"));
}

TEST_CASE("A flag is given once, and what is collected has each name once") {
  CHECK_THAT(Parse({"--name", "a", "--name=b"}).message(), Catch::Contains("--name is given twice"));
  CHECK_THAT(Parse({"--json", "--json"}).message(), Catch::Contains("--json is given twice"));
  CHECK_THAT(Parse({"--resource", "tpu=1", "--resource", "tpu=2"}).message(), Catch::Contains("tpu is given twice"));
  CHECK_THAT(Parse({"--label", "a=b", "--label", "a=c"}).message(), Catch::Contains("a is given twice, first as b"));
}

TEST_CASE("A flag is not taken for the value of the one before it") {
  CHECK_THAT(Parse({"--name", "--json"}).message(), Catch::Contains("--name needs a value: --name NAME"));
  CHECK(Parse({"--cpus", "-3"}).cpus == -3);
}

TEST_CASE("A bad value is named with its flag") {
  CHECK_THAT(Parse({"--cpus", "many"}).message(), Catch::Contains("--cpus") && Catch::Contains("many"));
  CHECK_THAT(Parse({"--cpus", "nan"}).message(), Catch::Contains("nan"));
  CHECK_THAT(Parse({"--cpus"}).message(), Catch::Contains("--cpus needs a value"));
  CHECK_THAT(Parse({"--json=yes"}).message(), Catch::Contains("takes no value"));
  CHECK_THAT(Parse({"--label", "novalue"}).message(), Catch::Contains("NAME=VALUE"));
}

TEST_CASE("Addresses are checked") {
  CHECK(Parse({"--address", "localhost:0"}).status.ok());
  CHECK(Parse({"--address", "[::1]:6380"}).status.ok());
  CHECK(Parse({"--address", "unix:here"}).status.ok());
  for (const char* bad : {"localhost", "localhost:", ":6380", "h:65536", "h:-1", "h:+1", "h:6380x", "unix:"}) {
    INFO(bad);
    CHECK_THAT(Parse({"--address", bad}).message(), Catch::Contains("HOST:PORT"));
  }
}

TEST_CASE("Operands are kept apart, and what follows a program is its own") {
  CHECK(Parse({"a", "--json", "b"}).flags.operands() == std::vector<std::string>{"a", "b"});
  CHECK(Parse({"--", "--json"}).flags.operands() == std::vector<std::string>{"--json"});
  const Parse run({"--json", "./program", "--name", "x"}, Flags::Order::kBeforeOperands);
  REQUIRE(run.status.ok());
  CHECK(run.flags.operands() == std::vector<std::string>{"./program", "--name", "x"});
  CHECK(run.name.empty());
}

TEST_CASE("Help lists every flag") {
  const Parse parse({"-h"});
  CHECK(parse.flags.help_wanted());
  CHECK_THAT(parse.flags.Help(), Catch::Contains("--memory SIZE") && Catch::Contains("a switch"));
  CHECK_THAT(parse.flags.Help(), Catch::Contains("KiB, MiB, GiB, TiB (powers of 1024)"));
}

}  // namespace
}  // namespace ioc

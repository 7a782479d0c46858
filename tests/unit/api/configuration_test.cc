#include "runtime/api/configuration.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/status.h"
#include "lib/env_asio/asio_env.h"

namespace ioc {
namespace {

using Catch::Contains;

using Variables = std::vector<std::pair<std::string, std::string>>;

// Sets variables for a while; those of iocluster's that the tests were started with are out of the way meanwhile.
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text(*entry);
      if (text.starts_with("IOCLUSTER_"))
        before_.emplace_back(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
    }
    for (const auto& [name, value] : before_) ::unsetenv(name.c_str());
    for (const auto& [name, value] : variables) {
      ::setenv(name.c_str(), value.c_str(), 1);
      set_.push_back(name);
    }
  }
  ~Environment() {
    for (const std::string& name : set_) ::unsetenv(name.c_str());
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  Variables before_;
  std::vector<std::string> set_;
};

EnvironmentSetting SettingOf(const std::string& name) {
  AsioEnv env({.background_thread = false});
  for (EnvironmentSetting& setting : DescribeEnvironment(env)) {
    if (setting.name == name) return std::move(setting);
  }
  FAIL(name << " is not listed");
  return {};
}

std::string Complaint(const absl::Status& status) {
  CHECK(CauseOf(status) == Cause::kInvalidArgument);
  return std::string(status.message());
}

TEST_CASE("Options win over the environment, and that over defaults") {
  const Environment environment(Variables{{"IOCLUSTER_CPUS", "3"},
                                          {"IOCLUSTER_GPUS", "0.5"},
                                          {"IOCLUSTER_ADDRESS", "127.0.0.1:7000"},
                                          {"IOCLUSTER_OBJECT_STORE_MEMORY", "2GB"},
                                          {"IOCLUSTER_SPILL_DIRECTORY", "/tmp"},
                                          {"IOCLUSTER_SPILL_LIMIT", "1MiB"}});
  const auto from_environment = CompleteOptions({});
  REQUIRE(from_environment.ok());
  CHECK(from_environment->cpus == 3);
  CHECK(from_environment->gpus == 0.5);
  CHECK(from_environment->address == "127.0.0.1:7000");
  CHECK(from_environment->object_store_memory == 2'000'000'000);
  CHECK(from_environment->spill_directory == "/tmp");
  CHECK(from_environment->spill_limit == 1 << 20);
  const auto from_options = CompleteOptions({.address = "unix:here",
                                             .object_store_memory = 64 * kMiB,
                                             .spill_directory = "/var/tmp",
                                             .spill_limit = 0,
                                             .cpus = 1,
                                             .gpus = 0});
  REQUIRE(from_options.ok());
  CHECK(from_options->cpus == 1);
  CHECK(from_options->gpus == 0);
  CHECK(from_options->address == "unix:here");
  CHECK(from_options->object_store_memory == 64 * kMiB);
  CHECK(from_options->spill_directory == "/var/tmp");
  CHECK(from_options->spill_limit == 0);
}

TEST_CASE("A variable that makes no sense is named with its value and what to write") {
  const std::pair<const char*, std::pair<const char*, const char*>> cases[] = {
      {"IOCLUSTER_CPUS", {"abc", "write a number"}},
      {"IOCLUSTER_GPUS", {"-1", "not negative"}},
      {"IOCLUSTER_ADDRESS", {"nonsense", "write HOST:PORT"}},
      {"IOCLUSTER_OBJECT_STORE_MEMORY", {"plenty", "KiB, MiB, GiB or TiB"}},
      {"IOCLUSTER_SPILL_DIRECTORY", {"/nowhere/at/all", "is not a directory; make it"}},
      {"IOCLUSTER_SPILL_LIMIT", {"none", "KiB, MiB, GiB or TiB"}},
      {"IOCLUSTER_LOG", {"loud", "debug, info, warning or error"}},
      {"IOCLUSTER_CACHE", {"~/cache", "begin it with /"}},
      {"IOCLUSTER_CACHE_LIMIT", {"little", "KiB, MiB, GiB or TiB"}},
      {"IOCLUSTER_FORK", {"no", "write 1 or 0"}},
      {"IOCLUSTER_LOCAL_MODE", {"yes please", "write 1 or 0"}},
  };
  for (const auto& [name, bad] : cases) {
    const Environment environment(Variables{{name, bad.first}});
    CHECK_THAT(Complaint(CompleteOptions({}).status()), Contains(name) && Contains(bad.first) && Contains(bad.second));
    CHECK_THAT(Complaint(SettingOf(name).status), Contains(bad.first) && Contains(bad.second));
  }
}

TEST_CASE("Local mode is switched on by the program or by the environment, and is without an address") {
  {
    const Environment environment(Variables{{"IOCLUSTER_LOCAL_MODE", "1"}, {"IOCLUSTER_ADDRESS", "127.0.0.1:7000"}});
    CHECK(CompleteOptions({}).value().local_mode);
    CHECK_FALSE(CompleteOptions({.address = "127.0.0.1:7000"}).value().local_mode);
  }
  {
    const Environment environment(Variables{{"IOCLUSTER_LOCAL_MODE", "0"}});
    CHECK_FALSE(CompleteOptions({}).value().local_mode);
    CHECK(CompleteOptions({.local_mode = true}).value().local_mode);
  }
  CHECK_THAT(Complaint(CompleteOptions({.address = "127.0.0.1:7000", .local_mode = true}).status()),
             Contains("local_mode") && Contains("127.0.0.1:7000"));
}

TEST_CASE("A store that is too small is refused with the minimum and why") {
  CHECK_THAT(Complaint(CompleteOptions({.object_store_memory = 1000}).status()),
             Contains("ConnectOptions.object_store_memory") && Contains("16 MiB at least") && Contains("slab"));
  const Environment environment(Variables{{"IOCLUSTER_OBJECT_STORE_MEMORY", "1000"}});
  CHECK_THAT(Complaint(CompleteOptions({}).status()),
             Contains("IOCLUSTER_OBJECT_STORE_MEMORY") && Contains("16 MiB at least") && Contains("slab"));
}

TEST_CASE("A spill directory or limit that can't be is refused with what to write") {
  CHECK_THAT(Complaint(CompleteOptions({.spill_directory = "spill"}).status()),
             Contains("ConnectOptions.spill_directory") && Contains("begin it with /"));
  CHECK_THAT(Complaint(CompleteOptions({.spill_limit = -5}).status()),
             Contains("ConnectOptions.spill_limit is -5") && Contains("0 to spill nothing"));
}

TEST_CASE("Resources of one's own are not CPUs and GPUs in disguise, and amounts are in range") {
  const Environment environment(Variables{});
  CHECK_THAT(Complaint(CompleteOptions({.resources = {{"CPU", 2}}}).status()), Contains("ConnectOptions.cpus"));
  CHECK_THAT(Complaint(CompleteOptions({.resources = {{"gpus", 2}}}).status()), Contains("ConnectOptions.gpus"));
  CHECK_THAT(Complaint(CompleteOptions({.resources = {{"Memory", 2}}}).status()), Contains("call it memory"));
  CHECK_THAT(Complaint(CompleteOptions({.cpus = 1e300}).status()), Contains("1e+300"));
  CHECK(CompleteOptions({.resources = {{"memory", 2e9}, {"tpu", 1}}}).ok());
}

TEST_CASE("What is set and means nothing is listed last, with the nearest that means something") {
  const Environment environment(
      Variables{{"IOCLUSTER_ADRESS", "h:1"}, {"IOCLUSTER_QQQQ", ""}, {"IOCLUSTER_WORKER", "1"}});
  CHECK_THAT(Complaint(SettingOf("IOCLUSTER_ADRESS").status), Contains("did you mean IOCLUSTER_ADDRESS?"));
  CHECK_THAT(Complaint(SettingOf("IOCLUSTER_QQQQ").status), !Contains("did you mean"));
  CHECK_THAT(Complaint(SettingOf("IOCLUSTER_WORKER").status), Contains("unset it"));
}

TEST_CASE("What is not set is listed with what holds instead") {
  const Environment environment(Variables{});
  AsioEnv env({.background_thread = false});
  const std::vector<EnvironmentSetting> settings = DescribeEnvironment(env);
  CHECK(settings.size() == 11);
  for (const EnvironmentSetting& setting : settings) {
    INFO(setting.name);
    CHECK(setting.status.ok());
    CHECK_FALSE(setting.is_set);
    CHECK_FALSE(setting.value.empty());
    CHECK_FALSE(setting.about.empty());
  }
}

}  // namespace
}  // namespace ioc

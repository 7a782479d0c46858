// Drivers whose program can't be run by the node: an error that names it, and what to do.
#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/cluster.h"
#include "lib/env_asio/asio_env.h"
#include "runtime/client/client.h"
#include "tests/cluster/real_cluster.h"

namespace ioc {
namespace {

using Catch::Contains;

int One() { return 1; }

// What a driver's Cluster owns.
class DriverState final : public internal::ClusterState {
 public:
  explicit DriverState(Client* client) : client_(client) {}
  ~DriverState() override { client_->Release(); }
  internal::Runtime& runtime() override { return *client_; }
  void Shutdown() override { client_->Shutdown(); }

 private:
  Client* const client_;
};

// How a task ends on a node whose workers are to run `program`.
absl::Status RunAsWorkers(const RealCluster& cluster, const std::string& program) {
  const std::string listing = cluster.Ask({"nodes", "--json"}).output;
  const std::string key = "\"id\": \"";
  const size_t begin = listing.find(key) + key.size();
  const std::string id = listing.substr(begin, listing.find('"', begin) - begin);
  auto* client = new Client(std::make_shared<AsioEnv>(AsioEnvOptions{.log_level = LogLevel::kError}), nullptr);
  auto state = std::make_unique<DriverState>(client);
  const absl::Status connected = client->Connect(
      {.role = Role::kDriver, .node_address = absl::StrCat("unix:ioc-", id), .program = {.path = program}});
  REQUIRE(connected.ok());
  const Cluster driver(std::move(state));
  return driver.Submit<One>().Get(kPatience).status();
}

TEST_CASE("A program that vanished, can't be executed, or is for another machine is named, and others are served on") {
  RealCluster cluster({"alpha"});
  const TemporaryDirectory directory;
  std::string foreign(64, '\0');
  foreign.replace(0, 5, "\177ELF\2");
  foreign[18] = 22;  // IBM S/390
  const auto write = [&](const std::string& name, const std::string& bytes, bool executable) {
    std::ofstream(directory / name) << bytes;
    if (executable) std::filesystem::permissions(directory / name, std::filesystem::perms::owner_all);
  };
  write("plain", "#!/bin/sh\n", false);
  write("text", "hello", true);
  write("foreign", foreign, true);
  const std::vector<std::pair<std::string, std::string>> programs = {
      {"vanished", "there is no such file"},
      {"plain", "it is not executable; chmod +x it"},
      {"text", "neither a program nor a script"},
      {"foreign", "it is built for another machine (ELF type 22)"},
  };
  for (const auto& [name, why] : programs) {
    INFO(name);
    const absl::Status status = RunAsWorkers(cluster, directory / name);
    CHECK(CauseOf(status) == Cause::kProgramMissing);
    CHECK_THAT(std::string(status.message()), Contains(absl::StrCat("can't run ", directory / name)) && Contains(why));
  }
  CHECK_THAT(cluster.RunDriver({"hello"}).output, Contains("ran on alpha"));
}

}  // namespace
}  // namespace ioc

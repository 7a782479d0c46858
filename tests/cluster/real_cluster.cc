#include "tests/cluster/real_cluster.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace ioc {

TemporaryDirectory::TemporaryDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "iocluster-test-XXXXXX").string();
  REQUIRE(::mkdtemp(path_.data()) != nullptr);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> IoclusterCommand(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), IOCLUSTER_EXECUTABLE);
  return arguments;
}

std::string AwaitHeadAddress(Process& head) {
  const std::string before = "head ready on ";
  const std::string line = head.AwaitLine(before);
  const size_t begin = line.find(before) + before.size();
  return line.substr(begin, line.find(' ', begin) - begin);
}

RealCluster::RealCluster(const std::vector<std::string>& nodes)
    : head_(std::make_unique<Process>(IoclusterCommand({"head", "--listen", "127.0.0.1:0"}))),
      address_(AwaitHeadAddress(*head_)) {
  for (const std::string& name : nodes) AddNode(name);
}

Process& RealCluster::AddNode(const std::string& name, const std::vector<std::string>& flags) {
  std::vector<std::string> command =
      IoclusterCommand({"node", "--head", address_, "--name", name, "--cpus", "2", "--store-memory", "64MiB"});
  command.insert(command.end(), flags.begin(), flags.end());
  auto node = std::make_unique<Process>(command, Environment{{"IOCLUSTER_CACHE", directory_ / name}});
  node->AwaitLine("node " + name + " ready");
  return *(nodes_[name] = std::move(node));
}

Outcome RealCluster::Ask(std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"--address", address_});
  return Run(IoclusterCommand(std::move(arguments)));
}

std::unique_ptr<Process> RealCluster::StartDriver(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {DRIVER_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return std::make_unique<Process>(command, Environment{{"IOCLUSTER_ADDRESS", address_}});
}

Outcome RealCluster::RunDriver(const std::vector<std::string>& arguments) const {
  return StartDriver(arguments)->Wait();
}

}  // namespace ioc

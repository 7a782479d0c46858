// A head and nodes as people start them, each a process with a cache directory of its own, on loopback. All of them end
// with it.
#ifndef IOCLUSTER_TESTS_CLUSTER_REAL_CLUSTER_H_
#define IOCLUSTER_TESTS_CLUSTER_REAL_CLUSTER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/cluster/process.h"

namespace ioc {

// A new empty directory, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// `iocluster ARGUMENTS`.
std::vector<std::string> IoclusterCommand(std::vector<std::string> arguments);

class RealCluster {
 public:
  // Starts the head and a node of each name.
  explicit RealCluster(const std::vector<std::string>& nodes = {});

  // Starts a node with 2 CPUs and `flags`, and waits until it is ready.
  Process& AddNode(const std::string& name, const std::vector<std::string>& flags = {});

  const std::string& address() const { return address_; }
  Process& head() { return *head_; }
  Process& node(const std::string& name) { return *nodes_.at(name); }
  // Where a node keeps the programs that it has fetched.
  std::string ProgramsOf(const std::string& node) const { return directory_ / node + "/programs"; }
  // For what the test's programs leave to each other.
  const TemporaryDirectory& directory() const { return directory_; }

  // `iocluster ARGUMENTS --address ADDRESS`.
  Outcome Ask(std::vector<std::string> arguments) const;
  // The driver program with these arguments, on this cluster.
  std::unique_ptr<Process> StartDriver(const std::vector<std::string>& arguments) const;
  Outcome RunDriver(const std::vector<std::string>& arguments) const;

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Process> head_;
  std::string address_;
  std::map<std::string, std::unique_ptr<Process>> nodes_;
};

// The address in "head ready on ADDRESS (cluster ...)".
std::string AwaitHeadAddress(Process& head);

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_CLUSTER_REAL_CLUSTER_H_

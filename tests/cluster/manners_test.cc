// What is left when a program or a node ends, in whichever way: no process and no file.
#include <absl/strings/str_cat.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/cluster/real_cluster.h"

namespace ioc {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;

// The processes that were started with this text in their environment, or by others that were.
std::vector<pid_t> ProcessesWith(const std::string& text) {
  std::vector<pid_t> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/proc", none)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string environment{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (environment.find(text) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

// But for those that other tests of this directory make there for themselves.
std::set<std::string> SharedMemoryFiles() {
  static const std::regex of_tests("ioc-[a-z]+-[0-9]+");
  std::set<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/dev/shm", none)) {
    const std::string name = entry.path().filename().string();
    if (!std::regex_match(name, of_tests)) names.insert(name);
  }
  return names;
}

std::vector<std::string> EntriesBelow(const std::string& directory) {
  std::vector<std::string> entries;
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(directory, none)) entries.push_back(entry.path());
  return entries;
}

// A place where a program finds nothing but empty directories for its files.
class Place {
 public:
  Environment environment() const {
    Environment result;
    for (const char* name : {"HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "IOCLUSTER_CACHE"}) {
      result.emplace_back(name, directory_.path());
    }
    return result;
  }
  void CheckNothingIsLeft() const {
    CHECK(WaitUntil([this] { return ProcessesWith(directory_.path()).empty(); }));
    CHECK(EntriesBelow(directory_.path()) == std::vector<std::string>());
    CHECK(SharedMemoryFiles() == shared_memory_);
  }
  const std::string& path() const { return directory_.path(); }

 private:
  const TemporaryDirectory directory_;
  const std::set<std::string> shared_memory_ = SharedMemoryFiles();
};

TEST_CASE("However a program ends, nothing of its cluster is left, and its own exit code stays") {
  const std::vector<std::pair<std::string, int>> ends = {
      {"return", 0}, {"exit", 3}, {"_exit", 4}, {"abort", 128 + SIGABRT}, {"throw", 128 + SIGABRT}};
  for (const auto& [end, exit_code] : ends) {
    INFO(end);
    const Place place;
    Process program({MANNERS_DRIVER, end}, place.environment());
    program.AwaitLine("at work");
    CHECK(program.Wait().exit_code == exit_code);
    place.CheckNothingIsLeft();
  }
  for (const int signal : {SIGTERM, SIGKILL, SIGINT}) {
    INFO(signal);
    const Place place;
    Process program({MANNERS_DRIVER, "wait"}, place.environment());
    program.AwaitLine("at work");
    CHECK(ProcessesWith(place.path()).size() >= 3);  // the program, its workers, and what they come from
    program.Signal(signal);
    CHECK(program.Wait().exit_code == 128 + signal);
    place.CheckNothingIsLeft();
  }
}

TEST_CASE("A node that is killed leaves no worker and no file behind") {
  RealCluster cluster;
  const Place place;
  Process node(IoclusterCommand(
                   {"node", "--head", cluster.address(), "--name", "alpha", "--cpus", "2", "--store-memory", "64MiB"}),
               place.environment());
  node.AwaitLine("node alpha ready");
  Process program({MANNERS_DRIVER, "wait"}, {{"IOCLUSTER_ADDRESS", cluster.address()}});
  program.AwaitLine("at work");
  CHECK(ProcessesWith(place.path()).size() >= 3);
  node.Signal(SIGKILL);
  node.Wait();
  place.CheckNothingIsLeft();
  // It has no process of its own that could be left.
  program.Signal(SIGKILL);
  program.Wait();
  CHECK(cluster.Ask({"ping"}).exit_code == 0);
}

TEST_CASE("A program whose standard error nobody reads is not ended by what its workers say there") {
  const std::string talk = absl::StrCat(MANNERS_DRIVER, " talk 1000 2>&1 >&3; echo ended with $? >&3");
  const Outcome outcome = Run({"/bin/sh", "-c", absl::StrCat("{ { ", talk, "; } | true; } 3>&1")});
  CHECK_THAT(outcome.output, Contains("ended with 0"));
}

TEST_CASE("A node whose output nobody reads serves its programs on") {
  RealCluster cluster({"alpha"});
  const Environment there = {{"IOCLUSTER_ADDRESS", cluster.address()}};
  CHECK(Run({MANNERS_DRIVER, "talk", "100000"}, there).exit_code == 0);
  CHECK(Run({MANNERS_DRIVER, "talk", "1"}, there).exit_code == 0);
}

TEST_CASE("Ctrl-C is for the program alone, which may live through it with its workers") {
  CHECK(Run({MANNERS_DRIVER, "interrupted"}).exit_code == 0);
}

#if defined(OMP_DRIVER)
TEST_CASE("OpenMP in a task takes as many threads as the task has CPUs, unless the user has said how many") {
  const Outcome follows = Run({"/usr/bin/env", "-u", "OMP_NUM_THREADS", OMP_DRIVER});
  CHECK_THAT(follows.output, Contains("task of 1: 1 before main, 1 now\n"
                                      "task of 3: 1 before main, 3 now\n"
                                      "task of 1: 1 before main, 1 now\n"
                                      "actor of 2: 1 before main, 2 now\n"));
  const Outcome says = Run({OMP_DRIVER}, {{"OMP_NUM_THREADS", "2"}});
  CHECK_THAT(says.output,
             Contains("task of 3: 2 before main, 2 now\n") && Contains("task of 1: 2 before main, 2 now\n"));
}
#endif

}  // namespace
}  // namespace ioc

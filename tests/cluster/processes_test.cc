// A head and nodes as processes, and drivers that use them: placement, actors, objects, programs, ends.
#include <absl/strings/str_cat.h>
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cluster/real_cluster.h"

namespace ioc {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;

const std::vector<std::string> kNames = {"alpha", "beta", "gamma"};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The first line that begins like this, empty if there is none.
std::string LineOf(const std::string& output, const std::string& beginning) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(beginning)) return line;
  }
  return "";
}

std::vector<fs::path> FilesIn(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory, none)) files.push_back(entry.path());
  return files;
}

// The processes that the driver's tasks reported in the cluster's directory, by the tasks' names.
pid_t ReportedPid(const RealCluster& cluster, const std::string& task) {
  pid_t pid = 0;
  std::ifstream(cluster.directory() / task) >> pid;
  REQUIRE(pid > 0);
  return pid;
}

// Whether a program for checking it finds `text` to be JSON.
bool IsJson(const TemporaryDirectory& directory, const std::string& text) {
  const std::string path = directory / "listing.json";
  std::ofstream(path) << text;
  return Run({"/usr/bin/env", "python3", "-m", "json.tool", path}).exit_code == 0;
}

TEST_CASE("Tasks spread over the nodes") {
  RealCluster cluster(kNames);
  const TemporaryDirectory meeting;
  const Outcome outcome = cluster.RunDriver({"spread", meeting.path()});
  CHECK_THAT(outcome.output, Contains("met on alpha beta gamma"));
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("Tasks go where names, labels, regions, resources and declared GPUs ask for") {
  RealCluster cluster;
  cluster.AddNode("alpha", {"--region", "eu", "--resource", "tpu=1", "--label", "disk=hdd"});
  cluster.AddNode("beta", {"--region", "asia", "--label", "disk=nvme"});
  cluster.AddNode("gamma", {"--gpus", "1", "--gpu-model", "RTX 4090", "--gpu-memory", "24GiB"});
  const Outcome outcome = cluster.RunDriver({"place"});
  for (const char* fact :
       {"name: beta\n", "label: beta\n", "no label: gamma\n", "region: beta\n", "resource: alpha\n", "gpu: gamma\n"}) {
    CHECK_THAT(outcome.output, Contains(fact));
  }
  CHECK_THAT(outcome.output, Contains("no such gpu: error (unschedulable)") && Contains("A100"));
  CHECK_THAT(outcome.output, Contains("too many: error (unschedulable)") && Contains("1000 CPU"));
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("What nothing satisfies is told at the driver while it waits, once, and runs when a node comes that can") {
  RealCluster cluster({"alpha"});
  const auto driver = cluster.StartDriver({"hope", cluster.directory().path()});
  const std::string warning = driver->AwaitLine("can't be placed now");
  CHECK_THAT(warning, Contains("W ") && Contains("NodeName (and 2 more)") && Contains("tpu"));
  CHECK_THAT(warning, Contains("it fails when that has been so for"));
  cluster.AddNode("beta", {"--resource", "tpu=1"});
  std::ofstream(cluster.directory() / "go") << "go";
  const std::string output = driver->Wait().output;
  CHECK_THAT(output, Contains("ran on beta\nran on beta\nran on beta\n"));
  CHECK(output.find("can't be placed") == output.rfind("can't be placed"));
}

TEST_CASE("Actors on all nodes call each other") {
  RealCluster cluster(kNames);
  const Outcome outcome = cluster.RunDriver({"ring", "alpha", "beta", "gamma"});
  for (const char* trace : {"passed alpha>beta>gamma", "passed beta>gamma>alpha", "passed gamma>alpha>beta"}) {
    CHECK_THAT(outcome.output, Contains(trace));
  }
}

TEST_CASE("Objects made on each node are read on each, with the right bytes") {
  RealCluster cluster(kNames);
  const Outcome outcome = cluster.RunDriver({"objects", "alpha", "beta", "gamma"});
  for (const std::string& maker : kNames) {
    for (const std::string& reader : kNames) {
      CHECK_THAT(outcome.output, Contains(absl::StrCat(maker, " to ", reader, " right 20971533\n")));
    }
    CHECK_THAT(outcome.output, Contains(maker + " to driver right\n"));
  }
}

TEST_CASE("An actor's name leads another program's driver to it, until its owner has ended") {
  RealCluster cluster(kNames);
  const auto owner = cluster.StartDriver({"keep-named", cluster.directory().path()});
  owner->AwaitLine("counter at 101");
  CHECK_THAT(cluster.RunDriver({"use-named"}).output, Contains("counter at 111\n"));

  SECTION("a program of another build calls what both know, and is told what is not there") {
    const Outcome stranger = Run({STRANGER_PROGRAM, "calls"}, {{"IOCLUSTER_ADDRESS", cluster.address()}});
    CHECK_THAT(stranger.output, Contains("increment: 112\n"));
    CHECK_THAT(stranger.output,
               Contains("has no task function 'Counter::Decrement'") && Contains("run the same program on both sides"));
  }
  SECTION("the owner sees what others did, and the name ends with it") {
    std::ofstream(cluster.directory() / "go") << "go";
    CHECK_THAT(owner->Wait().output, Contains("counter ended at 111"));
    CHECK_THAT(cluster.RunDriver({"use-named"}).output, Contains("error (actor died)") && Contains("counter"));
  }
}

TEST_CASE("Nodes that don't have the program fetch it, and check it before each run") {
  RealCluster cluster(kNames);
  for (const std::string& name : kNames) {
    CHECK_THAT(cluster.RunDriver({"run-on", name}).output, Contains("ran on " + name + "\n"));
  }
  const std::string program = ReadFile(DRIVER_PROGRAM);
  std::set<std::string> fetched;
  for (const std::string& name : kNames) {
    for (const fs::path& file : FilesIn(cluster.ProgramsOf(name))) {
      CHECK(file.filename().string().size() == 64);
      CHECK(ReadFile(file) == program);
      fetched.insert(file.filename());
    }
  }
  REQUIRE(fetched.size() == 1);  // the same name everywhere: that of its content

  // A node that finds something else under that name fetches it anew.
  const fs::path damaged = fs::path(cluster.ProgramsOf("delta")) / *fetched.begin();
  fs::create_directories(damaged.parent_path());
  std::ofstream(damaged) << "#!/bin/sh\ntouch " << cluster.directory() / "harm" << '\n';
  fs::permissions(damaged, fs::perms::owner_all);
  Process& delta = cluster.AddNode("delta");
  CHECK_THAT(cluster.RunDriver({"run-on", "delta"}).output, Contains("ran on delta\n"));
  CHECK(ReadFile(damaged) == program);
  CHECK_FALSE(fs::exists(cluster.directory() / "harm"));
  CHECK_THAT(delta.AwaitLine("damaged"), Contains("is damaged; fetching it again"));
}

// Where the open files of a process lie.
std::vector<std::string> OpenFiles(pid_t pid) {
  std::vector<std::string> files;
  std::error_code none;
  for (const fs::path& link : FilesIn("/proc/" + std::to_string(pid) + "/fd")) {
    files.push_back(fs::read_symlink(link, none).string());
  }
  return files;
}

TEST_CASE("More than a node's memory is made, read everywhere, and leaves no file though the node is killed") {
  RealCluster cluster;
  const TemporaryDirectory disk;
  Process& small = cluster.AddNode("small", {"--spill-directory", disk.path(), "--spill-limit", "1GiB"});
  cluster.AddNode("other");
  const auto driver = cluster.StartDriver({"spill", cluster.directory().path(), "small", "other"});
  for (const char* reader : {"small", "other", "driver"}) {
    CHECK(driver->AwaitLine(std::string(reader) + " reads ") == std::string(reader) + " reads 32 right");
  }
  const std::vector<std::string> open = OpenFiles(small.pid());
  CHECK(std::count_if(open.begin(), open.end(), [&](const auto& file) { return file.starts_with(disk.path()); }) == 1);
  CHECK(FilesIn(disk.path()).empty());
  small.Signal(SIGKILL);
  CHECK(small.Wait().exit_code == 128 + SIGKILL);
  CHECK(FilesIn(disk.path()).empty());
  std::ofstream(cluster.directory() / "go") << "go";
}

TEST_CASE("What a program reads of a cluster that it has left is not given to others") {
  RealCluster cluster;
  cluster.AddNode("only", {"--spill-limit", "0"});
  CHECK_THAT(cluster.RunDriver({"outlive"}).output, Contains("filled 14, the view is right"));
}

TEST_CASE("A driver that is killed takes its workers with it, and the cluster serves the next") {
  RealCluster cluster(kNames);
  const TemporaryDirectory directory;
  const auto driver = cluster.StartDriver({"work", cluster.directory().path()});
  driver->AwaitLine("at work");
  const std::vector<pid_t> workers = {ReportedPid(cluster, "one"), ReportedPid(cluster, "two"),
                                      ReportedPid(cluster, "three")};
  driver->Signal(SIGKILL);
  CHECK(driver->Wait().exit_code == 128 + SIGKILL);
  for (pid_t pid : workers) CHECK(WaitUntil([&] { return !IsRunning(pid); }));
  CHECK_THAT(cluster.RunDriver({"hello"}).output, Contains("ran on "));
}

TEST_CASE("A node that is killed in the middle of its work costs errors and retries, and nothing hangs") {
  RealCluster cluster(kNames);
  const auto driver = cluster.StartDriver({"lose-node", cluster.directory().path(), "alpha", "beta", "gamma"});
  const std::string victim = driver->AwaitLine("kill ").substr(5);
  const pid_t worker = ReportedPid(cluster, "pinned");
  cluster.node(victim).Signal(SIGKILL);
  const Outcome outcome = driver->Wait();
  CHECK_THAT(outcome.output, Contains("pinned: error (node died)") && Contains("attempt 1") && Contains(victim));
  CHECK_THAT(outcome.output, Contains("actor: error (actor died)"));
  CHECK_THAT(LineOf(outcome.output, "stored: "), Contains("error (object lost)") && Contains("node " + victim));
  CHECK_THAT(outcome.output, Contains("retried: elsewhere\nretried: elsewhere\nretried: elsewhere\n"));
  CHECK(outcome.exit_code == 0);
  CHECK(WaitUntil([&] { return !IsRunning(worker); }));
  CHECK_THAT(cluster.Ask({"nodes"}).output, Contains("dead for"));
}

TEST_CASE("A worker that is idle ends, and what it owned is there for those who refer to it") {
  RealCluster cluster(kNames);
  const Outcome outcome = cluster.RunDriver({"retire", cluster.directory().path(), "alpha", "beta", "gamma"});
  CHECK_THAT(outcome.output, Contains("ended: 1\n"));
  CHECK_THAT(outcome.output, Contains("small: 42\n"));
  CHECK_THAT(outcome.output, Contains("large: there\n"));
}

TEST_CASE("25,000 operations of every kind on two nodes, while workers are killed, leave nothing behind") {
  RealCluster cluster({"alpha", "beta"});
  const Outcome outcome = cluster.StartDriver({"everything", "25000"})->Wait(10 * kPatience);
  CHECK_THAT(outcome.output, Contains("ran 25"));
  CHECK_THAT(outcome.output, !Contains("mistake: ") && !Contains("held: "));
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("Listings are JSON, and stop ends the head, the nodes and their workers") {
  RealCluster cluster(kNames);
  const auto driver = cluster.StartDriver({"work", cluster.directory().path()});
  driver->AwaitLine("at work");
  const Outcome status = cluster.Ask({"status", "--json"});
  CHECK(IsJson(cluster.directory(), status.output));
  CHECK_THAT(status.output, Contains("\"nodes\": 3"));
  const Outcome objects = cluster.Ask({"objects", "--json"});
  CHECK(IsJson(cluster.directory(), objects.output));
  CHECK_THAT(objects.output, Contains("\"tasks\": 3") && Contains("\"role\": \"worker\""));
  CHECK_THAT(cluster.Ask({"objects"}).output, Contains("OWNED") && Contains("driver pid"));
  const Outcome nodes = cluster.Ask({"nodes", "--json"});
  CHECK(IsJson(cluster.directory(), nodes.output));
  for (const std::string& name : kNames) CHECK_THAT(nodes.output, Contains("\"name\": \"" + name + "\""));

  CHECK(cluster.Ask({"stop"}).exit_code == 0);
  CHECK(cluster.head().Wait().exit_code == 0);
  for (const std::string& name : kNames) {
    const Outcome node = cluster.node(name).Wait();
    CHECK(node.exit_code == 0);
    CHECK_THAT(node.output, !Contains("lost the head"));
  }
  for (const char* task : {"one", "two", "three"}) {
    CHECK(WaitUntil([&] { return !IsRunning(ReportedPid(cluster, task)); }));
  }
  const Outcome ended = driver->Wait();
  CHECK(ended.exit_code == 0);
  CHECK_THAT(ended.output, Contains("ended: error (disconnected)") && Contains("the cluster was stopped"));
  CHECK_THAT(ended.output, !Contains("node died") && !Contains("worker died"));
}

TEST_CASE("A driver that hosts its own node hears that the cluster was stopped") {
  RealCluster cluster;
  const auto driver = cluster.StartDriver({"hello"});
  CHECK(WaitUntil([&] { return cluster.Ask({"status", "--json"}).output.find("\"nodes\": 1") != std::string::npos; }));
  CHECK(cluster.Ask({"stop"}).exit_code == 0);
  const Outcome outcome = driver->Wait();
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.output, Contains("ran on error (disconnected)") && Contains("the cluster was stopped"));
}

TEST_CASE("A node's drivers hear that it was stopped, and the head's log tells an end from an accident") {
  RealCluster cluster({"alpha", "beta"});
  const auto driver = cluster.StartDriver({"linger", cluster.directory().path()});
  const std::string own = driver->AwaitLine("on ").substr(3);
  const std::string other = own == "alpha" ? "beta" : "alpha";
  cluster.node(own).Signal(SIGTERM);
  CHECK_THAT(driver->Wait().output, Contains("error (disconnected)") && Contains("node " + own + " was stopped"));
  CHECK(cluster.node(own).Wait().exit_code == 0);
  CHECK_THAT(cluster.Ask({"nodes"}).output, !Contains(own) && Contains(other));
  cluster.node(other).Signal(SIGKILL);
  CHECK_THAT(cluster.head().AwaitLine("is lost"), Contains("W ") && Contains("node " + other + " is lost"));
  CHECK(cluster.Ask({"stop"}).exit_code == 0);
  CHECK_THAT(cluster.head().Wait().output, !Contains("node " + own));
}

}  // namespace
}  // namespace ioc

// Detached actors on real clusters: drivers come and go, processes are killed, and nothing is left at the end.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <signal.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/cluster/real_cluster.h"

namespace ioc {
namespace {

using Catch::Contains;

// Of "visited: ... on NODE in PID".
pid_t PidIn(const std::string& output) {
  const std::vector<std::string> words = absl::StrSplit(output, absl::ByAnyChar(" \n"));
  pid_t pid = 0;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "in") static_cast<void>(absl::SimpleAtoi(words[i + 1], &pid));
  }
  INFO(output);
  REQUIRE(pid > 0);
  return pid;
}

// Whether a program lies there, complete: its name is its hash.
bool HasProgram(const std::string& directory) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
    if (entry.path().filename().string().size() == 64) return true;
  }
  return false;
}

TEST_CASE("A detached actor serves one driver after the other, is made again when it is killed, and is evicted") {
  RealCluster cluster({"alpha", "beta"});
  const Outcome made = cluster.RunDriver({"settle", "house"});
  CHECK_THAT(made.output, Contains("settled: house,maker on "));
  const pid_t first = PidIn(made.output);
  CHECK(IsRunning(first));

  const Outcome visited = cluster.RunDriver({"visit", "guest", "alpha", "beta"});
  CHECK_THAT(visited.output, Contains("visited: house,maker,guest on "));
  CHECK_THAT(visited.output, Contains("sent to alpha\n") && Contains("sent to beta\n"));
  CHECK(PidIn(visited.output) == first);

  const Outcome listed = cluster.Ask({"actors"});
  CHECK_THAT(listed.output, Contains("resident  town") && Contains("Resident") && Contains("alive") && Contains("yes"));
  CHECK_THAT(cluster.Ask({"actors", "--json"}).output, Contains("\"restarts\": 0") && Contains("\"detached\": true"));

  ::kill(first, SIGKILL);
  const Outcome again = cluster.RunDriver({"visit", "friend"});
  CHECK_THAT(again.output, Contains("visited: house,friend on "));
  const pid_t second = PidIn(again.output);
  CHECK(second != first);

  CHECK_THAT(cluster.Ask({"actors", "--json"}).output, Contains("\"restarts\": 1"));
  const Outcome evicted = cluster.RunDriver({"evict"});
  CHECK_THAT(evicted.output, Contains("killed: OK\n") && Contains("found: 0\n"));
  CHECK_THAT(evicted.output, Contains("visited: error (actor died): actor") && Contains("was killed"));
  CHECK(WaitUntil([&] { return !IsRunning(second); }));
}

TEST_CASE("A detached actor is made though its driver has left at once, and ends with the cluster") {
  RealCluster cluster({"alpha"});
  CHECK(cluster.RunDriver({"settle-and-go"}).exit_code == 0);
  const pid_t pid = PidIn(cluster.RunDriver({"visit", "guest"}).output);
  CHECK_THAT(cluster.RunDriver({"settle", "rival"}).output,
             Contains("the name \"resident\" in the name space \"town\""));
  CHECK(cluster.Ask({"stop"}).exit_code == 0);
  CHECK(WaitUntil([&] { return !IsRunning(pid); }));
}

TEST_CASE("A detached actor is made again on another node when its own is killed") {
  RealCluster cluster({"alpha", "beta"});
  const Outcome made = cluster.RunDriver({"settle", "house"});
  const std::string home = made.output.find(" on alpha ") != std::string::npos ? "alpha" : "beta";
  const std::string other = home == "alpha" ? "beta" : "alpha";
  // The driver's node may be the one that goes, so the other one has been told to fetch the program.
  REQUIRE(WaitUntil([&] { return home != "alpha" || HasProgram(cluster.ProgramsOf("beta")); }));
  cluster.node(home).Signal(SIGKILL);
  const Outcome again = cluster.RunDriver({"visit", "friend"});
  CHECK_THAT(again.output, Contains(absl::StrCat("visited: house,friend on ", other)));
  CHECK_FALSE(IsRunning(PidIn(made.output)));
}

TEST_CASE("A detached actor whose constructor throws tells its callers, and leaves the name") {
  RealCluster cluster({"alpha"});
  const Outcome outcome = cluster.RunDriver({"settle", "nowhere"});
  CHECK_THAT(outcome.output, Contains("settled: error (actor died)") && Contains("there is no house there"));
  CHECK_THAT(cluster.RunDriver({"settle", "house"}).output, Contains("settled: house,maker"));
}

}  // namespace
}  // namespace ioc

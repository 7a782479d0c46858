// Everything at once with real processes, also while they are killed: in the end nothing is held, and memory stays
// flat.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"
#include "tests/held.h"
#include "tests/mixed_load.h"

namespace ioc {
namespace {

int Plus(int a, int b) { return a + b; }

class Adder {
 public:
  int Add(int by) { return sum_ += by; }

 private:
  int sum_ = 0;
};

// The workers of an embedded cluster.
std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  std::ifstream list(absl::StrCat("/proc/self/task/", ::getpid(), "/children"));
  for (pid_t pid = 0; list >> pid;) children.push_back(pid);
  return children;
}

uint64_t ResidentBytes(pid_t pid) {
  std::ifstream statm(absl::StrCat("/proc/", pid, "/statm"));
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t ResidentBytes() {
  uint64_t sum = ResidentBytes(::getpid());
  for (const pid_t child : Children()) sum += ResidentBytes(child);
  return sum;
}

void CheckNothingHeld(const Cluster& cluster) {
  std::string held;
  // Idle slabs go back after seconds, and so do the objects of workers that were killed.
  WaitUntil(
      [&] {
        held = absl::StrJoin(HeldIn(cluster.ObjectsJson().value()), "\n");
        return held.empty();
      },
      2 * kPatience);
  CHECK(held == "");
}

// Fewer where a sanitizer makes each of them slow.
constexpr int kOperations = 100'000 / IOC_SLOWDOWN;

TEST_CASE("100,000 operations of every kind leave nothing behind") {
  const Cluster cluster = Embedded();
  const MixedLoadReport report =
      RunMixedLoad(cluster, {.operations = kOperations, .patience = kPatience, .near = true}, [](int) {});
  CHECK(absl::StrJoin(report.mistakes, "\n") == "");
  CHECK(report.lost == 0);
  CheckNothingHeld(cluster);
}

TEST_CASE("100,000 operations of every kind while workers are killed leave nothing behind") {
  const Cluster cluster = Embedded();
  std::minstd_rand random(7);
  int next_kill = 500;
  const auto kill_sometimes = [&](int operations) {
    if (operations < next_kill) return;
    next_kill = operations + 500;
    const std::vector<pid_t> workers = Children();
    if (!workers.empty()) ::kill(workers[random() % workers.size()], SIGKILL);
  };
  const MixedLoadOptions options{.operations = kOperations, .faults = true, .patience = kPatience, .near = true};
  const MixedLoadReport report = RunMixedLoad(cluster, options, kill_sometimes);
  CHECK(absl::StrJoin(report.mistakes, "\n") == "");
  CheckNothingHeld(cluster);
}

TEST_CASE("memory stays flat over 200,000 tasks and calls") {
  const Cluster cluster = Embedded();
  const ActorHandle<Adder> actor = cluster.Create<Adder>();
  const auto run = [&](int rounds) {
    for (int round = 0; round < rounds; ++round) {
      std::vector<ObjectRef<int>> refs;
      for (int i = 0; i < 500; ++i) {
        refs.push_back(cluster.Submit<Plus>(i, round));
        refs.push_back(actor.Call<&Adder::Add>(1));
      }
      REQUIRE(cluster.Get(refs, kPatience).ok());
      for (int i = 0; i < 20; ++i) REQUIRE(cluster.Submit<Plus>(i, 1).Get(kPatience).value() == i + 1);
    }
  };
  run(50);
  const uint64_t before = ResidentBytes();
  run(150);
  const uint64_t after = ResidentBytes();
  INFO("before " << before << ", after " << after);
  if (IOC_SLOWDOWN == 1) CHECK(after < before + 8 * kMiB);  // sanitizers keep what was freed
  // The actor is all that is there.
  std::string held;
  WaitUntil([&] {
    held = absl::StrJoin(HeldIn(cluster.ObjectsJson().value()), "\n");
    return held.find("tasks") == std::string::npos && held.find("answers") == std::string::npos &&
           held.find("pending") == std::string::npos;
  });
  for (const char* none : {"tasks", "answers", "pending", "jobs", "in_transit", "streams", "pins", "objects"}) {
    CHECK_THAT(held, !Catch::Contains(none));
  }
  CHECK_THAT(held, Catch::Contains("owned 1\n") || Catch::Contains("owned 1"));
}

}  // namespace
}  // namespace ioc

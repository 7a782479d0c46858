// Clusters begin and end: what outlives them, what they leave behind, and programs that can't be workers.
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;

int Add(int a, int b) { return a + b; }
int64_t Pid() { return ::getpid(); }

int RunUntilCancelled() {
  WaitUntil(Cancelled);
  return 0;
}

class Adder {
 public:
  int Add(int by) { return sum_ += by; }
  int64_t Pid() const { return ::getpid(); }

 private:
  int sum_ = 0;
};

// The processes that this one has started and not yet seen the end of.
std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  std::ifstream list(absl::StrCat("/proc/self/task/", ::getpid(), "/children"));
  for (pid_t pid = 0; list >> pid;) children.push_back(pid);
  return children;
}

bool IsGone(int64_t pid) { return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH; }

TEST_CASE("Several clusters run one after the other in one process") {
  for (int i = 0; i < 4; ++i) {
    const Cluster cluster = Embedded();
    CHECK(cluster.Submit<Add>(i, 1).Get(kPatience).value() == i + 1);
    CHECK(Cluster::Current().node_name() == cluster.node_name());
  }
}

TEST_CASE("Two clusters run beside each other") {
  const Cluster one = Embedded();
  const Cluster two = Embedded();
  const ObjectRef<int> a = one.Submit<Add>(1, 1);
  const ObjectRef<int> b = two.Submit<Add>(2, 2);
  CHECK(a.Get(kPatience).value() == 2);
  CHECK(b.Get(kPatience).value() == 4);
}

TEST_CASE("A reference and a handle outlive their cluster and say that it is gone") {
  std::optional<Cluster> cluster = Embedded();
  const ObjectRef<int> done = cluster->Submit<Add>(1, 2);
  REQUIRE(done.Get(kPatience).ok());
  const ObjectRef<int> running = cluster->Submit<RunUntilCancelled>();
  const ActorHandle<Adder> adder = cluster->Create<Adder>();
  cluster.reset();
  CHECK(CauseOf(running.Get(kPatience).status()) == Cause::kDisconnected);
  CHECK(CauseOf(adder.Call<&Adder::Add>(1).Get(kPatience).status()) == Cause::kDisconnected);
}

TEST_CASE("No process is left behind, also by tasks that still run") {
  const std::vector<pid_t> before = Children();
  std::vector<int64_t> workers;
  {
    const Cluster cluster = Embedded();
    const ActorHandle<Adder> adder = cluster.Create<Adder>();
    workers = {cluster.Submit<Pid>().Get(kPatience).value(), adder.Call<&Adder::Pid>().Get(kPatience).value()};
    for (int i = 0; i < 4; ++i) static_cast<void>(cluster.Submit<RunUntilCancelled>());
  }
  CHECK(WaitUntil([&] { return Children() == before; }));
  for (int64_t pid : workers) CHECK(WaitUntil([&] { return IsGone(pid); }));
}

TEST_CASE("Four threads use one cluster at once") {
  const Cluster cluster = Embedded();
  const ActorHandle<Adder> adder = cluster.Create<Adder>();
  std::vector<int> failures(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const ObjectRef<int> sum = cluster.Submit<Add>(t, i);
        adder.Call<&Adder::Add>(1);
        const ObjectRef<std::string> text = cluster.Put(std::string(i % 10 == 0 ? 200000 : 10, 'a' + t));
        if (sum.Get(kPatience).value_or(-1) != t + i) ++failures[t];
        if (text.Get(kPatience).value_or("?").back() != 'a' + t) ++failures[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == std::vector<int>(4, 0));
  CHECK(adder.Call<&Adder::Add>(0).Get(kPatience).value() == 400);
}

// Does it again and again, until it fails otherwise than by what it looks for not being there.
absl::Status UntilDisconnected(std::atomic<int>& done, const std::function<absl::Status()>& act) {
  absl::Status status;
  while (CauseOf(status = act()) != Cause::kDisconnected && CauseOf(status) != Cause::kDeadline) ++done;
  return status;
}

TEST_CASE("Threads that wait for a cluster or use it are told when it is shut down") {
  Cluster cluster = Embedded();
  const ObjectRef<int> running = cluster.Submit<RunUntilCancelled>();
  const ActorHandle<Adder> adder = cluster.Create<Adder>();
  const std::vector<std::function<absl::Status(std::atomic<int>&)>> uses = {
      [&](auto&) { return running.Get(kPatience).status(); },
      [&](auto&) {
        const WaitResult<int> result = cluster.Wait({running}, 1, kPatience);
        return result.ready.empty() ? absl::OkStatus() : result.ready.front().Get().status();
      },
      [&](auto& done) {
        return UntilDisconnected(done, [&] { return cluster.Submit<Add>(1, 2).Get(kPatience).status(); });
      },
      [&](auto& done) {
        return UntilDisconnected(done, [&] { return adder.Call<&Adder::Add>(1).Get(kPatience).status(); });
      },
      [&](auto& done) {
        return UntilDisconnected(done, [&] { return cluster.Put(std::string(200'000, 'x')).Get(kPatience).status(); });
      },
      [&](auto& done) { return UntilDisconnected(done, [&] { return cluster.NewArray<int>({50'000}).status(); }); },
      [&](auto& done) { return UntilDisconnected(done, [&] { return cluster.FindActor<Adder>("adder").status(); }); },
      [&](auto& done) { return UntilDisconnected(done, [&] { return cluster.NodesJson().status(); }); }};
  std::vector<std::atomic<int>> done(uses.size());
  std::vector<absl::Status> ends(uses.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < uses.size(); ++i) threads.emplace_back([&, i] { ends[i] = uses[i](done[i]); });
  // All but the first two come round and round.
  CHECK(WaitUntil(
      [&] { return std::all_of(done.begin() + 2, done.end(), [](const auto& count) { return count > 3; }); }));
  cluster.Shutdown();
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < ends.size(); ++i) {
    INFO(i << ": " << ends[i]);
    CHECK(CauseOf(ends[i]) == Cause::kDisconnected);
  }
}

struct Outcome {
  std::string output;
  int exit_code = -1;
};

// Runs the program that is no good worker.
Outcome RunStranger(const std::string& behaviour) {
  Outcome outcome;
  FILE* pipe = ::popen(absl::StrCat("exec timeout 60 ", STRANGER_PROGRAM, " ", behaviour, " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) outcome.output += static_cast<char>(c);
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

TEST_CASE("A program that never calls Connect as a worker is told so, within 10 seconds") {
  const Outcome outcome = RunStranger("sleeps");
  CHECK(outcome.exit_code == 1);
  CHECK_THAT(outcome.output, Contains("stranger") && Contains("did not call ioc::Cluster::Connect within 10s") &&
                                 Contains("call it first thing in main"));
}

TEST_CASE("A program that ends before it calls Connect as a worker is told so, with its exit code and last words") {
  const Outcome outcome = RunStranger("returns");
  CHECK(outcome.exit_code == 1);
  CHECK_THAT(outcome.output, Contains("exited with code 5") && Contains("before it called ioc::Cluster::Connect") &&
                                 Contains("not my kind of work"));
}

}  // namespace
}  // namespace ioc

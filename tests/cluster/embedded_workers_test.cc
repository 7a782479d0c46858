// Workers as processes: where they come from, what they find in their environment, how they end.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;

// Destroyed when a process that has used it calls exit.
struct Farewell {
  ~Farewell() {
    if (said) std::fprintf(stderr, "destructors run\n");
  }
  bool said = false;
};
Farewell farewell;

int ExitInOrder(int code) {
  farewell.said = true;
  std::exit(code);
}

std::string OmpThreads() {
  const char* value = std::getenv("OMP_NUM_THREADS");
  return value == nullptr ? "unset" : value;
}

// Waits inside a stream, holding its lock, for as long as this process lives. Before, its id is in the file.
std::string ReadForEver(const std::string& file) {
  const std::string command =
      "echo $PPID > " + file + ".new; mv " + file + ".new " + file + "; exec tail --pid=$PPID -f /dev/null";
  std::FILE* stream = ::popen(command.c_str(), "re");
  char line[256] = "";
  static_cast<void>(std::fgets(line, sizeof line, stream));
  ::pclose(stream);
  return line;
}

class Reader {
 public:
  std::string Read(const std::string& file) { return ReadForEver(file); }
};

class Worker {
 public:
  Worker() : random_(std::random_device()()) {}
  std::pair<int, int> Parentage() const { return {::getpid(), ::getppid()}; }
  uint64_t Random() { return random_(); }
  // What a program that it starts has open beside the three that it should have.
  std::string OpenInPrograms() const {
    // The directory that ls reads is 3.
    std::FILE* list = ::popen("/bin/ls /proc/self/fd | tr '\\n' ' '", "re");
    char line[256] = "";
    static_cast<void>(std::fgets(line, sizeof line, list));
    ::pclose(list);
    return line;
  }
  std::string OmpThreads() const { return ioc::OmpThreads(); }
  std::string Environment(const std::string& name) const {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? "unset" : value;
  }

 private:
  std::mt19937_64 random_;
};

TEST_CASE("Workers come from one process that is no worker, and are their own otherwise") {
  const Cluster cluster = Embedded();
  std::vector<ActorHandle<Worker>> actors;
  for (int i = 0; i < 4; ++i) actors.push_back(cluster.Create<Worker>());
  std::set<int> pids;
  std::set<int> parents;
  std::set<uint64_t> numbers;
  for (const auto& actor : actors) {
    const auto [pid, parent] = actor.Call<&Worker::Parentage>().Get(kPatience).value();
    pids.insert(pid);
    parents.insert(parent);
    numbers.insert(actor.Call<&Worker::Random>().Get(kPatience).value());
    CHECK(actor.Call<&Worker::OpenInPrograms>().Get(kPatience).value() == "0 1 2 3 ");
    for (const char* name :
         {"IOCLUSTER_WORKER", "IOCLUSTER_WORKER_FD", "IOCLUSTER_WORKER_TEMPLATE_FD", "IOCLUSTER_WORKER_DEFAULTS"}) {
      CHECK(actor.Call<&Worker::Environment>(name).Get(kPatience).value() == "unset");
    }
  }
  CHECK(pids.size() == 4);
  CHECK(numbers.size() == 4);
#if !defined(__SANITIZE_THREAD__)  // with a thread of its own nothing is forked
  REQUIRE(parents.size() == 1);
  CHECK_FALSE(pids.contains(*parents.begin()));
  CHECK(*parents.begin() != ::getpid());
#endif
}

TEST_CASE("std::exit in a task ends its worker in order, and the code is kept") {
  const Cluster cluster = Embedded();
  for (int code : {0, 7, 255}) {
    const absl::Status status =
        cluster.With(TaskOptions{.max_retries = 0}).Submit<ExitInOrder>(code).Get(kPatience).status();
    CHECK(CauseOf(status) == Cause::kWorkerDied);
    CHECK_THAT(std::string(status.message()),
               Contains("exited with code " + std::to_string(code)) && Contains("destructors run"));
  }
}

TEST_CASE("OMP_NUM_THREADS is a task's CPUs, in whichever worker it runs, unless the user has set it") {
  SECTION("not set") {
    ::unsetenv("OMP_NUM_THREADS");
    const Cluster cluster = Embedded({.cpus = 3});
    const auto with = [&](double cpus) {
      return cluster.With(TaskOptions{.cpus = cpus}).Submit<OmpThreads>().Get(kPatience).value();
    };
    CHECK(with(1) == "1");
    CHECK(with(3) == "3");
    CHECK(with(0.5) == "1");
    CHECK(with(2) == "2");
    CHECK(cluster.Create<Worker>().Call<&Worker::OmpThreads>().Get(kPatience).value() == "1");
    CHECK(cluster.With(ActorOptions{.cpus = 2}).Create<Worker>().Call<&Worker::OmpThreads>().Get(kPatience).value() ==
          "2");
    CHECK(OmpThreads() == "unset");
  }
  SECTION("set") {
    ::setenv("OMP_NUM_THREADS", "5", 1);
    const Cluster cluster = Embedded({.cpus = 2});
    CHECK(cluster.With(TaskOptions{.cpus = 2}).Submit<OmpThreads>().Get(kPatience).value() == "5");
    ::unsetenv("OMP_NUM_THREADS");
  }
}

// The signals that the process catches, blocks and ignores.
std::vector<std::string> SignalState() {
  std::vector<std::string> state;
  std::FILE* status = std::fopen("/proc/self/status", "re");
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr) {
    for (const char* field : {"SigBlk", "SigIgn", "SigCgt"}) {
      if (std::string(line).starts_with(field)) state.emplace_back(line);
    }
  }
  std::fclose(status);
  return state;
}

TEST_CASE("A cluster handles no signals, and leaves the program's own children to it") {
  std::thread([] {}).join();  // glibc handles one of its own signals from the first thread on
  const std::vector<std::string> before = SignalState();
  const pid_t own = ::fork();
  if (own == 0) ::_exit(9);
  {
    const Cluster cluster = Embedded();
    CHECK_FALSE(cluster.With(TaskOptions{.max_retries = 0}).Submit<ExitInOrder>(1).Get(kPatience).ok());
    CHECK(cluster.Submit<OmpThreads>().Get(kPatience).ok());
    CHECK(SignalState() == before);
  }
  CHECK(SignalState() == before);
  int status = 0;
  REQUIRE(::waitpid(own, &status, 0) == own);
  CHECK(WEXITSTATUS(status) == 9);
  CHECK(::waitpid(-1, &status, WNOHANG) == -1);  // and nobody else's is left
}

TEST_CASE("Programs that a driver starts have nothing of its cluster open") {
  const std::string before = Worker().OpenInPrograms();
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<OmpThreads>().Get(kPatience).ok());
  CHECK(Worker().OpenInPrograms() == before);
}

TEST_CASE("A process that waits inside a stream ends when it is told to") {
  const Cluster cluster = Embedded();
  const std::string file = "/tmp/ioc-reads-" + std::to_string(::getpid());
  const auto pid_in_file = [&file] {
    int pid = 0;
    std::ifstream(file) >> pid;
    return pid;
  };
  SECTION("a task, by a forced cancel") {
    const auto reading = cluster.Submit<ReadForEver>(file);
    REQUIRE(WaitUntil([&] { return pid_in_file() != 0; }));
    CHECK(cluster.Cancel(reading, {.force = true}).ok());
    CHECK(WaitUntil([&] { return ::kill(pid_in_file(), 0) != 0; }));
    CHECK(CauseOf(reading.Get(kPatience).status()) == Cause::kCancelled);
  }
  SECTION("an actor, by Kill") {
    const auto actor = cluster.Create<Reader>();
    const auto reading = actor.Call<&Reader::Read>(file);
    REQUIRE(WaitUntil([&] { return pid_in_file() != 0; }));
    CHECK(cluster.Kill(actor).ok());
    CHECK(WaitUntil([&] { return ::kill(pid_in_file(), 0) != 0; }));
    CHECK(CauseOf(reading.Get(kPatience).status()) == Cause::kActorDied);
  }
  ::unlink(file.c_str());
}

}  // namespace
}  // namespace ioc

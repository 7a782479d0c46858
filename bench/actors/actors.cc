// ioc_bench_actors: how fast actors with a process each come into being, and what an idle one costs in memory; with
// workers that are forked from a template, and with workers that are all started anew, in turn.
#include <absl/strings/str_cat.h>
#include <iocluster/iocluster.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "bench/quick/samples.h"

extern char** environ;

namespace ioc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;
constexpr int kActors = 200;
constexpr absl::Duration kPatience = absl::Seconds(60);

class Someone {
 public:
  int64_t Pid() const { return ::getpid(); }
};

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// The share of the machine's memory that the process has, in MB; 0 if that is not known.
double ProportionalMb(int64_t pid) {
  std::ifstream rollup(absl::StrCat("/proc/", pid, "/smaps_rollup"));
  for (std::string word; rollup >> word;) {
    double kib = 0;
    if (word == "Pss:" && rollup >> kib) return kib * 1024 / 1e6;
  }
  return 0;
}

// How many processes that do nothing this machine starts a second, one after the other.
double SpawnsPerS() {
  const Clock::time_point begin = Clock::now();
  std::string program = "/bin/true";
  char* arguments[] = {program.data(), nullptr};
  int started = 0;
  for (; started < kActors; ++started) {
    pid_t pid = 0;
    if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environ) != 0) break;
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  return started / SecondsSince(begin);
}

absl::Status MeasureOnce(int argc, char** argv, const std::string& way, Samples& samples) {
  absl::StatusOr<Cluster> cluster = Cluster::Connect(argc, argv, {.object_store_memory = 64 * kMiB, .cpus = 2});
  if (!cluster.ok()) return cluster.status();
  // The program has been started once.
  if (absl::Status status = cluster->Create<Someone>().Call<&Someone::Pid>().Get(kPatience).status(); !status.ok()) {
    return status;
  }
  const Clock::time_point begin = Clock::now();
  std::vector<ActorHandle<Someone>> actors;
  std::vector<ObjectRef<int64_t>> refs;
  for (int i = 0; i < kActors; ++i) {
    actors.push_back(cluster->Create<Someone>());
    refs.push_back(actors.back().Call<&Someone::Pid>());
  }
  absl::StatusOr<std::vector<int64_t>> pids = cluster->Get(refs, kPatience);
  if (!pids.ok()) return pids.status();
  samples.Add(absl::StrCat("actors_", way, "_per_s"), "spawn_floor_per_s", kActors / SecondsSince(begin));
  double mb = 0;
  for (int64_t pid : *pids) mb += ProportionalMb(pid);
  samples.Add(absl::StrCat("actor_", way, "_pss_mb"), "", mb / kActors);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (std::getenv("IOCLUSTER_WORKER") != nullptr) return Cluster::Connect(argc, argv).ok() ? 0 : 1;
  Samples samples;
  for (int round = 0; round < kRounds; ++round) {
    samples.Add("spawn_floor_per_s", "", SpawnsPerS());
    for (const bool forked : {true, false}) {
      setenv("IOCLUSTER_FORK", forked ? "1" : "0", 1);
      const absl::Status status = MeasureOnce(argc, argv, forked ? "forked" : "started", samples);
      if (!status.ok()) {
        std::fprintf(stderr, "ioc_bench_actors: %s\n", std::string(status.message()).c_str());
        return 1;
      }
    }
  }
  std::printf("%s", samples.Table().c_str());
  return 0;
}

}  // namespace
}  // namespace ioc::bench

int main(int argc, char** argv) { return ioc::bench::Main(argc, argv); }

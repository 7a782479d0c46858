// A program with a cluster of its own, or with the one that IOCLUSTER_ADDRESS names, at work with tasks and an actor
// when it says so; then it ends in the way that its argument names:
//   manners_driver return | exit | _exit | abort | throw | wait | talk LINES | interrupted
#include <absl/strings/str_cat.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "iocluster/iocluster.h"
#include "tests/cluster/wait_until.h"

namespace {

int WaitForEver() {
  ioc::WaitUntil(ioc::Cancelled);
  return 0;
}

int Talk(int lines) {
  for (int i = 0; i < lines; ++i) std::fprintf(stderr, "a line that nobody reads\n");
  return lines;
}

class Idler {
 public:
  int64_t Pid() const { return ::getpid(); }
};

void End(std::string_view way) {
  if (way == "exit") std::exit(3);
  if (way == "_exit") ::_exit(4);
  if (way == "abort") std::abort();
  if (way == "throw") throw std::runtime_error("nobody catches this");
  if (way == "wait") ioc::WaitUntil([] { return false; });
}

// A terminal's Ctrl-C goes to all of a process group.
int Interrupted(ioc::Cluster& cluster) {
  ::signal(SIGINT, [](int) {});
  const auto actor = cluster.Create<Idler>();
  const auto pid = actor.Call<&Idler::Pid>().Get(ioc::kPatience);
  ::kill(0, SIGINT);
  const auto again = actor.Call<&Idler::Pid>().Get(ioc::kPatience);
  return pid.ok() && again.ok() && *pid == *again ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  // As a shell does; its workers run this, too.
  if (std::getenv("IOCLUSTER_WORKER") == nullptr) ::setpgid(0, 0);
  auto cluster = ioc::Cluster::Connect(argc, argv, {.object_store_memory = 64 * ioc::kMiB, .cpus = 2}).value();
  const std::string_view way = argc > 1 ? argv[1] : "";
  if (way == "talk") return cluster.Submit<Talk>(std::stoi(argv[2])).Get(ioc::kPatience).ok() ? 0 : 1;
  if (way == "interrupted") return Interrupted(cluster);
  const auto actor = cluster.Create<Idler>();
  std::vector<ioc::ObjectRef<int>> running;
  for (int i = 0; i < 2; ++i) running.push_back(cluster.Submit<WaitForEver>());
  auto array = cluster.NewArray<char>({5 << 20}).value();
  const auto stored = cluster.Put(std::move(array));
  if (!actor.Call<&Idler::Pid>().Get(ioc::kPatience).ok()) return 1;
  std::printf("at work\n");
  std::fflush(stdout);
  End(way);
  return 0;
}

// A program with a cluster of its own, or with the one that IOCLUSTER_ADDRESS names, at work with tasks and an actor
// when it says so; then it ends in the way that its argument names:
//   manners_driver return | exit | _exit | abort | throw | wait | talk
#include <absl/strings/str_cat.h>
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

}  // namespace

int main(int argc, char** argv) {
  auto cluster = ioc::Cluster::Connect(argc, argv, {.object_store_memory = 64 * ioc::kMiB, .cpus = 2}).value();
  const std::string_view way = argc > 1 ? argv[1] : "";
  if (way == "talk") return cluster.Submit<Talk>(1000).Get(ioc::kPatience).value_or(0) == 1000 ? 0 : 1;
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

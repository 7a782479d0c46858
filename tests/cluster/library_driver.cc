// A program with a shared library of its own: library_driver [--remove FILE] NODE...
//
// Prints what its task says on each node. Removes FILE once it is connected.
#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "iocluster/iocluster.h"
#include "tests/cluster/greeting.h"
#include "tests/cluster/wait_until.h"

namespace {

// With what a program that the task starts would find.
std::string Greet() {
  const char* path = std::getenv("LD_LIBRARY_PATH");
  return absl::StrCat(Greeting(), ", library path ", path == nullptr ? "unset" : path);
}

}  // namespace

int main(int argc, char** argv) {
  const auto cluster = ioc::Cluster::Connect(argc, argv, {.timeout = absl::Seconds(5)});
  if (!cluster.ok()) return 1;
  std::printf("on %s\n", cluster->node_name().c_str());
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--remove") {
      ::unlink(argv[++i]);
      continue;
    }
    const absl::StatusOr<std::string> said =
        cluster->With(ioc::TaskOptions{.where = {.nodes = {argv[i]}}}).Submit<Greet>().Get(ioc::kPatience);
    std::printf("%s: %s\n", argv[i], said.ok() ? said->c_str() : std::string(said.status().message()).c_str());
  }
  return 0;
}

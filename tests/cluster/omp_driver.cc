// A program with OpenMP in it: prints how many threads it has before main, in tasks of 1, 3, and again 1 CPUs, and in a
// method of an actor with 2.
#include <absl/strings/str_cat.h>
#include <omp.h>

#include <cstdio>
#include <string>

#include "iocluster/iocluster.h"
#include "tests/cluster/wait_until.h"

namespace {

const int kBeforeMain = omp_get_max_threads();

std::string Threads() {
  int running = 0;
#pragma omp parallel reduction(+ : running)
  running += 1;
  return absl::StrCat(kBeforeMain, " before main, ", running, " now");
}

class Member {
 public:
  std::string Threads() const { return ::Threads(); }
};

}  // namespace

int main(int argc, char** argv) {
  const auto cluster = ioc::Cluster::Connect(argc, argv, {.object_store_memory = 64 * ioc::kMiB, .cpus = 3}).value();
  for (const double cpus : {1, 3, 1}) {
    const auto said = cluster.With(ioc::TaskOptions{.cpus = cpus}).Submit<Threads>().Get(ioc::kPatience);
    std::printf("task of %.0f: %s\n", cpus, said.value_or("failed").c_str());
  }
  const auto member = cluster.With(ioc::ActorOptions{.cpus = 2}).Create<Member>();
  std::printf("actor of 2: %s\n", member.Call<&Member::Threads>().Get(ioc::kPatience).value_or("failed").c_str());
  return 0;
}

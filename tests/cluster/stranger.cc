// A program that uses an embedded cluster but, started again as a worker, does something else first:
//   stranger sleeps | returns     prints the error that its task comes back with and exits with 1
//   stranger calls                calls the actor "counter" that another program keeps
#include <absl/time/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "iocluster/iocluster.h"

// As in the driver program, but of another build, which has a method more.
class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Increment(int by) { return value_ += by; }
  int Decrement(int by) { return value_ -= by; }

 private:
  int value_;
};

namespace {

int One() { return 1; }

void Say(const char* what, const absl::StatusOr<int>& result) {
  std::printf("%s: %s\n", what,
              result.ok() ? std::to_string(*result).c_str() : std::string(result.status().message()).c_str());
}

int CallNamed(const ioc::Cluster& cluster) {
  const auto counter = cluster.FindActor<Counter>("counter").value();
  Say("increment", counter.Call<&Counter::Increment>(1).Get(absl::Seconds(20)));
  Say("decrement", counter.Call<&Counter::Decrement>(1).Get(absl::Seconds(20)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view behaviour = argc > 1 ? argv[1] : "";
  if (std::getenv("IOCLUSTER_WORKER") != nullptr) {
    if (behaviour == "sleeps") {
      while (true) ::pause();
    }
    std::fprintf(stderr, "not my kind of work\n");
    return 5;
  }
  auto cluster = ioc::Cluster::Connect(argc, argv, {.cpus = 1}).value();
  if (behaviour == "calls") return CallNamed(cluster);
  const absl::StatusOr<int> one = cluster.Submit<One>().Get(absl::Seconds(45));
  Say("one", one);
  return one.ok() ? 0 : 1;
}

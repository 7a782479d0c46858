// Prints the floor of this machine alone. Takes a second.
#include <cstdio>

#include "bench/floor/floor.h"

int main(int argc, char** argv) {
  if (std::optional<int> code = ioc::bench::ServeEchoIfAsked(argc, argv)) return *code;
  constexpr absl::Duration kDuration = absl::Milliseconds(300);
  auto floor = ioc::bench::EchoFloor::Start();
  if (!floor.ok()) {
    std::fprintf(stderr, "%s\n", floor.status().ToString().c_str());
    return 1;
  }
  const absl::StatusOr<double> sync = (*floor)->OneAtATime(kDuration);
  const absl::StatusOr<double> async = (*floor)->Batched(kDuration);
  for (const absl::Status& status : {sync.status(), async.status()}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("floor_echo_sync_per_s  %12.0f\n", *sync);
  std::printf("floor_echo_async_per_s %12.0f\n", *async);
  std::printf("floor_copy_gb_per_s    %12.1f\n", ioc::bench::WarmCopyGbPerS(100 << 20, kDuration));
  return 0;
}

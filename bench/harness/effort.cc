#include "bench/harness/effort.h"

namespace ioc::bench {

Effort SmokeEffort() {
  return {
      .rounds = 1,
      .slice = absl::ZeroDuration(),
      .calls = 500,
      .waited_refs = 50,
      .many_refs = 200,
      .returns = 100,
      .large_bytes = size_t{1} << 20,
      .stream_bytes = size_t{1} << 20,
      .actors = 3,
      .shared_actors = 50,
      .in_flight = {1, 16},
      .workers = {1, 2},
      .message_bytes = {16, size_t{256} << 10},
      .array_bytes = {size_t{1} << 20, size_t{2} << 20},
      .broadcast_bytes = size_t{4} << 20,
      .broadcast_nodes = 2,
      .nodes = {1, 2},
      .scale_tasks = 500,
      .queued_tasks = 2000,
      .row_tasks = 2000,
      .row_settled = 1000,
      .living_actors = 100,
  };
}

}  // namespace ioc::bench

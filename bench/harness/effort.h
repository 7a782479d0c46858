// How much work the measurements do.
#ifndef IOCLUSTER_BENCH_HARNESS_EFFORT_H_
#define IOCLUSTER_BENCH_HARNESS_EFFORT_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ioc::bench {

inline constexpr absl::Duration kPatience = absl::Minutes(2);  // for any one result

// The members' defaults are for figures.
struct Effort {
  int rounds = 7;                                  // that count, after one that warms up
  absl::Duration slice = absl::Milliseconds(200);  // of what is counted by time; zero: each loop runs once
  int calls = 20000;                               // at once
  int waited_refs = 1000;                          // by one Wait after the other
  int many_refs = 10000;                           // in one object, as arguments of one task, in one Get
  int returns = 3000;                              // of one task
  size_t large_bytes = size_t{100} << 20;          // an object
  size_t stream_bytes = size_t{256} << 20;         // of the floor under transfers
  int actors = 100;                                // with a process each
  int shared_actors = 20000;                       // in shared processes
  std::vector<int> in_flight = {1, 4, 16, 64, 256, 1024, 4096};
  std::vector<int> workers = {1, 2, 4};
  std::vector<size_t> message_bytes = {16, 256, 4096, size_t{32} << 10, size_t{256} << 10, size_t{2} << 20};
  std::vector<size_t> array_bytes = {size_t{1} << 20, size_t{8} << 20, size_t{32} << 20, size_t{128} << 20};

  size_t broadcast_bytes = size_t{1} << 30;
  int broadcast_nodes = 8;

  std::vector<int> nodes = {1, 4, 16, 64};  // the last is how many there are
  int scale_tasks = 100'000;                // over all nodes
  int queued_tasks = 1'000'000;             // at once
  int64_t row_tasks = 20'000'000;           // one after the other, 20,000 on the way
  int64_t row_settled = 1'000'000;          // after so many memory should not grow any more
  int living_actors = 100'000;              // shared ones, alive at once
};

// Where only whether the work is done right matters.
Effort SmokeEffort();

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_HARNESS_EFFORT_H_

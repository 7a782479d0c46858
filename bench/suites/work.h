// What runs in workers: the smallest tasks and actors that there are, and clients.
#ifndef IOCLUSTER_BENCH_SUITES_WORK_H_
#define IOCLUSTER_BENCH_SUITES_WORK_H_

#include <absl/status/statusor.h>
#include <iocluster/iocluster.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness/measurement.h"

namespace ioc::bench {

int Same(int x);
// Of as many bytes as are wanted, which nobody looks at: what carrying them costs.
int64_t Length(const std::string& bytes);
int64_t Sum(const std::vector<int>& numbers);
// 0, 1, ... count - 1.
std::vector<int> Numbers(int count);
// 0 + 1 + ... + count - 1.
int64_t SumBelow(int64_t count);

// The sum of a byte of each MiB.
int64_t Skim(const Array<uint8_t>& array);
// The process that it runs in.
int64_t Pid();

// Ends its process if it is the first to run with this path, which names no file yet.
int DieOnce(const std::string& path);

class Counter {
 public:
  int Add(int by) { return value_ += by; }
  int Same(int x) { return x; }
  int64_t Pid();

 private:
  int value_ = 0;
};

// An actor that is a client itself. What it submits it waits for, and checks; it returns how many right answers came.
class Client {
 public:
  absl::StatusOr<int64_t> RunTasks(int count);
  absl::StatusOr<int64_t> CallActor(const ActorHandle<Counter>& actor, int count);
  // One call after the other answered, `in_flight` on their way.
  absl::StatusOr<Flow> CallActorFor(ActorHandle<Counter> actor, double seconds, int in_flight);
  // One task at a time.
  absl::StatusOr<Flow> RunTasksFor(double seconds);
  // Objects that it owns and goes on referring to.
  std::vector<ObjectRef<int>> Keep(int count);

 private:
  std::vector<ObjectRef<int>> kept_;
};

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_SUITES_WORK_H_

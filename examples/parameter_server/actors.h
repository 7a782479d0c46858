// What runs on the nodes: servers that hold the parameters, and trainers that never wait for each other.
#ifndef IOCLUSTER_EXAMPLES_PARAMETER_SERVER_ACTORS_H_
#define IOCLUSTER_EXAMPLES_PARAMETER_SERVER_ACTORS_H_

#include <iocluster/actor.h>
#include <iocluster/array.h>
#include <iocluster/stream.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace parameter_server {

// Holds the rows of some digits. Its calls run one by one, so it needs no lock.
class Server {
 public:
  Server(size_t rows, float learning_rate);

  ioc::Array<float> Pull() const;
  // Moves the rows one step against the mean gradient of a trainer's batch.
  void Push(const ioc::Array<float>& gradient);
  // Steps so far.
  uint64_t steps() const { return steps_; }

 private:
  std::vector<float> rows_;
  const float learning_rate_;
  uint64_t steps_ = 0;
};

struct Progress {
  uint64_t images = 0;  // that it has learnt from
  double loss = 0;      // the mean over those since the last report
};

struct Plan {
  std::vector<ioc::ActorHandle<Server>> servers;  // of the first digits, the next ones, ...
  uint64_t batch = 0;                             // images a step
  uint64_t steps = 0;
};

// Learns from its own images: pulls the rows, computes a gradient, pushes it, without a word to other trainers.
class Trainer {
 public:
  // The images lie in shared memory: nothing is copied.
  Trainer(ioc::Array<float> images, ioc::Array<int32_t> labels);

  // Reports now and then.
  absl::Status Train(const Plan& plan, ioc::Yield<Progress>& report);

 private:
  const ioc::Array<float> images_;
  const ioc::Array<int32_t> labels_;
  size_t next_ = 0;
};

// All rows, from all servers.
absl::StatusOr<std::vector<float>> PullAll(const std::vector<ioc::ActorHandle<Server>>& servers);

}  // namespace parameter_server

#endif  // IOCLUSTER_EXAMPLES_PARAMETER_SERVER_ACTORS_H_

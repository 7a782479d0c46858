// What runs on the nodes: trainers that learn together, and replicas that serve what was learnt. One actor each, so
// each has a process and a CPU of its own.
#ifndef IOCLUSTER_EXAMPLES_DIGITS_ACTORS_H_
#define IOCLUSTER_EXAMPLES_DIGITS_ACTORS_H_

#include <iocluster/array.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "data.h"
#include "model.h"

namespace digits {

struct StepResult {
  std::vector<float> gradient;  // of the mean loss of the mini-batch
  float loss = 0;
  std::string node;  // where it was computed
};

// Keeps one shard of the images and one replica of the parameters. All trainers start with the same parameters and
// apply the same gradients, so they stay equal without ever sending parameters.
class Trainer {
 public:
  // `batch` images a step, at most as many as the shard has. The order in which they come depends on `seed` alone.
  Trainer(ioc::Array<float> images, ioc::Array<int32_t> labels, std::vector<float> parameters, uint32_t batch,
          uint32_t seed);

  // The gradient of the next mini-batch.
  StepResult Gradient();
  // Applies what all trainers found together, then the same for the next one.
  StepResult Step(const std::vector<float>& mean_gradient);
  // Applies the last gradient and returns the trained parameters.
  std::vector<float> Finish(const std::vector<float>& mean_gradient);

 private:
  size_t NextImage();

  const ioc::Array<float> images_;  // in shared memory; nothing is copied
  const ioc::Array<int32_t> labels_;
  std::vector<float> parameters_;
  Descent descent_;
  uint32_t batch_;
  std::mt19937 random_;
  std::vector<size_t> order_;  // of this pass over the shard
  size_t next_ = 0;
};

struct Answers {
  std::vector<int32_t> digits;
  std::string node;
};

// Answers with a trained model.
class Replica {
 public:
  explicit Replica(std::vector<float> parameters) : parameters_(std::move(parameters)) {}

  Answers Classify(const ioc::Array<float>& images) const;

 private:
  std::vector<float> parameters_;
};

}  // namespace digits

#endif  // IOCLUSTER_EXAMPLES_DIGITS_ACTORS_H_

// The network: 64 pixels, 64 hidden units (ReLU), 10 classes, trained on the mean softmax cross-entropy.
//
// Pure functions of spans: no cluster, no threads, no files. Parameters and gradients are flat: weights and biases of
// the first layer, then of the second. Images are rows of kPixels numbers from 0 to 1.
#ifndef IOCLUSTER_EXAMPLES_DIGITS_MODEL_H_
#define IOCLUSTER_EXAMPLES_DIGITS_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace digits {

inline constexpr size_t kPixels = 64;
inline constexpr size_t kHidden = 64;
inline constexpr size_t kClasses = 10;
inline constexpr size_t kParameters = kPixels * kHidden + kHidden + kHidden * kClasses + kClasses;

// Random weights (He's uniform initialisation), zero biases; the same for the same seed everywhere.
std::vector<float> InitialParameters(uint32_t seed);

// The mean loss of a batch of at least one image; `gradient` (kParameters long) receives its derivative by each
// parameter. T is float to train and double to check the derivatives.
template <typename T>
T LossAndGradient(std::span<const T> parameters, std::span<const T> images, std::span<const int32_t> labels,
                  std::span<T> gradient);

// The likeliest digit of each image.
std::vector<int32_t> Classify(std::span<const float> parameters, std::span<const float> images);

// Stochastic gradient descent with momentum.
class Descent {
 public:
  // Moves `parameters` one step against `gradient`; both are kParameters long.
  void Step(std::span<const float> gradient, std::span<float> parameters);

 private:
  std::vector<float> velocity_ = std::vector<float>(kParameters);
};

}  // namespace digits

#endif  // IOCLUSTER_EXAMPLES_DIGITS_MODEL_H_

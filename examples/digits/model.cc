#include "model.h"

#include <Eigen/Dense>
#include <cmath>
#include <random>

namespace digits {
namespace {

constexpr float kLearningRate = 0.1f;
constexpr float kMomentum = 0.9f;

template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T>
using Row = Eigen::Matrix<T, 1, Eigen::Dynamic>;

// The parts of a flat vector of parameters or derivatives; T is const where they are only read.
template <typename T>
struct Layers {
  using Value = std::remove_const_t<T>;
  template <typename M>
  using Part = Eigen::Map<std::conditional_t<std::is_const_v<T>, const M, M>>;

  explicit Layers(std::span<T> flat)
      : weights1(flat.data(), kPixels, kHidden),
        bias1(weights1.data() + weights1.size(), kHidden),
        weights2(bias1.data() + bias1.size(), kHidden, kClasses),
        bias2(weights2.data() + weights2.size(), kClasses) {}

  Part<Matrix<Value>> weights1;
  Part<Row<Value>> bias1;
  Part<Matrix<Value>> weights2;
  Part<Row<Value>> bias2;
};

template <typename T>
Eigen::Map<const Matrix<T>> AsRows(std::span<const T> images) {
  return {images.data(), static_cast<Eigen::Index>(images.size() / kPixels), kPixels};
}

template <typename T>
Matrix<T> HiddenUnits(const Layers<const T>& layers, std::span<const T> images) {
  Matrix<T> hidden = AsRows(images) * layers.weights1;
  hidden.rowwise() += layers.bias1;
  return hidden.cwiseMax(T{0});
}

template <typename T>
Matrix<T> Scores(const Layers<const T>& layers, const Matrix<T>& hidden) {
  Matrix<T> scores = hidden * layers.weights2;
  scores.rowwise() += layers.bias2;
  return scores;
}

}  // namespace

std::vector<float> InitialParameters(uint32_t seed) {
  std::vector<float> parameters(kParameters);
  std::mt19937 random(seed);
  // The standard fixes the engine's numbers but not its distributions', so the scaling is done here.
  auto fill = [&random](auto& weights, float limit) {
    for (float& weight : weights.reshaped()) weight = limit * (static_cast<float>(random()) / 2147483648.0f - 1.0f);
  };
  Layers<float> layers(parameters);
  fill(layers.weights1, std::sqrt(6.0f / kPixels));
  fill(layers.weights2, std::sqrt(6.0f / kHidden));
  return parameters;
}

template <typename T>
T LossAndGradient(std::span<const T> parameters, std::span<const T> images, std::span<const int32_t> labels,
                  std::span<T> gradient) {
  const Layers<const T> layers(parameters);
  const Matrix<T> hidden = HiddenUnits<T>(layers, images);
  Matrix<T> error = Scores(layers, hidden);  // becomes the loss's derivative by the scores
  const Eigen::Index count = error.rows();
  T loss = 0;
  for (Eigen::Index i = 0; i < count; ++i) {
    auto row = error.row(i);
    row.array() -= row.maxCoeff();  // the exponentials can't overflow
    const T log_sum = std::log(row.array().exp().sum());
    loss += log_sum - row(labels[i]);
    row = (row.array() - log_sum).exp();
    row(labels[i]) -= 1;
  }
  error /= static_cast<T>(count);

  Layers<T> derivatives(gradient);
  derivatives.weights2.noalias() = hidden.transpose() * error;
  derivatives.bias2 = error.colwise().sum();
  const Matrix<T> hidden_error =
      (error * layers.weights2.transpose()).cwiseProduct((hidden.array() > 0).template cast<T>().matrix());
  derivatives.weights1.noalias() = AsRows(images).transpose() * hidden_error;
  derivatives.bias1 = hidden_error.colwise().sum();
  return loss / static_cast<T>(count);
}

template float LossAndGradient<float>(std::span<const float>, std::span<const float>, std::span<const int32_t>,
                                      std::span<float>);
template double LossAndGradient<double>(std::span<const double>, std::span<const double>, std::span<const int32_t>,
                                        std::span<double>);

std::vector<int32_t> Classify(std::span<const float> parameters, std::span<const float> images) {
  const Layers<const float> layers(parameters);
  const Matrix<float> scores = Scores(layers, HiddenUnits<float>(layers, images));
  std::vector<int32_t> digits(scores.rows());
  for (Eigen::Index i = 0; i < scores.rows(); ++i) scores.row(i).maxCoeff(&digits[i]);
  return digits;
}

void Descent::Step(std::span<const float> gradient, std::span<float> parameters) {
  for (size_t i = 0; i < kParameters; ++i) {
    velocity_[i] = kMomentum * velocity_[i] - kLearningRate * gradient[i];
    parameters[i] += velocity_[i];
  }
}

}  // namespace digits

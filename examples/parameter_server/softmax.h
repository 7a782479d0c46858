// Multinomial logistic regression: a score for each digit, linear in the pixels.
//
// Pure functions of spans: no cluster, no threads, no files. Parameters are rows, one a digit: kPixels weights and a
// bias.
#ifndef IOCLUSTER_EXAMPLES_PARAMETER_SERVER_SOFTMAX_H_
#define IOCLUSTER_EXAMPLES_PARAMETER_SERVER_SOFTMAX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parameter_server {

inline constexpr size_t kPixels = 64;
inline constexpr size_t kDigits = 10;
inline constexpr size_t kRow = kPixels + 1;

// One image, `label` is what it shows: adds the derivatives of the loss (the negative logarithm of the probability that
// `rows` give to the label) to `gradient`, and returns the loss. Both have kDigits rows.
double AddGradient(std::span<const float> rows, std::span<const float> image, int32_t label, std::span<float> gradient);

// The likeliest digit.
int32_t Classify(std::span<const float> rows, std::span<const float> image);

}  // namespace parameter_server

#endif  // IOCLUSTER_EXAMPLES_PARAMETER_SERVER_SOFTMAX_H_

#include "softmax.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace parameter_server {
namespace {

std::array<double, kDigits> Scores(std::span<const float> rows, std::span<const float> image) {
  std::array<double, kDigits> scores = {};
  for (size_t digit = 0; digit < kDigits; ++digit) {
    const std::span<const float> row = rows.subspan(digit * kRow, kRow);
    double score = row[kPixels];
    for (size_t i = 0; i < kPixels; ++i) score += static_cast<double>(row[i]) * image[i];
    scores[digit] = score;
  }
  return scores;
}

}  // namespace

double AddGradient(std::span<const float> rows, std::span<const float> image, int32_t label,
                   std::span<float> gradient) {
  std::array<double, kDigits> scores = Scores(rows, image);
  const double largest = *std::max_element(scores.begin(), scores.end());  // the exponentials can't overflow
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - largest);
  for (size_t digit = 0; digit < kDigits; ++digit) {
    const auto error = static_cast<float>(scores[digit] / sum - (static_cast<int32_t>(digit) == label ? 1 : 0));
    const std::span<float> row = gradient.subspan(digit * kRow, kRow);
    for (size_t i = 0; i < kPixels; ++i) row[i] += error * image[i];
    row[kPixels] += error;
  }
  return -std::log(std::max(scores[static_cast<size_t>(label)] / sum, 1e-30));
}

int32_t Classify(std::span<const float> rows, std::span<const float> image) {
  const std::array<double, kDigits> scores = Scores(rows, image);
  return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

}  // namespace parameter_server

#include "model.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>

#include "data.h"

namespace digits {
namespace {

TEST_CASE("GradientAgreesWithFiniteDifferences") {
  constexpr size_t kCount = 7;
  std::mt19937 random(1);
  std::vector<double> images(kCount * kPixels);
  for (double& pixel : images) pixel = static_cast<double>(random() % 17) / 16;
  std::vector<int32_t> labels(kCount);
  for (int32_t& label : labels) label = static_cast<int32_t>(random() % kClasses);
  const std::vector<float> start = InitialParameters(2);
  std::vector<double> parameters(start.begin(), start.end());

  std::vector<double> gradient(kParameters);
  std::vector<double> unused(kParameters);
  LossAndGradient<double>(parameters, images, labels, gradient);
  for (size_t i = 0; i < kParameters; ++i) {
    constexpr double kStep = 1e-6;
    const double value = parameters[i];
    parameters[i] = value + kStep;
    const double above = LossAndGradient<double>(parameters, images, labels, unused);
    parameters[i] = value - kStep;
    const double below = LossAndGradient<double>(parameters, images, labels, unused);
    parameters[i] = value;
    INFO("parameter " << i);
    REQUIRE(gradient[i] == Approx((above - below) / (2 * kStep)).margin(1e-7).epsilon(1e-4));
  }
}

TEST_CASE("MeanOfEqualShardsGradientsIsTheBatchsGradient") {
  const Images images = HoldOutAFifth(ReadImages(DIGITS_DATA).value()).held_out;
  const std::vector<float> parameters = InitialParameters(3);
  std::vector<float> whole(kParameters);
  LossAndGradient<float>(parameters, images.pixels, images.labels, whole);
  std::vector<float> mean(kParameters);
  for (size_t shard = 0; shard < 4; ++shard) {
    const Images part = Shard(images, shard, 4);
    std::vector<float> gradient(kParameters);
    LossAndGradient<float>(parameters, part.pixels, part.labels, gradient);
    for (size_t i = 0; i < kParameters; ++i) mean[i] += gradient[i] / 4;
  }
  for (size_t i = 0; i < kParameters; ++i) REQUIRE(mean[i] == Approx(whole[i]).margin(1e-5));
}

TEST_CASE("WholeBatchDescentLearnsTheDigits") {
  const Division division = HoldOutAFifth(ReadImages(DIGITS_DATA).value());
  REQUIRE(division.training.size() == 1437);
  REQUIRE(division.held_out.size() == 360);
  std::vector<float> parameters = InitialParameters(1);
  std::vector<float> gradient(kParameters);
  Descent descent;
  for (int step = 0; step < 200; ++step) {
    LossAndGradient<float>(parameters, division.training.pixels, division.training.labels, gradient);
    descent.Step(gradient, parameters);
  }
  const std::vector<int32_t> answers = Classify(parameters, division.held_out.pixels);
  size_t right = 0;
  for (size_t i = 0; i < answers.size(); ++i) right += answers[i] == division.held_out.labels[i];
  REQUIRE(right >= 0.95 * division.held_out.size());
}

TEST_CASE("UnreadableFilesAreNamed") {
  REQUIRE(absl::IsNotFound(ReadImages("/nowhere/digits.csv.gz").status()));
  const std::string path = "model_test_broken.csv";
  std::ofstream(path) << "1,2,3\n";
  const absl::Status broken = ReadImages(path).status();
  std::remove(path.c_str());
  REQUIRE(std::string(broken.message()) == "line 1 of model_test_broken.csv has 3 fields instead of 65");
}

}  // namespace
}  // namespace digits

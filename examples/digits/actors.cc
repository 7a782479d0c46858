#include "actors.h"

#include <iocluster/cluster.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace digits {

Trainer::Trainer(ioc::Array<float> images, ioc::Array<int32_t> labels, std::vector<float> parameters, uint32_t batch,
                 uint32_t seed)
    : images_(std::move(images)),
      labels_(std::move(labels)),
      parameters_(std::move(parameters)),
      batch_(batch),
      random_(seed),
      order_(labels_.size()) {
  std::iota(order_.begin(), order_.end(), size_t{0});
}

StepResult Trainer::Gradient() {
  Images batch;
  for (uint32_t i = 0; i < batch_; ++i) {
    const size_t image = NextImage();
    batch.Append(images_.span().subspan(image * kPixels, kPixels), labels_[image]);
  }
  StepResult result{.gradient = std::vector<float>(kParameters), .node = ioc::Cluster::Current().node_name()};
  result.loss = LossAndGradient<float>(parameters_, batch.pixels, batch.labels, result.gradient);
  return result;
}

StepResult Trainer::Step(const std::vector<float>& mean_gradient) {
  descent_.Step(mean_gradient, parameters_);
  return Gradient();
}

std::vector<float> Trainer::Finish(const std::vector<float>& mean_gradient) {
  descent_.Step(mean_gradient, parameters_);
  return parameters_;
}

size_t Trainer::NextImage() {
  if (next_ % order_.size() == 0) {  // a new pass, in a new order (Fisher and Yates)
    next_ = 0;
    for (size_t i = order_.size() - 1; i > 0; --i) std::swap(order_[i], order_[random_() % (i + 1)]);
  }
  return order_[next_++];
}

Answers Replica::Classify(const ioc::Array<float>& images) const {
  return {.digits = digits::Classify(parameters_, images.span()), .node = ioc::Cluster::Current().node_name()};
}

}  // namespace digits

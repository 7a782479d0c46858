#include "actors.h"

#include <utility>

#include "softmax.h"

namespace parameter_server {
namespace {

constexpr uint64_t kReportEvery = 20;  // steps

}  // namespace

Server::Server(size_t rows, float learning_rate) : rows_(rows * kRow), learning_rate_(learning_rate) {}

ioc::Array<float> Server::Pull() const {
  return ioc::Array<float>::Copy({rows_.size() / kRow, kRow}, rows_).value();  // the shape fits
}

void Server::Push(const ioc::Array<float>& gradient) {
  for (size_t i = 0; i < rows_.size(); ++i) rows_[i] -= learning_rate_ * gradient[i];
  ++steps_;
}

absl::StatusOr<std::vector<float>> PullAll(const std::vector<ioc::ActorHandle<Server>>& servers) {
  std::vector<ioc::ObjectRef<ioc::Array<float>>> parts;
  for (const auto& server : servers) parts.push_back(server.Call<&Server::Pull>());  // all at once
  std::vector<float> rows;
  for (const auto& part : parts) {
    const absl::StatusOr<ioc::Array<float>> some = part.Get();
    if (!some.ok()) return some.status();
    rows.insert(rows.end(), some->begin(), some->end());
  }
  return rows;
}

Trainer::Trainer(ioc::Array<float> images, ioc::Array<int32_t> labels)
    : images_(std::move(images)), labels_(std::move(labels)) {}

absl::Status Trainer::Train(const Plan& plan, ioc::Yield<Progress>& report) {
  Progress progress;
  uint64_t since = 0;
  for (uint64_t step = 1; step <= plan.steps; ++step) {
    const absl::StatusOr<std::vector<float>> rows = PullAll(plan.servers);
    if (!rows.ok()) return rows.status();
    std::vector<float> gradient(rows->size());
    for (uint64_t i = 0; i < plan.batch; ++i, next_ = (next_ + 1) % labels_.size()) {
      progress.loss += AddGradient(*rows, images_.span().subspan(next_ * kPixels, kPixels), labels_[next_], gradient);
    }
    for (float& derivative : gradient) derivative /= static_cast<float>(plan.batch);
    size_t begin = 0;
    for (size_t i = 0; i < plan.servers.size(); ++i) {
      const size_t end = (i + 1) * kDigits / plan.servers.size() * kRow;
      const auto part = std::span(gradient).subspan(begin, end - begin);
      // Nobody waits for the answer: the next pull comes after it, since one caller's calls run in order.
      plan.servers[i].Call<&Server::Push>(ioc::Array<float>::Copy({part.size() / kRow, kRow}, part).value());
      begin = end;
    }
    progress.images += plan.batch;
    since += plan.batch;
    if (step % kReportEvery != 0 && step != plan.steps) continue;
    progress.loss /= static_cast<double>(since);
    if (!report(progress)) break;  // nobody listens any more
    progress.loss = 0;
    since = 0;
  }
  return absl::OkStatus();
}

}  // namespace parameter_server

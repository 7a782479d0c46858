// A parameter server: trainers learn to read digits, each at its own pace, from parameters that servers hold.
//
//   parameter_server [TRAINERS [SERVERS]]     2 and 2, unless told otherwise
#include <iocluster/iocluster.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "actors.h"
#include "data.h"
#include "softmax.h"

namespace parameter_server {
namespace {

constexpr uint64_t kBatch = 16;
constexpr uint64_t kEpochs = 12;
constexpr float kLearningRate = 0.25f;
constexpr double kWantedAccuracy = 0.92;
constexpr absl::Duration kPatience = absl::Seconds(60);  // for any one answer

// Into shared memory, where the trainers of this machine read it.
template <typename T>
absl::StatusOr<ioc::ObjectRef<ioc::Array<T>>> PutArray(const ioc::Cluster& cluster, const std::vector<T>& values) {
  absl::StatusOr<ioc::Array<T>> array = cluster.NewArray<T>({values.size()});
  if (!array.ok()) return array.status();
  std::copy(values.begin(), values.end(), array->begin());
  return cluster.Put(*std::move(array));
}

absl::StatusOr<ioc::ActorHandle<Trainer>> StartTrainer(const ioc::Cluster& cluster, const digits::Images& shard) {
  const auto images = PutArray(cluster, shard.pixels);
  if (!images.ok()) return images.status();
  const auto labels = PutArray(cluster, shard.labels);
  if (!labels.ok()) return labels.status();
  return cluster.Create<Trainer>(*images, *labels);
}

double AccuracyOf(const std::vector<float>& rows, const digits::Images& images) {
  size_t right = 0;
  for (size_t i = 0; i < images.size(); ++i) {
    right += Classify(rows, std::span(images.pixels).subspan(i * kPixels, kPixels)) == images.labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(images.size());
}

absl::StatusOr<double> Run(const ioc::Cluster& cluster, size_t trainers, size_t servers) {
  const absl::StatusOr<digits::Images> images = digits::ReadImages(PARAMETER_SERVER_DATA);
  if (!images.ok()) return images.status();
  const digits::Division division = digits::HoldOutAFifth(*images);

  Plan plan{.servers = {}, .batch = kBatch, .steps = kEpochs * division.training.size() / (kBatch * trainers)};
  for (size_t i = 0; i < servers; ++i) {
    const size_t rows = (i + 1) * kDigits / servers - i * kDigits / servers;
    plan.servers.push_back(cluster.Create<Server>(rows, kLearningRate));
  }
  std::vector<ioc::ActorHandle<Trainer>> working;
  std::vector<ioc::ObjectStream<Progress>> reports;
  for (size_t i = 0; i < trainers; ++i) {
    const auto trainer = StartTrainer(cluster, digits::Shard(division.training, i, trainers));
    if (!trainer.ok()) return trainer.status();
    working.push_back(*trainer);
    reports.push_back(trainer->Call<&Trainer::Train>(plan));
  }

  // One report of each, again and again; those that have ended drop out.
  while (!reports.empty()) {
    for (size_t i = 0; i < reports.size(); ++i) {
      const absl::StatusOr<std::optional<Progress>> report = reports[i].Next(kPatience);
      if (!report.ok()) return report.status();
      if (report->has_value()) {
        std::printf("%6llu images: loss %.3f\n", static_cast<unsigned long long>((*report)->images), (*report)->loss);
      } else {
        reports.erase(reports.begin() + static_cast<std::ptrdiff_t>(i--));
      }
    }
  }

  const absl::StatusOr<std::vector<float>> rows = PullAll(plan.servers);
  if (!rows.ok()) return rows.status();
  for (const auto& server : plan.servers) {
    const absl::StatusOr<uint64_t> steps = server.Call<&Server::steps>().Get(kPatience);
    if (!steps.ok()) return steps.status();
    std::printf("a server took %llu steps\n", static_cast<unsigned long long>(*steps));
  }
  return AccuracyOf(*rows, division.held_out);
}

// A number of the command line, or 2 if it is not there; 0 if it is none.
size_t Number(int argc, char** argv, int index) { return index < argc ? std::strtoull(argv[index], nullptr, 10) : 2; }

int Main(int argc, char** argv) {
  const size_t trainers = Number(argc, argv, 1);
  const size_t servers = Number(argc, argv, 2);
  if (trainers < 1 || trainers > 64 || servers < 1 || servers > kDigits) {
    std::fprintf(stderr, "usage: parameter_server [TRAINERS [SERVERS]], from 1 to 64 and from 1 to %zu\n", kDigits);
    return 2;
  }
  const absl::StatusOr<ioc::Cluster> cluster = ioc::Cluster::Connect(argc, argv);  // workers stay in here
  const absl::StatusOr<double> accuracy =
      cluster.ok() ? Run(*cluster, trainers, servers) : absl::StatusOr<double>(cluster.status());
  if (!accuracy.ok()) {
    std::fprintf(stderr, "parameter_server: %s\n", std::string(accuracy.status().message()).c_str());
    return 1;
  }
  std::printf("reads %.1f %% of the digits that it has never seen\n", 100 * *accuracy);
  if (*accuracy >= kWantedAccuracy) return 0;
  std::fprintf(stderr, "parameter_server: that is less than %.0f %%: it did not converge\n", 100 * kWantedAccuracy);
  return 1;
}

}  // namespace
}  // namespace parameter_server

int main(int argc, char** argv) { return parameter_server::Main(argc, argv); }

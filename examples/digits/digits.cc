// Trains a small network on handwritten digits on all nodes of a cluster, then serves it there.
//
// The driver reads the images and puts them into the object store, a shard for each trainer. In each step all trainers
// compute the gradient of their next mini-batch, the driver averages the gradients and puts the mean once, and each
// trainer applies it to its own replica of the parameters.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <iocluster/iocluster.h>

#include <algorithm>
#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "actors.h"
#include "data.h"
#include "model.h"
#include "options.h"
#include "report.h"

namespace digits {
namespace {

using Clock = std::chrono::steady_clock;
using Parameters = ioc::ObjectRef<std::vector<float>>;

constexpr size_t kBatch = 96;            // images a step, of all trainers together
constexpr size_t kImagesARequest = 72;   // when serving
constexpr size_t kRequestsAReplica = 2;  // in flight: one that runs and one that is next
constexpr uint32_t kSeed = 1;
constexpr double kWantedAccuracy = 0.95;
constexpr absl::Duration kPatience = absl::Seconds(60);  // for any one answer

// An actor for each CPU, on as many nodes as there are.
ioc::ActorOptions OneCpuEach() { return {.cpus = 1, .strategy = ioc::Strategy::kSpread}; }

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

template <typename T>
absl::StatusOr<ioc::ObjectRef<ioc::Array<T>>> PutArray(const ioc::Cluster& cluster, std::span<const T> values) {
  absl::StatusOr<ioc::Array<T>> array = cluster.NewArray<T>({values.size()});
  if (!array.ok()) return array.status();
  std::copy(values.begin(), values.end(), array->begin());
  return cluster.Put(*std::move(array));
}

// The CPUs of all nodes together.
absl::StatusOr<size_t> CountCpus(const ioc::Cluster& cluster) {
  absl::StatusOr<std::string> json = cluster.NodesJson();
  if (!json.ok()) return json.status();
  std::istringstream text(*json);
  boost::property_tree::ptree nodes;
  boost::property_tree::read_json(text, nodes);
  double cpus = 0;
  for (const auto& [key, node] : nodes) {
    if (node.get("alive", false)) cpus += node.get("total.CPU", 0.0);
  }
  if (cpus < 1)
    return absl::FailedPreconditionError("the cluster has no node with a CPU; start one with iocluster node");
  return static_cast<size_t>(cpus);
}

absl::StatusOr<std::vector<ioc::ActorHandle<Trainer>>> StartTrainers(const ioc::Cluster& cluster,
                                                                     const Images& training, size_t count) {
  const auto parameters = cluster.Put(InitialParameters(kSeed));
  const auto batch = static_cast<uint32_t>(std::max<size_t>(1, kBatch / count));
  std::vector<ioc::ActorHandle<Trainer>> trainers;
  for (size_t i = 0; i < count; ++i) {
    const Images shard = Shard(training, i, count);
    const auto images = PutArray<float>(cluster, shard.pixels);
    if (!images.ok()) return images.status();
    const auto labels = PutArray<int32_t>(cluster, shard.labels);
    if (!labels.ok()) return labels.status();
    const uint32_t seed = kSeed + static_cast<uint32_t>(i);
    trainers.push_back(cluster.With(OneCpuEach()).Create<Trainer>(*images, *labels, parameters, batch, seed));
  }
  return trainers;
}

std::vector<float> MeanGradient(const std::vector<StepResult>& results) {
  std::vector<float> mean(kParameters);
  for (const StepResult& result : results) {
    for (size_t i = 0; i < kParameters; ++i) mean[i] += result.gradient[i];
  }
  for (float& derivative : mean) derivative /= static_cast<float>(results.size());
  return mean;
}

double MeanLoss(const std::vector<StepResult>& results) {
  double sum = 0;
  for (const StepResult& result : results) sum += result.loss;
  return sum / static_cast<double>(results.size());
}

absl::StatusOr<Parameters> Train(const ioc::Cluster& cluster, const Images& training, const Options& options,
                                 Shares& shares) {
  auto trainers = StartTrainers(cluster, training, options.trainers);
  if (!trainers.ok()) return trainers.status();
  const size_t batch = std::max<size_t>(1, kBatch / options.trainers);
  const size_t steps_an_epoch = std::max<size_t>(1, training.size() / (batch * options.trainers));
  const size_t steps = options.epochs * steps_an_epoch;

  Progress progress("training", steps);
  std::vector<ioc::ObjectRef<StepResult>> pending;
  for (const auto& trainer : *trainers) pending.push_back(trainer.Call<&Trainer::Gradient>());
  Parameters mean;
  for (size_t step = 1; step <= steps; ++step) {
    absl::StatusOr<std::vector<StepResult>> results = cluster.Get(pending, kPatience);
    if (!results.ok()) return results.status();
    for (const StepResult& result : *results) shares[result.node].trained += batch;
    mean = cluster.Put(MeanGradient(*results));
    progress.Show(step, absl::StrFormat("epoch %d of %d, loss %.3f", (step - 1) / steps_an_epoch + 1, options.epochs,
                                        MeanLoss(*results)));
    if (step == steps) break;
    for (size_t i = 0; i < trainers->size(); ++i) pending[i] = (*trainers)[i].Call<&Trainer::Step>(mean);
  }
  return trainers->front().Call<&Trainer::Finish>(mean);
}

// A part of the held-out images: in the object store, and what they show.
struct Request {
  ioc::ObjectRef<ioc::Array<float>> images;
  std::span<const int32_t> labels;
};

absl::StatusOr<std::vector<Request>> MakeRequests(const ioc::Cluster& cluster, const Images& images) {
  std::vector<Request> requests;
  for (size_t begin = 0; begin < images.size(); begin += kImagesARequest) {
    const size_t count = std::min(kImagesARequest, images.size() - begin);
    auto pixels = PutArray<float>(cluster, std::span(images.pixels).subspan(begin * kPixels, count * kPixels));
    if (!pixels.ok()) return pixels.status();
    requests.push_back({*std::move(pixels), std::span(images.labels).subspan(begin, count)});
  }
  return requests;
}

size_t CountRight(const std::vector<int32_t>& answers, std::span<const int32_t> labels) {
  size_t right = 0;
  for (size_t i = 0; i < labels.size(); ++i) right += i < answers.size() && answers[i] == labels[i];
  return right;
}

// Serves the held-out images `passes` times; whichever replica answers gets the next request, so fast nodes do more.
// Returns the part of the images that were recognised.
absl::StatusOr<double> Serve(const ioc::Cluster& cluster, const Images& held_out, const Parameters& parameters,
                             const Options& options, Shares& shares) {
  absl::StatusOr<std::vector<Request>> requests = MakeRequests(cluster, held_out);
  if (!requests.ok()) return requests.status();
  struct InFlight {
    ioc::ActorHandle<Replica> replica;
    const Request* request;
  };
  std::map<ioc::ObjectId, InFlight> in_flight;  // by the answer
  std::vector<ioc::ObjectRef<Answers>> pending;
  const size_t total = options.passes * requests->size();
  size_t sent = 0;
  auto send = [&](const ioc::ActorHandle<Replica>& replica) {
    if (sent == total) return;
    const Request& request = (*requests)[sent++ % requests->size()];
    pending.push_back(replica.Call<&Replica::Classify>(request.images));
    in_flight[pending.back().id()] = {replica, &request};
  };
  for (size_t i = 0; i < options.trainers; ++i) {
    const auto replica = cluster.With(OneCpuEach()).Create<Replica>(parameters);
    for (size_t j = 0; j < kRequestsAReplica; ++j) send(replica);
  }

  Progress progress(" serving", total);
  size_t right = 0;
  size_t served = 0;  // images
  for (size_t answered = 0; answered < total;) {
    ioc::WaitResult<Answers> waited = cluster.Wait(std::move(pending), 1, kPatience);
    if (waited.ready.empty()) return absl::DeadlineExceededError("no replica has answered for a minute");
    pending = std::move(waited.pending);
    for (const ioc::ObjectRef<Answers>& ready : waited.ready) {
      absl::StatusOr<Answers> answers = ready.Get();
      if (!answers.ok()) return answers.status();
      const InFlight done = in_flight.extract(ready.id()).mapped();
      right += CountRight(answers->digits, done.request->labels);
      shares[answers->node].served += done.request->labels.size();
      served += done.request->labels.size();
      progress.Show(++answered, absl::StrCat(served, " images"));
      send(done.replica);
    }
  }
  return static_cast<double>(right) / static_cast<double>(served);
}

absl::StatusOr<bool> Run(const ioc::Cluster& cluster, Options options) {
  absl::StatusOr<Images> images = ReadImages(options.data);
  if (!images.ok()) return images.status();
  const Division division = HoldOutAFifth(*images);
  if (options.trainers == 0) {
    absl::StatusOr<size_t> cpus = CountCpus(cluster);
    if (!cpus.ok()) return cpus.status();
    options.trainers = std::min(*cpus, division.training.size());
  }
  if (options.trainers > division.training.size()) {
    return absl::InvalidArgumentError(absl::StrCat("--trainers ", options.trainers, " is more than the ",
                                                   division.training.size(), " images to learn from"));
  }

  Shares shares;
  const Clock::time_point begin = Clock::now();
  const absl::StatusOr<Parameters> parameters = Train(cluster, division.training, options, shares);
  if (!parameters.ok()) return parameters.status();
  if (absl::Status status = parameters->Get(kPatience).status(); !status.ok()) return status;
  const double train_seconds = SecondsSince(begin);
  const Clock::time_point serve_begin = Clock::now();
  const absl::StatusOr<double> accuracy = Serve(cluster, division.held_out, *parameters, options, shares);
  if (!accuracy.ok()) return accuracy.status();
  const double serve_seconds = SecondsSince(serve_begin);

  Share all;
  for (const auto& [node, share] : shares) {
    all.trained += share.trained;
    all.served += share.served;
  }
  std::printf("\n");
  PrintShares(shares);
  std::printf("\ntraining       %zu trainers, %zu epochs, %.1f s, %.0f images a second\n", options.trainers,
              options.epochs, train_seconds, static_cast<double>(all.trained) / train_seconds);
  std::printf("serving        %zu replicas, %.1f s, %.0f images a second\n", options.trainers, serve_seconds,
              static_cast<double>(all.served) / serve_seconds);
  std::printf("test accuracy  %.4f on %zu held-out images\n", *accuracy, division.held_out.size());
  return *accuracy >= kWantedAccuracy;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "digits: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) return Fail(options.status());
  if (options->help) {
    std::fwrite(kUsage.data(), 1, kUsage.size(), stdout);
    return 0;
  }
  absl::StatusOr<ioc::Cluster> cluster = ioc::Cluster::Connect(argc, argv);  // workers stay in here
  if (!cluster.ok()) return Fail(cluster.status());
  const absl::StatusOr<bool> good = Run(*cluster, *options);
  if (!good.ok()) return Fail(good.status());
  if (!*good) return Fail(absl::InternalError(absl::StrCat("the accuracy is below ", kWantedAccuracy)));
  return 0;
}

}  // namespace
}  // namespace digits

int main(int argc, char** argv) { return digits::Main(argc, argv); }

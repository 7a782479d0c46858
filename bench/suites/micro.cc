#include <algorithm>
#include <iterator>
#include <utility>

#include "bench/harness/peer.h"
#include "bench/harness/rounds.h"
#include "bench/suites/groups.h"
#include "bench/suites/suite.h"

namespace ioc::bench {
namespace {

void Append(std::vector<Measurement>& all, std::vector<Measurement> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

}  // namespace

absl::Status RunMicro(const SuiteOptions& options, Results& results) {
  Progress progress("micro");
  progress.Show("starting clusters");
  const absl::StatusOr<std::unique_ptr<CallStage>> stage = CallStage::SetUp(options.argc, options.argv, options.effort);
  if (!stage.ok()) return stage.status();
  const int most = *std::max_element(options.effort.workers.begin(), options.effort.workers.end());
  const absl::StatusOr<std::vector<Pair>> pairs =
      MakePairs((*stage)->many, std::max(ClientsHere(), static_cast<size_t>(most)));
  if (!pairs.ok()) return pairs.status();

  std::vector<Measurement> all = CallMeasurements(**stage);
  Append(all, ClientMeasurements(**stage, *pairs));
  Append(all, ReferenceMeasurements(**stage, pairs->front().client));
  Append(all, ObjectMeasurements((*stage)->one, options.effort));
  Append(all, FirstTouchMeasurements(options.argc, options.argv, options.effort));
  Append(all, ActorMeasurements((*stage)->many, options.effort));
  Append(all, LifecycleMeasurements((*stage)->one, options.argc, options.argv, options.iocluster));
  Append(all, CallCurves(**stage, *pairs));
  results.peers.assign(options.peers.size(), Samples(""));  // they stay where they are from here on
  for (size_t i = 0; i < options.peers.size(); ++i) {
    all.push_back(PeerMeasurement(options.peers[i], results.peers[i]));
  }
  return RunRounds(all, {.rounds = options.effort.rounds, .only = options.only}, progress, results.ours);
}

}  // namespace ioc::bench

// Takes measurements in turn, round after round, so that what disturbs the machine disturbs all of them alike, and
// shares of the floor compare samples of the same round.
#ifndef IOCLUSTER_BENCH_HARNESS_ROUNDS_H_
#define IOCLUSTER_BENCH_HARNESS_ROUNDS_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "bench/harness/measurement.h"
#include "bench/report/samples.h"

namespace ioc::bench {

// Shows on standard error what is being done: one line that changes on a terminal, otherwise a line a round.
class Progress {
 public:
  explicit Progress(std::string suite);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // What takes its time outside of rounds.
  void Show(const std::string& doing);
  // `round` is from 0, which warms up, to `rounds`.
  void ShowRound(int round, int rounds, size_t place, size_t places, const std::string& metric);

 private:
  const std::string suite_;
  const bool is_terminal_;
};

// Which measurements, and how often.
struct RoundsOptions {
  int rounds = 1;    // that count; one more goes before them
  std::string only;  // those whose metric has this in it, and floors; empty: all
};

absl::Status RunRounds(const std::vector<Measurement>& measurements, const RoundsOptions& options, Progress& progress,
                       Samples& samples);

}  // namespace ioc::bench

#endif  // IOCLUSTER_BENCH_HARNESS_ROUNDS_H_

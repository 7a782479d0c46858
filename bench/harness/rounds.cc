#include "bench/harness/rounds.h"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace ioc::bench {
namespace {

bool IsWanted(const Measurement& measurement, const std::string& only) {
  return only.empty() || measurement.metric.find(only) != std::string::npos || measurement.metric.find("floor_") == 0;
}

}  // namespace

Progress::Progress(std::string suite) : suite_(std::move(suite)), is_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (is_terminal_) std::fprintf(stderr, "\r\033[K");
}

void Progress::Show(const std::string& doing) {
  std::fprintf(stderr, is_terminal_ ? "\r%s: %s\033[K" : "%s: %s\n", suite_.c_str(), doing.c_str());
}

void Progress::ShowRound(int round, int rounds, size_t place, size_t places, const std::string& metric) {
  const std::string which = round == 0 ? "warming up" : absl::StrCat("round ", round, " of ", rounds);
  if (is_terminal_) {
    Show(absl::StrCat(which, ", ", place + 1, " of ", places, ": ", metric));
  } else if (place == 0) {
    Show(which);
  }
}

absl::Status RunRounds(const std::vector<Measurement>& measurements, const RoundsOptions& options, Progress& progress,
                       Samples& samples) {
  std::vector<const Measurement*> wanted;
  for (const Measurement& measurement : measurements) {
    if (IsWanted(measurement, options.only)) wanted.push_back(&measurement);
  }
  Samples warm_up;
  for (int round = 0; round <= options.rounds; ++round) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      const Measurement& measurement = *wanted[i];
      if (round == 0 ? !measurement.warms_up : round > measurement.most_rounds) continue;
      progress.ShowRound(round, options.rounds, i, wanted.size(), measurement.metric);
      if (absl::Status status = measurement.run(round == 0 ? warm_up : samples); !status.ok()) {
        return absl::Status(status.code(), absl::StrCat(measurement.metric, ": ", std::string(status.message())));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace ioc::bench

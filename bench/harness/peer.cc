#include "bench/harness/peer.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <cstdio>
#include <memory>
#include <vector>

namespace ioc::bench {
namespace {

constexpr int kMostRounds = 3;  // others take a minute each

absl::Status RunPeer(const std::string& command, Samples& peer) {
  std::FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return absl::UnavailableError(absl::StrCat("can't run ", command));
  std::string output;
  char bytes[4096];
  for (size_t count = 0; (count = std::fread(bytes, 1, sizeof bytes, pipe)) != 0;) output.append(bytes, count);
  if (const int status = pclose(pipe); status != 0) {
    return absl::UnavailableError(absl::StrCat(command, " ended with status ", status, "; it printed: ", output));
  }
  return ReadPeer(output, peer);
}

}  // namespace

absl::Status ReadPeer(std::string_view output, Samples& peer) {
  constexpr std::string_view kSystem = "system ";
  bool has_metric = false;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(std::string(output), '\n'))) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    double value = 0;
    if (line.compare(0, kSystem.size(), kSystem) == 0) {
      peer.set_system(line.substr(kSystem.size()));
    } else if (words.size() == 2 && absl::SimpleAtod(words[1], &value)) {
      peer.Add(words[0], "", value);
      has_metric = true;
    }
  }
  if (has_metric && !peer.system().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a peer names no system or no metric; it printed: ", std::string(output)));
}

Measurement PeerMeasurement(const std::string& command, Samples& peer) {
  return {.metric = command,
          .run = [command, &peer](Samples&) { return RunPeer(command, peer); },
          .most_rounds = kMostRounds,
          .warms_up = false};
}

}  // namespace ioc::bench

#include "options.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <vector>

namespace mapreduce {
namespace {

constexpr uint64_t kMaxNumber = 1'000'000;

struct Flag {
  std::string_view name;
  uint64_t* value;
};

absl::Status ParseNumber(const Flag& flag, const std::string& text) {
  if (absl::SimpleAtoi(text, flag.value) && *flag.value >= 1 && *flag.value <= kMaxNumber) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(flag.name), " takes a number from 1 to ", kMaxNumber, ", not \"", text, "\""));
}

}  // namespace

const std::string_view kUsage =
    "usage: mapreduce DIRECTORY [--generate MIB] [--piece KIB] [--reducers N] [--top N] [--check]\n"
    "\n"
    "Counts the words of all files below DIRECTORY on the cluster at IOCLUSTER_ADDRESS, or, where that is not set,\n"
    "on one inside this process; then in how many lines the most frequent ones are.\n"
    "\n"
    "  --generate MIB   first fills DIRECTORY with so many MiB of made-up text\n"
    "  --piece KIB      what one task counts (default: 1024)\n"
    "  --reducers N     tasks that add up counts (default: 4)\n"
    "  --top N          words that are shown (default: 10)\n"
    "  --check          counts again in this process alone, and fails if anything differs\n";

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  uint64_t piece_kib = options.piece_kib, reducers = options.reducers, top = options.top;
  const std::vector<Flag> flags = {
      {"--generate", &options.generate_mib}, {"--piece", &piece_kib}, {"--reducers", &reducers}, {"--top", &top}};
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const Flag* flag = nullptr;
    for (const Flag& each : flags) flag = each.name == argument ? &each : flag;
    if (argument == "--help") {
      options.help = true;
    } else if (argument == "--check") {
      options.check = true;
    } else if (flag != nullptr) {
      if (++i == argc) return absl::InvalidArgumentError(absl::StrCat(argument, " needs a number after it"));
      if (absl::Status status = ParseNumber(*flag, argv[i]); !status.ok()) return status;
    } else if (argument.starts_with("-")) {
      return absl::InvalidArgumentError(absl::StrCat("there is no option \"", argument, "\"; see --help"));
    } else if (!options.directory.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("one directory, please, not ", options.directory, " and ", argument));
    } else {
      options.directory = argument;
    }
  }
  options.piece_kib = piece_kib;
  options.reducers = reducers;
  options.top = top;
  if (options.directory.empty() && !options.help) {
    return absl::InvalidArgumentError("which directory? see --help");
  }
  return options;
}

}  // namespace mapreduce

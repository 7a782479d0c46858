#include "options.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

namespace digits {
namespace {

constexpr size_t kMaxCount = 100000;

absl::Status ParseCount(const std::string& flag, const std::string& text, size_t* count) {
  if (absl::SimpleAtoi(text, count) && *count >= 1 && *count <= kMaxCount) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " takes a number from 1 to ", kMaxCount, ", not \"", text, "\""));
}

}  // namespace

const std::string_view kUsage =
    "usage: digits [--data FILE] [--trainers N] [--epochs N] [--passes N]\n"
    "\n"
    "Trains a small network on images of handwritten digits, on all nodes of a cluster, then serves it there.\n"
    "The cluster is the one at IOCLUSTER_ADDRESS; where that is not set, one inside this process.\n"
    "\n"
    "  --data FILE    the images (default: the file that comes with the example); only this process reads it\n"
    "  --trainers N   trainers, and later replicas (default: one a CPU of the cluster)\n"
    "  --epochs N     passes over the images to learn from (default: 30)\n"
    "  --passes N     passes over the held-out images when serving (default: 1000)\n";

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help") {
      options.help = true;
      continue;
    }
    size_t* const count = flag == "--trainers" ? &options.trainers
                          : flag == "--epochs" ? &options.epochs
                          : flag == "--passes" ? &options.passes
                                               : nullptr;
    if (count == nullptr && flag != "--data") {
      return absl::InvalidArgumentError(absl::StrCat("there is no option \"", flag, "\"; see --help"));
    }
    if (++i == argc) return absl::InvalidArgumentError(absl::StrCat(flag, " needs a value after it"));
    if (count == nullptr) {
      options.data = argv[i];
    } else if (absl::Status status = ParseCount(flag, argv[i], count); !status.ok()) {
      return status;
    }
  }
  return options;
}

}  // namespace digits

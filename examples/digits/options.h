// The command line of the example.
#ifndef IOCLUSTER_EXAMPLES_DIGITS_OPTIONS_H_
#define IOCLUSTER_EXAMPLES_DIGITS_OPTIONS_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace digits {

struct Options {
  std::string data = DIGITS_DATA;
  size_t trainers = 0;  // 0: one a CPU of the cluster
  size_t epochs = 30;
  size_t passes = 1000;  // over the held-out images, when serving
  bool help = false;
};

extern const std::string_view kUsage;

// An error is a sentence for the user.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

}  // namespace digits

#endif  // IOCLUSTER_EXAMPLES_DIGITS_OPTIONS_H_

// The command line of the example.
#ifndef IOCLUSTER_EXAMPLES_MAPREDUCE_OPTIONS_H_
#define IOCLUSTER_EXAMPLES_MAPREDUCE_OPTIONS_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mapreduce {

struct Options {
  std::string directory;
  uint64_t generate_mib = 0;  // 0: the text is there already
  size_t piece_kib = 1024;
  size_t reducers = 4;
  size_t top = 10;
  bool check = false;
  bool help = false;
};

extern const std::string_view kUsage;

// An error is a sentence for the user.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

}  // namespace mapreduce

#endif  // IOCLUSTER_EXAMPLES_MAPREDUCE_OPTIONS_H_

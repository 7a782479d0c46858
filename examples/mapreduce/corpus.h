// Text in files: reading a directory of it in pieces, and making one up.
#ifndef IOCLUSTER_EXAMPLES_MAPREDUCE_CORPUS_H_
#define IOCLUSTER_EXAMPLES_MAPREDUCE_CORPUS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace mapreduce {

// Reads all files below a directory, in the order of their paths, a piece at a time. A piece ends with a line (or, if
// that is longer than a piece, with the line's end all the same), so no word and no line is cut.
class Corpus {
 public:
  // An error names the directory and says what is wrong with it.
  static absl::StatusOr<Corpus> Open(const std::string& directory);

  size_t files() const { return paths_.size(); }
  uint64_t bytes() const { return bytes_; }

  // About `bytes` of text from one file; nothing at the end.
  absl::StatusOr<std::optional<std::string>> Next(size_t bytes);

 private:
  std::vector<std::string> paths_;
  uint64_t bytes_ = 0;
  size_t next_file_ = 0;
  std::ifstream file_;
  bool is_open_ = false;
};

// Fills `directory` with files of made-up text, `bytes` in all: words that are as unequally frequent as in a language,
// the same whenever it is done. Replaces what an earlier run has made; an error if anything else is there.
absl::Status Generate(const std::string& directory, uint64_t bytes);

}  // namespace mapreduce

#endif  // IOCLUSTER_EXAMPLES_MAPREDUCE_CORPUS_H_

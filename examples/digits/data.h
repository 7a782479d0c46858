// The handwritten digits: reading the file, and the fixed division into images to learn from and images to be tested
// on.
#ifndef IOCLUSTER_EXAMPLES_DIGITS_DATA_H_
#define IOCLUSTER_EXAMPLES_DIGITS_DATA_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace digits {

// Images (kPixels numbers from 0 to 1 each) and the digit that each shows.
struct Images {
  std::vector<float> pixels;
  std::vector<int32_t> labels;

  size_t size() const { return labels.size(); }
  void Append(std::span<const float> image, int32_t label);
};

struct Division {
  Images training;
  Images held_out;
};

// Reads a gzipped file of lines "pixel,...,pixel,digit" (see data/README.md). An error names file and line.
absl::StatusOr<Images> ReadImages(const std::string& path);

// Holds out every fifth image.
Division HoldOutAFifth(const Images& images);

// The `index`-th of `count` shards, which differ by one image at most.
Images Shard(const Images& images, size_t index, size_t count);

}  // namespace digits

#endif  // IOCLUSTER_EXAMPLES_DIGITS_DATA_H_

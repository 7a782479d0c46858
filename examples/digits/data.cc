#include "data.h"

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <zlib.h>

#include <memory>

#include "model.h"

namespace digits {
namespace {

constexpr int kMaxPixel = 16;
constexpr size_t kHeldOutEvery = 5;
constexpr size_t kMaxLineBytes = 1024;

absl::Status ParseLine(absl::string_view line, Images& images) {
  std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
  if (fields.size() != kPixels + 1) {
    return absl::InvalidArgumentError(absl::StrCat("has ", fields.size(), " fields instead of ", kPixels + 1));
  }
  std::vector<float> image;
  for (size_t i = 0; i < fields.size(); ++i) {
    const bool is_label = i == kPixels;
    const int limit = is_label ? static_cast<int>(kClasses) - 1 : kMaxPixel;
    int value = 0;
    if (!absl::SimpleAtoi(fields[i], &value) || value < 0 || value > limit) {
      return absl::InvalidArgumentError(
          absl::StrCat("has \"", fields[i], "\" as field ", i + 1, " instead of a number from 0 to ", limit));
    }
    if (is_label) {
      images.Append(image, value);
    } else {
      image.push_back(static_cast<float>(value) / kMaxPixel);
    }
  }
  return absl::OkStatus();
}

}  // namespace

void Images::Append(std::span<const float> image, int32_t label) {
  pixels.insert(pixels.end(), image.begin(), image.end());
  labels.push_back(label);
}

absl::StatusOr<Images> ReadImages(const std::string& path) {
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (file == nullptr) {
    return absl::NotFoundError(absl::StrCat("can't open the data file ", path, "; name another one with --data FILE"));
  }
  Images images;
  char line[kMaxLineBytes];
  for (int number = 1; gzgets(file.get(), line, sizeof line) != nullptr; ++number) {
    absl::string_view text(line);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    if (absl::Status status = ParseLine(text, images); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, " of ", path, " ", status.message()));
    }
  }
  int error = Z_OK;
  const char* what = gzerror(file.get(), &error);
  if (error != Z_OK && error != Z_STREAM_END) {
    return absl::DataLossError(absl::StrCat("can't read the data file ", path, ": ", what));
  }
  if (images.size() < kHeldOutEvery) {
    return absl::InvalidArgumentError(
        absl::StrCat("the data file ", path, " holds ", images.size(), " images, too few"));
  }
  return images;
}

Division HoldOutAFifth(const Images& images) {
  Division division;
  for (size_t i = 0; i < images.size(); ++i) {
    Images& part = i % kHeldOutEvery == 0 ? division.held_out : division.training;
    part.Append(std::span(images.pixels).subspan(i * kPixels, kPixels), images.labels[i]);
  }
  return division;
}

Images Shard(const Images& images, size_t index, size_t count) {
  Images shard;
  for (size_t i = index; i < images.size(); i += count) {
    shard.Append(std::span(images.pixels).subspan(i * kPixels, kPixels), images.labels[i]);
  }
  return shard;
}

}  // namespace digits

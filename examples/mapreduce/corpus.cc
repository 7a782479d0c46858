#include "corpus.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

namespace mapreduce {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFileBytes = uint64_t{8} << 20;
constexpr size_t kVocabulary = 40'000;
constexpr size_t kWordsALine = 12;
constexpr uint32_t kSeed = 1;
constexpr char kMadeUp[] = "made-up-";

// Made of syllables, no two alike: the number in a system of 75 digits.
std::string WordNumber(size_t number) {
  static constexpr char kConsonants[] = "bdfgklmnprstvwz";
  static constexpr char kVowels[] = "aeiou";
  std::string word;
  for (size_t rest = number + 1; rest > 0; rest /= 75) {
    word += kConsonants[rest % 75 / 5];
    word += kVowels[rest % 5];
  }
  return word;
}

// Numbers of words by Zipf's law: the n-th is used 1/n times as often as the first.
class Zipf {
 public:
  Zipf() {
    double sum = 0;
    for (size_t i = 0; i < kVocabulary; ++i) cumulated_.push_back(sum += 1.0 / static_cast<double>(i + 1));
  }
  size_t operator()(std::mt19937_64& random) const {
    const double at = static_cast<double>(random() >> 11) * 0x1p-53 * cumulated_.back();
    return static_cast<size_t>(std::upper_bound(cumulated_.begin(), cumulated_.end(), at) - cumulated_.begin());
  }

 private:
  std::vector<double> cumulated_;
};

absl::Status RemoveMadeUp(const std::string& directory) {
  std::vector<fs::path> made_up;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (!entry.path().filename().string().starts_with(kMadeUp)) {
      return absl::FailedPreconditionError(
          absl::StrCat(directory, " has something else in it already (", entry.path().filename().string(),
                       "); name an empty directory for --generate, or one that is not there yet"));
    }
    made_up.push_back(entry.path());
  }
  for (const fs::path& path : made_up) fs::remove(path, error);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Corpus> Corpus::Open(const std::string& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    return absl::NotFoundError(absl::StrCat("there is no directory ", directory, "; name one with text files in it"));
  }
  Corpus corpus;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    if (!entry.is_regular_file(error)) continue;
    corpus.paths_.push_back(entry.path().string());
    corpus.bytes_ += entry.file_size(error);
  }
  if (error) return absl::UnavailableError(absl::StrCat("can't list ", directory, ": ", error.message()));
  if (corpus.paths_.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no file in ", directory, "; --generate SIZE makes some"));
  }
  std::sort(corpus.paths_.begin(), corpus.paths_.end());
  return corpus;
}

absl::StatusOr<std::optional<std::string>> Corpus::Next(size_t bytes) {
  while (true) {
    if (!is_open_) {
      if (next_file_ == paths_.size()) return std::optional<std::string>();
      file_ = std::ifstream(paths_[next_file_], std::ios::binary);
      if (!file_) return absl::UnavailableError(absl::StrCat("can't open ", paths_[next_file_]));
      is_open_ = true;
    }
    std::string piece(bytes, '\0');
    file_.read(piece.data(), static_cast<std::streamsize>(bytes));
    piece.resize(static_cast<size_t>(file_.gcount()));
    if (file_.bad()) return absl::UnavailableError(absl::StrCat("can't read ", paths_[next_file_]));
    std::string rest_of_line;
    if (file_ && piece.back() != '\n' && std::getline(file_, rest_of_line)) {
      piece += rest_of_line;
      if (!file_.eof()) piece += '\n';
    }
    if (!piece.empty()) return std::optional(std::move(piece));
    is_open_ = false;
    ++next_file_;
  }
}

absl::Status Generate(const std::string& directory, uint64_t bytes) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return absl::UnavailableError(absl::StrCat("can't make ", directory, ": ", error.message()));
  if (absl::Status status = RemoveMadeUp(directory); !status.ok()) return status;
  std::vector<std::string> vocabulary;
  for (size_t i = 0; i < kVocabulary; ++i) vocabulary.push_back(WordNumber(i));
  const Zipf zipf;
  std::mt19937_64 random(kSeed);
  for (uint64_t number = 0, written = 0; written < bytes; ++number) {
    std::string text;
    const uint64_t wanted = std::min(kFileBytes, bytes - written);
    for (size_t word = 1; text.size() < wanted; ++word) {
      text += vocabulary[zipf(random)];
      text += word % kWordsALine == 0 ? ".\n" : " ";
    }
    text.resize(wanted);
    const std::string path = absl::StrFormat("%s/%s%05d.txt", directory, kMadeUp, number);
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (!file) return absl::ResourceExhaustedError(absl::StrCat("can't write ", path, "; is the disk full?"));
    written += wanted;
  }
  return absl::OkStatus();
}

}  // namespace mapreduce

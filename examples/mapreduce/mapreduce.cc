// Counts the words of a directory of text on a cluster, with more text than the object stores need to have memory for.
//
// Only this process reads the files: it puts them into the object store, piece by piece, and keeps the references.
// Each piece is counted by a task of its own as soon as it is there (map), which returns a list for each reducer.
// A reducer adds up its lists one by one and streams the sums (reduce). Then all pieces are gone through once more, for
// the lines in which the most frequent words are: what had no room in memory meanwhile comes back from disk.
#include <absl/strings/str_cat.h>
#include <iocluster/iocluster.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "corpus.h"
#include "options.h"
#include "words.h"

namespace mapreduce {
namespace {

constexpr size_t kSumsAnItem = 4096;                     // words in one item of a reducer's stream
constexpr absl::Duration kPatience = absl::Minutes(10);  // for any one answer
constexpr size_t kReports = 8;                           // lines of progress a phase

using Piece = ioc::ObjectRef<std::string>;
using Part = ioc::ObjectRef<Counts>;

// --- what runs on the cluster ---

std::vector<Counts> Map(const std::string& text, size_t reducers) { return CountWords(text, reducers); }

absl::Status Reduce(const std::vector<Part>& parts, ioc::Yield<Counts>& yield) {
  Counts sum;
  for (const Part& part : parts) {
    const absl::StatusOr<Counts> counts = part.Get();
    if (!counts.ok()) return counts.status();
    Merge(sum, *counts);
  }
  for (size_t begin = 0; begin < sum.size(); begin += kSumsAnItem) {
    const size_t end = std::min(begin + kSumsAnItem, sum.size());
    if (!yield(
            Counts(sum.begin() + static_cast<std::ptrdiff_t>(begin), sum.begin() + static_cast<std::ptrdiff_t>(end))))
      return yield.status();
  }
  return absl::OkStatus();
}

std::vector<uint64_t> LinesWith(const std::string& text, const std::vector<std::string>& words) {
  return CountLines(text, words);
}

// --- the driver ---

// Says how far a phase is, now and then.
class Progress {
 public:
  Progress(std::string doing, size_t all) : doing_(std::move(doing)), all_(all) {}
  void Step() {
    ++done_;
    if (done_ * kReports / all_ == (done_ - 1) * kReports / all_) return;
    std::printf("%s %zu of %zu pieces\n", doing_.c_str(), done_, all_);
    std::fflush(stdout);
  }

 private:
  const std::string doing_;
  const size_t all_;
  size_t done_ = 0;
};

struct Job {
  std::vector<Piece> pieces;
  std::vector<std::vector<Part>> parts;  // of each piece, one a reducer
};

// Puts the text into the store and has it counted.
absl::StatusOr<Job> Start(const ioc::Cluster& cluster, Corpus& corpus, const Options& options) {
  const auto map = cluster.With(ioc::TaskOptions{.name = "map", .num_returns = static_cast<int>(options.reducers)});
  Job job;
  uint64_t bytes = 0;
  while (true) {
    absl::StatusOr<std::optional<std::string>> text = corpus.Next(options.piece_kib * ioc::kKiB);
    if (!text.ok()) return text.status();
    if (!text->has_value()) break;
    bytes += (*text)->size();
    job.pieces.push_back(cluster.Put(**std::move(text)));
    job.parts.push_back(map.SubmitAll<Map>(job.pieces.back(), options.reducers));
    if (job.pieces.size() % 16 == 0) {
      std::printf("read %llu of %llu MiB\n", static_cast<unsigned long long>(bytes >> 20),
                  static_cast<unsigned long long>(corpus.bytes() >> 20));
    }
  }
  return job;
}

absl::StatusOr<Counts> AddUp(const ioc::Cluster& cluster, const Job& job, size_t reducers) {
  Progress progress("counted", job.pieces.size());
  for (const std::vector<Part>& parts : job.parts) {
    if (cluster.Wait(parts, parts.size(), kPatience).ready.size() < parts.size()) {
      return absl::DeadlineExceededError("a piece was not counted in time");
    }
    progress.Step();
  }
  std::vector<ioc::ObjectStream<Counts>> streams;
  for (size_t reducer = 0; reducer < reducers; ++reducer) {
    std::vector<Part> parts;
    for (const std::vector<Part>& of_piece : job.parts) parts.push_back(of_piece[reducer]);
    streams.push_back(cluster.With(ioc::TaskOptions{.name = "reduce"}).Submit<Reduce>(parts));
  }
  Counts all;
  for (ioc::ObjectStream<Counts>& stream : streams) {
    while (true) {
      absl::StatusOr<std::optional<Counts>> sums = stream.Next(kPatience);
      if (!sums.ok()) return sums.status();
      if (!sums->has_value()) break;
      all.insert(all.end(), std::make_move_iterator((*sums)->begin()), std::make_move_iterator((*sums)->end()));
    }
  }
  return all;
}

absl::StatusOr<std::vector<uint64_t>> FindLines(const ioc::Cluster& cluster, const Job& job,
                                                const std::vector<std::string>& words) {
  const auto words_ref = cluster.Put(words);
  std::vector<ioc::ObjectRef<std::vector<uint64_t>>> found;
  for (const Piece& piece : job.pieces) {
    found.push_back(cluster.With(ioc::TaskOptions{.name = "lines"}).Submit<LinesWith>(piece, words_ref));
  }
  Progress progress("searched", job.pieces.size());
  std::vector<uint64_t> lines(words.size());
  for (const auto& ref : found) {
    const absl::StatusOr<std::vector<uint64_t>> of_piece = ref.Get(kPatience);
    if (!of_piece.ok()) return of_piece.status();
    for (size_t i = 0; i < lines.size(); ++i) lines[i] += (*of_piece)[i];
    progress.Step();
  }
  return lines;
}

// Counts again, file by file, in this thread.
absl::Status Check(const Options& options, const Counts& counts, const Counts& top,
                   const std::vector<uint64_t>& lines) {
  absl::StatusOr<Corpus> corpus = Corpus::Open(options.directory);
  if (!corpus.ok()) return corpus.status();
  std::vector<std::string> words;
  for (const WordCount& word : top) words.push_back(word.word);
  std::unordered_map<std::string, uint64_t> right;
  std::vector<uint64_t> right_lines(words.size());
  while (true) {
    absl::StatusOr<std::optional<std::string>> text = corpus->Next(64 * ioc::kKiB);
    if (!text.ok()) return text.status();
    if (!text->has_value()) break;
    ForEachWord(**text, [&](std::string_view word) { ++right[std::string(word)]; });
    const std::vector<uint64_t> of_piece = CountLines(**text, words);
    for (size_t i = 0; i < words.size(); ++i) right_lines[i] += of_piece[i];
  }
  if (right.size() != counts.size()) {
    return absl::DataLossError(absl::StrCat(counts.size(), " words were counted; there are ", right.size()));
  }
  for (const WordCount& word : counts) {
    if (const uint64_t count = right[word.word]; count != word.count) {
      return absl::DataLossError(
          absl::StrCat("\"", word.word, "\" was counted ", word.count, " times; it is there ", count));
    }
  }
  if (lines != right_lines) return absl::DataLossError("lines were counted wrong");
  std::printf("checked: every count is right\n");
  return absl::OkStatus();
}

absl::Status Run(const ioc::Cluster& cluster, const Options& options) {
  if (options.generate_mib > 0) {
    if (absl::Status made = Generate(options.directory, options.generate_mib << 20); !made.ok()) return made;
  }
  absl::StatusOr<Corpus> corpus = Corpus::Open(options.directory);
  if (!corpus.ok()) return corpus.status();
  std::printf("%zu files with %llu MiB of text\n", corpus->files(),
              static_cast<unsigned long long>(corpus->bytes() >> 20));
  const absl::StatusOr<Job> job = Start(cluster, *corpus, options);
  if (!job.ok()) return job.status();
  const absl::StatusOr<Counts> counts = AddUp(cluster, *job, options.reducers);
  if (!counts.ok()) return counts.status();

  const Counts top = MostFrequent(*counts, options.top);
  std::vector<std::string> words;
  for (const WordCount& word : top) words.push_back(word.word);
  const absl::StatusOr<std::vector<uint64_t>> lines = FindLines(cluster, *job, words);
  if (!lines.ok()) return lines.status();

  uint64_t all = 0;
  for (const WordCount& word : *counts) all += word.count;
  std::printf("%llu words, %zu different ones\n", static_cast<unsigned long long>(all), counts->size());
  std::printf("%12s %12s  %s\n", "times", "lines", "word");
  for (size_t i = 0; i < top.size(); ++i) {
    std::printf("%12llu %12llu  %s\n", static_cast<unsigned long long>(top[i].count),
                static_cast<unsigned long long>((*lines)[i]), top[i].word.c_str());
  }
  return options.check ? Check(options, *counts, top, *lines) : absl::OkStatus();
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "mapreduce: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace mapreduce

int main(int argc, char** argv) {
  const absl::StatusOr<mapreduce::Options> options = mapreduce::ParseOptions(argc, argv);
  if (!options.ok()) return mapreduce::Fail(options.status());
  if (options->help) return std::fputs(mapreduce::kUsage.data(), stdout) < 0 ? 1 : 0;
  const absl::StatusOr<ioc::Cluster> cluster = ioc::Cluster::Connect(argc, argv);
  if (!cluster.ok()) return mapreduce::Fail(cluster.status());
  const absl::Status status = mapreduce::Run(*cluster, *options);
  return status.ok() ? 0 : mapreduce::Fail(status);
}

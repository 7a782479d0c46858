#include "words.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "corpus.h"

namespace mapreduce {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  ForEachWord(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

class Directory {
 public:
  Directory() : path_(fs::temp_directory_path() / "mapreduce-test-XXXXXX") {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~Directory() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }
  void Write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name) << text;
  }

 private:
  std::string path_;
};

std::vector<std::string> PiecesOf(const std::string& directory, size_t bytes) {
  Corpus corpus = Corpus::Open(directory).value();
  std::vector<std::string> pieces;
  while (const auto piece = corpus.Next(bytes).value()) pieces.push_back(*piece);
  return pieces;
}

TEST_CASE("words are runs of letters, in lower case") {
  CHECK(WordsOf("The cat's 9 lives -- the CAT!") ==
        std::vector<std::string>{"the", "cat's", "9", "lives", "the", "cat"});
  CHECK(WordsOf("Z\xc3\xbcrich").size() == 1);
  CHECK(WordsOf(" \n.,").empty());
}

TEST_CASE("every word is counted in one part, and merged parts add up") {
  const std::string text = "a b c d e f a b a";
  std::vector<Counts> parts = CountWords(text, 3);
  CHECK(parts.size() == 3);
  for (size_t part = 0; part < 3; ++part) {
    for (const WordCount& word : parts[part]) CHECK(PartOf(word.word, 3) == part);
  }
  Counts all;
  for (const Counts& part : parts) Merge(all, part);
  Counts twice = all;
  Merge(twice, all);
  CHECK(all == CountWords(text, 1)[0]);
  CHECK(twice == CountWords(text + " " + text, 1)[0]);
  CHECK(MostFrequent(all, 2) == Counts{{"a", 3}, {"b", 2}});
  CHECK(MostFrequent(all, 100).size() == 6);
}

TEST_CASE("a line counts once for each word in it") {
  CHECK(CountLines("a a b\n\nb c\nA", {"a", "b", "d"}) == std::vector<uint64_t>{2, 2, 0});
  CHECK(CountLines("", {"a"}) == std::vector<uint64_t>{0});
}

TEST_CASE("pieces are whole lines, and together all that the files have") {
  const Directory directory;
  directory.Write("a.txt", "one two\nthree\nfour five six seven\n");
  directory.Write("below/b.txt", "no end of line");
  directory.Write("empty.txt", "");
  std::string all;
  for (const size_t bytes : {size_t{1}, size_t{9}, size_t{1000}}) {
    all.clear();
    for (const std::string& piece : PiecesOf(directory.path(), bytes)) all += piece;
    CHECK(all == "one two\nthree\nfour five six seven\nno end of line");
  }
  CHECK(PiecesOf(directory.path(), 1).size() == 4);
}

TEST_CASE("a directory that is not there, or empty, is named") {
  const Directory directory;
  CHECK(std::string(Corpus::Open("/nowhere").status().message()).find("/nowhere") != std::string::npos);
  CHECK(std::string(Corpus::Open(directory.path()).status().message()).find("--generate") != std::string::npos);
}

TEST_CASE("made-up text has the size that was asked for, is the same each time, and replaces nothing of others") {
  const Directory directory;
  REQUIRE(Generate(directory.path(), (9 << 20) + 5).ok());
  CHECK(Corpus::Open(directory.path())->bytes() == (9 << 20) + 5);
  const std::vector<std::string> first = PiecesOf(directory.path(), 1 << 20);
  REQUIRE(Generate(directory.path(), (9 << 20) + 5).ok());
  CHECK(PiecesOf(directory.path(), 1 << 20) == first);
  CHECK(CountWords(first[0], 1)[0].size() > 10'000);
  directory.Write("mine.txt", "precious");
  CHECK(std::string(Generate(directory.path(), 1).message()).find("mine.txt") != std::string::npos);
}

}  // namespace
}  // namespace mapreduce

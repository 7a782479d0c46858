// What a word is, and how words are counted; nothing of clusters.
#ifndef IOCLUSTER_EXAMPLES_MAPREDUCE_WORDS_H_
#define IOCLUSTER_EXAMPLES_MAPREDUCE_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mapreduce {

struct WordCount {
  std::string word;
  uint64_t count = 0;

  friend bool operator==(const WordCount&, const WordCount&) = default;
};
using Counts = std::vector<WordCount>;  // by word

// A word is a longest run of letters, digits, apostrophes and what is not ASCII; it is counted in lower case.
bool IsPartOfWord(char byte);
void ForEachWord(std::string_view text, const std::function<void(std::string_view word)>& visit);

// Which of `parts` counts this word: the same on every machine.
size_t PartOf(std::string_view word, size_t parts);

// The words of `text`, a list for each part.
std::vector<Counts> CountWords(std::string_view text, size_t parts);
// Adds the counts of `more` to `sum`.
void Merge(Counts& sum, const Counts& more);

// The words that are counted most, the most first, equal ones by word.
Counts MostFrequent(Counts counts, size_t number);

// For each of `words`, how many lines of `text` have it.
std::vector<uint64_t> CountLines(std::string_view text, const std::vector<std::string>& words);

}  // namespace mapreduce

#endif  // IOCLUSTER_EXAMPLES_MAPREDUCE_WORDS_H_

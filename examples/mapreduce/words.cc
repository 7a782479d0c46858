#include "words.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace mapreduce {
namespace {

char ToLower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte; }

}  // namespace

bool IsPartOfWord(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return code >= 0x80 || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         byte == '\'';
}

void ForEachWord(std::string_view text, const std::function<void(std::string_view word)>& visit) {
  std::string word;
  for (const char byte : text) {
    if (IsPartOfWord(byte)) {
      word.push_back(ToLower(byte));
    } else if (!word.empty()) {
      visit(word);
      word.clear();
    }
  }
  if (!word.empty()) visit(word);
}

size_t PartOf(std::string_view word, size_t parts) {
  // FNV-1a: std::hash may differ from one machine's library to another's.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : word) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return static_cast<size_t>((hash >> 32) % parts);
}

std::vector<Counts> CountWords(std::string_view text, size_t parts) {
  std::unordered_map<std::string, uint64_t> counted;
  std::string key;
  ForEachWord(text, [&](std::string_view word) {
    key = word;
    ++counted[key];
  });
  std::vector<Counts> counts(parts);
  for (const auto& [word, count] : counted) counts[PartOf(word, parts)].push_back({word, count});
  for (Counts& part : counts) {
    std::sort(part.begin(), part.end(), [](const WordCount& a, const WordCount& b) { return a.word < b.word; });
  }
  return counts;
}

void Merge(Counts& sum, const Counts& more) {
  Counts merged;
  merged.reserve(sum.size() + more.size());
  auto left = sum.begin();
  auto right = more.begin();
  while (left != sum.end() || right != more.end()) {
    if (right == more.end() || (left != sum.end() && left->word < right->word)) {
      merged.push_back(std::move(*left++));
    } else if (left == sum.end() || right->word < left->word) {
      merged.push_back(*right++);
    } else {
      merged.push_back({std::move(left->word), left->count + right->count});
      ++left;
      ++right;
    }
  }
  sum = std::move(merged);
}

Counts MostFrequent(Counts counts, size_t number) {
  const size_t wanted = std::min(number, counts.size());
  std::partial_sort(
      counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(wanted), counts.end(),
      [](const WordCount& a, const WordCount& b) { return a.count != b.count ? a.count > b.count : a.word < b.word; });
  counts.resize(wanted);
  return counts;
}

std::vector<uint64_t> CountLines(std::string_view text, const std::vector<std::string>& words) {
  std::unordered_map<std::string_view, size_t> places;
  for (size_t i = 0; i < words.size(); ++i) places[words[i]] = i;
  std::vector<uint64_t> lines(words.size());
  std::vector<uint64_t> last_line(words.size());  // in which the word was seen, from 1
  uint64_t line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = std::min(text.find('\n'), text.size());
    ForEachWord(text.substr(0, end), [&](std::string_view word) {
      const auto place = places.find(word);
      if (place == places.end() || std::exchange(last_line[place->second], line) == line) return;
      ++lines[place->second];
    });
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace mapreduce

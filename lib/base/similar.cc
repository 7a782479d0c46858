#include "lib/base/similar.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ioc {
namespace {

// Shorter parts of a word are found anywhere.
constexpr size_t kMinPart = 3;

bool HasPart(std::string_view whole, std::string_view part) {
  return part.size() >= kMinPart && whole.find(part) != std::string_view::npos;
}

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> MostSimilar(std::string_view name, std::vector<std::string> known, size_t count) {
  std::vector<std::pair<size_t, std::string>> ranked;
  ranked.reserve(known.size());
  for (std::string& one : known) {
    const size_t distance = EditDistance(name, one);
    ranked.emplace_back(distance, std::move(one));
  }
  const size_t kept = std::min(count, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<ptrdiff_t>(kept), ranked.end());
  std::vector<std::string> similar;
  for (size_t i = 0; i < kept; ++i) similar.push_back(std::move(ranked[i].second));
  return similar;
}

std::optional<std::string> ProbablyMeant(std::string_view name, const std::vector<std::string>& known) {
  std::vector<std::string> near;
  for (const std::string& one : known) {
    const size_t slips = (std::min(name.size(), one.size()) + 2) / 3;
    if (EditDistance(name, one) <= slips || HasPart(one, name) || HasPart(name, one)) near.push_back(one);
  }
  if (near.empty()) return std::nullopt;
  return MostSimilar(name, std::move(near), 1).front();
}

}  // namespace ioc

// "Did you mean": the known names that look like a mistyped one. Pure functions, thread-safe.
#ifndef IOCLUSTER_LIB_BASE_SIMILAR_H_
#define IOCLUSTER_LIB_BASE_SIMILAR_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ioc {

// How many characters must be inserted, removed or replaced to make one of the other (Levenshtein).
size_t EditDistance(std::string_view a, std::string_view b);

// Up to `count` of `known`, the most similar first; equally similar ones by the alphabet.
std::vector<std::string> MostSimilar(std::string_view name, std::vector<std::string> known, size_t count);

// The one of `known` that `name` was probably meant to be: that differs in about a third of the characters at most, or
// has `name` in it, or is in it ("store" for "store-memory", "num-cpus" for "cpus"). Nothing if none is so near.
std::optional<std::string> ProbablyMeant(std::string_view name, const std::vector<std::string>& known);

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_SIMILAR_H_

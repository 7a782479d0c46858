#include "lib/base/similar.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace ioc {
namespace {

TEST_CASE("The distance counts insertions, removals and replacements") {
  CHECK(EditDistance("", "") == 0);
  CHECK(EditDistance("gpus", "") == 4);
  CHECK(EditDistance("kitten", "sitting") == 3);
}

TEST_CASE("The most similar names come first and ties by the alphabet") {
  CHECK(MostSimilar("--gpu", {"--region", "--cpus", "--gpus"}, 2) == std::vector<std::string>{"--gpus", "--cpus"});
  CHECK(MostSimilar("x", {"b", "a"}, 5) == std::vector<std::string>{"a", "b"});
  CHECK(MostSimilar("x", {}, 3).empty());
}

}  // namespace
}  // namespace ioc

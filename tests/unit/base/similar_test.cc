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

TEST_CASE("What was probably meant is near, or a part, or has a part; otherwise nothing was") {
  const std::vector<std::string> flags = {"cpus", "gpu-memory", "gpus", "memory", "name", "os", "store-memory"};
  CHECK(ProbablyMeant("cpu", flags) == "cpus");
  CHECK(ProbablyMeant("nmae", flags) == "name");
  CHECK(ProbablyMeant("store", flags) == "store-memory");
  CHECK(ProbablyMeant("num-cpus", flags) == "cpus");
  CHECK(ProbablyMeant("object-store-memory", flags) == "store-memory");
  CHECK(ProbablyMeant("host", flags) == std::nullopt);  // "os" is too short to be a part
  CHECK(ProbablyMeant("frobnicate", flags) == std::nullopt);
  CHECK(ProbablyMeant("cpu", {}) == std::nullopt);
}

}  // namespace
}  // namespace ioc

#include "lib/base/text.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace ioc {
namespace {

TEST_CASE("An ordinary text is shown as it is, an empty one in quotes", "[text]") {
  CHECK(Shown("eu-west") == "eu-west");
  CHECK(Shown("Zürich") == "Zürich");
  CHECK(Shown("") == "\"\"");
}

TEST_CASE("Control characters are shown escaped", "[text]") {
  CHECK(Shown("a\nb\tc\x1b[31m") == "a\\nb\\tc\\033[31m");
  CHECK(HasControls("a\x7f"));
  CHECK_FALSE(HasControls("Zürich 7"));
}

TEST_CASE("Of a long text the beginning is shown, without half a character, and its size", "[text]") {
  CHECK(Shown(std::string(1'000'000, 'k')) == std::string(120, 'k') + "... (1000000 bytes)");
  std::string umlauts = "k";
  for (int i = 0; i < 100; ++i) umlauts += "ü";
  CHECK(Shown(umlauts) == umlauts.substr(0, 119) + "... (201 bytes)");
}

TEST_CASE("Of a long list the first ones are shown, and how many there are besides", "[text]") {
  CHECK(ShownList({"eu", ""}, " or ") == "eu or \"\"");
  CHECK(ShownList(std::vector<std::string>(12, "x"), ",") == "x,x,x,x,x,x,x,x,x,x and 2 more");
}

}  // namespace
}  // namespace ioc

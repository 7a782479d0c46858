#include "lib/base/units.h"

#include <catch2/catch.hpp>
#include <string>

#include "iocluster/options.h"

namespace ioc {
namespace {

TEST_CASE("Sizes are read with and without a unit", "[units]") {
  CHECK(ParseBytes("4096").value() == 4096);
  CHECK(ParseBytes("12B").value() == 12);
  CHECK(ParseBytes("64MiB").value() == 64 * kMiB);
  CHECK(ParseBytes("1.5GiB").value() == kGiB + kGiB / 2);
  CHECK(ParseBytes("0").value() == 0);
}

TEST_CASE("What is no size is refused by name", "[units]") {
  for (const char* text : {"", "many", "-1", "1e30", "GiB", "5 bananas", "nan"}) {
    const absl::StatusOr<uint64_t> size = ParseBytes(text);
    INFO(text);
    REQUIRE_FALSE(size.ok());
    CHECK(size.status().message().find(text) != std::string::npos);
  }
}

}  // namespace
}  // namespace ioc

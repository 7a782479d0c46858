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

TEST_CASE("KB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB powers of 1024", "[units]") {
  uint64_t decimal = 1;
  uint64_t binary = 1;
  for (const char* prefix : {"K", "M", "G", "T"}) {
    INFO(prefix);
    CHECK(ParseBytes(std::string("3") + prefix + "B").value() == 3 * (decimal *= 1000));
    CHECK(ParseBytes(std::string("3") + prefix + "iB").value() == 3 * (binary *= 1024));
  }
}

TEST_CASE("Units may be set apart, and be written in any case", "[units]") {
  CHECK(ParseBytes("2 GiB").value() == 2 * kGiB);
  CHECK(ParseBytes("2gib").value() == 2 * kGiB);
  CHECK(ParseBytes("5kB").value() == 5000);
}

TEST_CASE("What is no size is refused by name, with the forms that are", "[units]") {
  for (const char* text : {"", "many", "-1", "1e30", "GiB", "5 bananas", "nan", "5G", "5Gi", "5GiBB", "1 0 MB"}) {
    const absl::StatusOr<uint64_t> size = ParseBytes(text);
    INFO(text);
    REQUIRE_FALSE(size.ok());
    CHECK(size.status().message().find(text) != std::string::npos);
  }
  const std::string message(ParseBytes("lots").status().message());
  for (const char* form : {"bytes", "KB, MB, GB or TB", "powers of 1000", "KiB, MiB, GiB or TiB", "powers of 1024"}) {
    CHECK_THAT(message, Catch::Contains(form));
  }
}

TEST_CASE("Sizes are printed with the unit that they are in", "[units]") {
  CHECK(FormatBytes(0) == "0 B");
  CHECK(FormatBytes(1000) == "1000 B");
  CHECK(FormatBytes(1024) == "1 KiB");
  CHECK(FormatBytes(1536 * kMiB) == "1.5 GiB");
  CHECK(FormatBytes(24'000'000'000) == "22.35 GiB");
  CHECK(FormatBytes(kMiB - 1) == "1 MiB");
  CHECK(FormatBytes(~uint64_t{0}) == "16 EiB");
}

TEST_CASE("One is singular", "[units]") {
  CHECK(Count(0, "node") == "0 nodes");
  CHECK(Count(1, "node") == "1 node");
  CHECK(Count(2, "node") == "2 nodes");
}

TEST_CASE("What is printed can be read", "[units]") {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{999}, 64 * kMiB, 1536 * kGiB}) {
    CHECK(ParseBytes(FormatBytes(bytes)).value() == bytes);
  }
}

}  // namespace
}  // namespace ioc

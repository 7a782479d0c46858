#include "lib/base/units.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cmath>
#include <iterator>
#include <string>

#include "lib/base/status.h"

namespace ioc {
namespace {

constexpr double kMaxBytes = 1e18;

struct Unit {
  const char* name;
  double bytes;
};

// Those that end like others come first.
constexpr Unit kUnits[] = {{"KiB", 1024.0},
                           {"MiB", 1024.0 * 1024},
                           {"GiB", 1024.0 * 1024 * 1024},
                           {"TiB", 1024.0 * 1024 * 1024 * 1024},
                           {"KB", 1e3},
                           {"MB", 1e6},
                           {"GB", 1e9},
                           {"TB", 1e12},
                           {"B", 1}};

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  absl::string_view digits(text.data(), text.size());
  double unit_bytes = 1;
  for (const Unit& unit : kUnits) {
    if (!absl::EndsWithIgnoreCase(digits, unit.name)) continue;
    digits.remove_suffix(std::string_view(unit.name).size());
    unit_bytes = unit.bytes;
    break;
  }
  double number = 0;
  if (!absl::SimpleAtod(digits, &number) || !std::isfinite(number)) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("\"", std::string(text),
                                  "\" is not a size; write a number of bytes, or one with KB, MB, GB or TB (powers of "
                                  "1000) or with KiB, MiB, GiB or TiB (powers of 1024), as in 64MiB"));
  }
  const double size = std::floor(number * unit_bytes);
  if (size < 0 || size > kMaxBytes) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("a size of ", std::string(text), " is out of range; it must be between 0 and ",
                                  FormatBytes(static_cast<uint64_t>(kMaxBytes))));
  }
  return static_cast<uint64_t>(size);
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kNames[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  const auto rounded = [](double amount) { return std::round(amount * 100) / 100; };
  double amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (rounded(amount) >= 1024 && unit + 1 < std::size(kNames)) {
    amount /= 1024;
    ++unit;
  }
  return absl::StrCat(rounded(amount), " ", kNames[unit]);
}

std::string Count(uint64_t count, std::string_view noun) {
  return absl::StrCat(count, " ", std::string(noun), count == 1 ? "" : "s");
}

}  // namespace ioc

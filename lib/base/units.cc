#include "lib/base/units.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cmath>
#include <string>
#include <utility>

#include "iocluster/options.h"
#include "lib/base/status.h"

namespace ioc {

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {{"KiB", static_cast<double>(kKiB)},
                                                                   {"MiB", static_cast<double>(kMiB)},
                                                                   {"GiB", static_cast<double>(kGiB)},
                                                                   {"TiB", 1024.0 * static_cast<double>(kGiB)},
                                                                   {"B", 1}};
  std::string digits(text);
  double unit = 1;
  for (const auto& [suffix, size] : kUnits) {
    if (!text.ends_with(suffix)) continue;
    digits.resize(digits.size() - suffix.size());
    unit = size;
    break;
  }
  double number = 0;
  if (!absl::SimpleAtod(digits, &number) || !std::isfinite(number)) {
    return MakeError(
        Cause::kInvalidArgument,
        absl::StrCat("\"", std::string(text), "\" is not a size; write bytes, or a number with KiB, MiB, GiB or TiB"));
  }
  const double size = std::floor(number * unit);
  if (size < 0 || size > 1e18) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("a size of ", std::string(text), " is out of range"));
  }
  return static_cast<uint64_t>(size);
}

}  // namespace ioc

#include "bench/report/figure.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

namespace ioc::bench {

std::string Figure(double value) {
  if (value < 100) return absl::StrFormat("%.3g", value);
  std::string digits = absl::StrFormat("%.0f", value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

std::string ShortFigure(double value) {
  if (value >= 1e9) return absl::StrFormat("%.3gG", value / 1e9);
  if (value >= 1e6) return absl::StrFormat("%.3gM", value / 1e6);
  if (value >= 1e4) return absl::StrFormat("%.3gk", value / 1e3);
  return absl::StrFormat("%.4g", value);
}

}  // namespace ioc::bench

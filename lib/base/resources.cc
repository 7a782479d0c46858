#include "lib/base/resources.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lib/base/status.h"
#include "lib/base/text.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

auto Find(auto& amounts, std::string_view name) {
  return std::lower_bound(amounts.begin(), amounts.end(), name,
                          [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
}

int64_t LimitOf(bool upper) {
  return upper ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

std::string FormatAmount(const std::string& name, int64_t ticks) {
  const double amount = static_cast<double>(ticks) / ResourceSet::kUnit;
  if (name == kMemory) {
    return absl::StrCat(amount < 0 ? "-" : "", FormatBytes(static_cast<uint64_t>(std::abs(amount))), " memory");
  }
  return absl::StrCat(amount, " ", Shown(name));
}

}  // namespace

std::string_view BuiltinResource(std::string_view name) {
  const absl::string_view text(name.data(), name.size());
  for (const std::string_view builtin : {kCpu, kGpu, kMemory}) {
    const std::string one(builtin);
    if (absl::EqualsIgnoreCase(text, one) || absl::EqualsIgnoreCase(text, one + "s")) return builtin;
  }
  return {};
}

void ResourceSet::Set(std::string_view name, double amount) {
  SetTicks(name, static_cast<int64_t>(std::llround(amount * kUnit)));
}

double ResourceSet::Get(std::string_view name) const { return static_cast<double>(GetTicks(name)) / kUnit; }

void ResourceSet::SetTicks(std::string_view name, int64_t ticks) {
  auto it = Find(amounts_, name);
  const bool found = it != amounts_.end() && it->first == name;
  if (ticks == 0) {
    if (found) amounts_.erase(it);
  } else if (found) {
    it->second = ticks;
  } else {
    amounts_.emplace(it, std::string(name), ticks);
  }
}

int64_t ResourceSet::GetTicks(std::string_view name) const {
  auto it = Find(amounts_, name);
  return it != amounts_.end() && it->first == name ? it->second : 0;
}

void ResourceSet::Add(const ResourceSet& other) {
  for (const auto& [name, ticks] : other.amounts_) {
    int64_t sum = 0;
    if (__builtin_add_overflow(GetTicks(name), ticks, &sum)) sum = LimitOf(ticks > 0);
    SetTicks(name, sum);
  }
}

void ResourceSet::Subtract(const ResourceSet& other) {
  for (const auto& [name, ticks] : other.amounts_) {
    int64_t difference = 0;
    if (__builtin_sub_overflow(GetTicks(name), ticks, &difference)) difference = LimitOf(ticks < 0);
    SetTicks(name, difference);
  }
}

bool ResourceSet::Covers(const ResourceSet& other) const {
  return std::all_of(other.amounts_.begin(), other.amounts_.end(),
                     [this](const auto& entry) { return entry.second <= 0 || GetTicks(entry.first) >= entry.second; });
}

bool ResourceSet::Shares(const ResourceSet& other) const {
  return std::any_of(amounts_.begin(), amounts_.end(),
                     [&other](const auto& entry) { return other.GetTicks(entry.first) > 0; });
}

std::string ResourceSet::ToString() const {
  if (amounts_.empty()) return "nothing";
  const size_t count = std::min(amounts_.size(), kShownElements);
  std::string shown =
      absl::StrJoin(amounts_.begin(), amounts_.begin() + static_cast<std::ptrdiff_t>(count), ", ",
                    [](std::string* out, const auto& entry) { out->append(FormatAmount(entry.first, entry.second)); });
  if (amounts_.size() > count) absl::StrAppend(&shown, " and ", amounts_.size() - count, " more");
  return shown;
}

absl::StatusOr<ResourceSet> MakeResources(const std::vector<std::pair<std::string, double>>& amounts) {
  // Ten-thousandths of the largest amount still fit an int64_t: 100 TiB of memory and far more.
  constexpr double kMaxAmount = 1e14;
  ResourceSet set;
  for (const auto& [name, amount] : amounts) {
    if (!std::isfinite(amount) || amount < 0 || amount > kMaxAmount) {
      return MakeError(Cause::kInvalidArgument,
                       absl::StrCat("the resource ", Shown(name), " is ", amount, "; it must be between 0 and 1e14"));
    }
    set.Set(name, set.Get(name) + amount);
  }
  return set;
}

}  // namespace ioc

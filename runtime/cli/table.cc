#include "runtime/cli/table.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"

namespace ioc {
namespace {

constexpr size_t kGap = 2;

// Columns that the text takes: bytes that continue a UTF-8 sequence take none.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::AddRow(std::vector<std::string> cells) {
  IOC_CHECK(cells.size() == columns_.size()) << cells.size() << " cells";
  for (std::string& cell : cells) {
    std::replace_if(
        cell.begin(), cell.end(), [](char c) { return absl::ascii_iscntrl(c); }, '?');
  }
  rows_.push_back(std::move(cells));
}

std::string Table::ToString() const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;  // 0: left out
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t widest = 0;
    for (const std::vector<std::string>& row : rows_) widest = std::max(widest, Width(row[i]));
    const bool is_left_out = columns_[i].is_optional && widest == 0;
    widths.push_back(is_left_out ? 0 : std::max(widest, Width(columns_[i].title)));
    titles.push_back(columns_[i].title);
  }
  std::string out;
  const bool has_titles = std::any_of(titles.begin(), titles.end(), [](const std::string& t) { return !t.empty(); });
  if (has_titles) AppendRow(out, titles, widths);
  for (const std::vector<std::string>& row : rows_) AppendRow(out, row, widths);
  return out;
}

void Table::AppendRow(std::string& out, const std::vector<std::string>& cells,
                      const std::vector<size_t>& widths) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] == 0) continue;
    const std::string padding(widths[i] - Width(cells[i]), ' ');
    if (!line.empty()) line.append(kGap, ' ');
    line += columns_[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
  }
  absl::StripTrailingAsciiWhitespace(&line);
  absl::StrAppend(&out, line, "\n");
}

std::string FormatLatency(absl::Duration latency) {
  static constexpr std::pair<const char*, double> kUnits[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
  const double seconds = absl::ToDoubleSeconds(latency);
  const auto* unit = std::begin(kUnits);
  while (std::next(unit) != std::end(kUnits) && seconds >= 1000 * unit->second) ++unit;
  return absl::StrCat(std::round(seconds / unit->second * 10) / 10, " ", unit->first);
}

std::string FormatAge(absl::Duration age) {
  static constexpr std::pair<const char*, int64_t> kUnits[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
  int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(age), 0);
  std::vector<std::string> parts;
  for (const auto& [name, length] : kUnits) {
    if (seconds >= length || (length == 1 && parts.empty())) parts.push_back(absl::StrCat(seconds / length, " ", name));
    if (!parts.empty() && parts.size() == 2) break;
    seconds %= length;
  }
  return parts.size() == 2 ? absl::StrCat(parts[0], " ", parts[1]) : parts[0];
}

}  // namespace ioc

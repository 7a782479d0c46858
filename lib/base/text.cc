#include "lib/base/text.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

namespace ioc {
namespace {

constexpr size_t kShownBytes = 120;

// Up to `limit` bytes, and not half a character of UTF-8.
std::string_view Beginning(std::string_view text, size_t limit) {
  const auto continues = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80; };
  size_t end = limit;
  while (end > limit - 3 && continues(end)) --end;
  return text.substr(0, end);
}

}  // namespace

bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_iscntrl(c); });
}

std::string Shown(std::string_view text) {
  if (text.empty()) return "\"\"";
  const bool is_long = text.size() > kShownBytes;
  const std::string_view begin = is_long ? Beginning(text, kShownBytes) : text;
  const absl::string_view view(begin.data(), begin.size());
  std::string shown = HasControls(begin) ? absl::Utf8SafeCEscape(view) : std::string(begin);
  if (is_long) absl::StrAppend(&shown, "... (", text.size(), " bytes)");
  return shown;
}

std::string ShownList(const std::vector<std::string>& texts, std::string_view separator) {
  std::string list;
  const size_t count = std::min(texts.size(), kShownElements);
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) list.append(separator);
    list.append(Shown(texts[i]));
  }
  if (texts.size() > count) absl::StrAppend(&list, " and ", texts.size() - count, " more");
  return list;
}

}  // namespace ioc

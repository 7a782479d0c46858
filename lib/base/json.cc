#include "lib/base/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "lib/base/check.h"

namespace ioc {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// How many bytes the UTF-8 sequence at `text[at]` has, or 0 if there is none: overlong forms, surrogates and code
// points beyond U+10FFFF are none.
size_t Utf8Length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool is_bad = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
                      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
  return is_bad ? 0 : length;
}

void AppendEscaped(std::string& out, char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto value = static_cast<unsigned char>(c);
  if (value >= 0x20 && value != 0x7F) {
    out += c;
    return;
  }
  out += "\\u00";
  out += kHex[value >> 4];
  out += kHex[value & 0xF];
}

template <typename Number>
std::string FormatNumber(Number value) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  IOC_CHECK(error == std::errc()) << "32 characters hold every number";
  return std::string(buffer.data(), end);
}

}  // namespace

std::string JsonQuote(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const size_t length = Utf8Length(text, at);
    if (length == 1) {
      AppendEscaped(out, text[at]);
    } else {
      out += length == 0 ? kReplacement : text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  out += '"';
  return out;
}

void JsonWriter::BeginObject() { Open('{', '}'); }
void JsonWriter::EndObject() { Close('}'); }
void JsonWriter::BeginArray() { Open('[', ']'); }
void JsonWriter::EndArray() { Close(']'); }

void JsonWriter::Key(std::string_view key) {
  IOC_CHECK(!levels_.empty() && levels_.back().closer == '}' && !levels_.back().awaits_value)
      << "a key needs an object";
  if (!levels_.back().is_empty) text_ += ',';
  levels_.back().is_empty = false;
  levels_.back().awaits_value = true;
  NewLine();
  text_ += JsonQuote(key);
  text_ += ": ";
}

void JsonWriter::String(std::string_view value) { Scalar(JsonQuote(value)); }
void JsonWriter::Int(int64_t value) { Scalar(FormatNumber(value)); }
void JsonWriter::Uint(uint64_t value) { Scalar(FormatNumber(value)); }
void JsonWriter::Double(double value) { Scalar(std::isfinite(value) ? FormatNumber(value) : "null"); }
void JsonWriter::Bool(bool value) { Scalar(value ? "true" : "false"); }
void JsonWriter::Null() { Scalar("null"); }

std::string JsonWriter::Take() {
  IOC_CHECK(levels_.empty()) << "the document is not whole";
  text_ += '\n';
  return std::exchange(text_, {});
}

void JsonWriter::BeforeValue() {
  if (levels_.empty()) return;
  Level& level = levels_.back();
  if (level.closer == '}') {
    IOC_CHECK(level.awaits_value) << "a value in an object needs a key";
    level.awaits_value = false;
    return;
  }
  if (!level.is_empty) text_ += ',';
  level.is_empty = false;
  NewLine();
}

void JsonWriter::Scalar(std::string_view text) {
  BeforeValue();
  text_ += text;
}

void JsonWriter::Open(char opener, char closer) {
  BeforeValue();
  text_ += opener;
  levels_.push_back({.closer = closer});
}

void JsonWriter::Close(char closer) {
  IOC_CHECK(!levels_.empty() && levels_.back().closer == closer && !levels_.back().awaits_value) << "doesn't nest";
  const bool is_empty = levels_.back().is_empty;
  levels_.pop_back();
  if (!is_empty) NewLine();
  text_ += closer;
}

void JsonWriter::NewLine() {
  text_ += '\n';
  text_.append(2 * levels_.size(), ' ');
}

}  // namespace ioc

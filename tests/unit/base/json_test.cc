#include "lib/base/json.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

namespace ioc {
namespace {

TEST_CASE("Nested values come out indented and separated") {
  JsonWriter json;
  json.BeginObject();
  json.Key("nodes");
  json.BeginArray();
  json.Int(-3);
  json.BeginObject();
  json.EndObject();
  json.EndArray();
  json.Key("ok");
  json.Bool(true);
  json.EndObject();
  CHECK(json.Take() == "{\n  \"nodes\": [\n    -3,\n    {}\n  ],\n  \"ok\": true\n}\n");
}

TEST_CASE("Quotes, controls and backslashes are escaped") {
  CHECK(JsonQuote("a\"b\\c\n\t\x01") == "\"a\\\"b\\\\c\\n\\t\\u0001\"");
}

TEST_CASE("UTF-8 stays, other bytes become the replacement character") {
  CHECK(JsonQuote("Z\xC3\xBCrich \xF0\x9F\x98\x80") == "\"Z\xC3\xBCrich \xF0\x9F\x98\x80\"");
  const std::string bad[] = {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xE2\x82"};
  for (const std::string& bytes : bad) CHECK_THAT(JsonQuote(bytes), Catch::Contains("\xEF\xBF\xBD"));
}

TEST_CASE("Numbers read back as they were, and what is no number is null") {
  JsonWriter json;
  json.BeginArray();
  json.Double(0.1);
  json.Double(std::nan(""));
  json.Uint(18446744073709551615u);
  json.EndArray();
  CHECK(json.Take() == "[\n  0.1,\n  null,\n  18446744073709551615\n]\n");
}

}  // namespace
}  // namespace ioc

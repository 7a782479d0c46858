#include "lib/protocol/located.h"

#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include <string>

namespace ioc {

absl::Status Located(const absl::Status& error, std::string_view node_name, uint32_t attempt) {
  if (error.ok()) return error;
  const absl::string_view words = error.message();
  const bool is_long = words.size() > kMaxUserErrorBytes;
  absl::Status located(error.code(),
                       absl::StrCat(words.substr(0, kMaxUserErrorBytes), is_long ? "... (cut off)" : "", " (on node ",
                                    std::string(node_name), ", attempt ", attempt + 1, ")"));
  error.ForEachPayload(
      [&located](absl::string_view url, const absl::Cord& payload) { located.SetPayload(url, payload); });
  return located;
}

}  // namespace ioc

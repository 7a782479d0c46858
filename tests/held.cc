#include "tests/held.h"

#include <absl/strings/str_cat.h>

#include <cstdint>
#include <cstdlib>
#include <set>

namespace ioc {
namespace {

// `"key": value` on a line of its own, as JsonWriter writes it.
bool SplitMember(std::string_view line, std::string& key, std::string& value) {
  const size_t begin = line.find('"');
  if (begin == std::string_view::npos) return false;
  const size_t end = line.find("\": ", begin + 1);
  if (end == std::string_view::npos) return false;
  key = line.substr(begin + 1, end - begin - 1);
  value = line.substr(end + 3);
  if (!value.empty() && value.back() == ',') value.pop_back();
  return true;
}

}  // namespace

std::vector<std::string> HeldIn(std::string_view objects_json) {
  static const std::set<std::string> allowed = {"sessions", "workers", "peers"};
  std::vector<std::string> held;
  std::vector<std::pair<std::string, uint64_t>> peers;
  uint64_t processes = 0;
  std::string name = "the cluster";
  while (!objects_json.empty()) {
    const size_t end = objects_json.find('\n');
    const std::string_view line = objects_json.substr(0, end);
    objects_json.remove_prefix(end == std::string_view::npos ? objects_json.size() : end + 1);
    std::string key, value;
    if (!SplitMember(line, key, value)) continue;
    if (key == "process") ++processes;
    if (key == "name") name = value;
    if (key == "named_actors") name = "the head";
    if (value == "true") held.push_back(absl::StrCat(name, " is ", key));
    const uint64_t count = std::strtoull(value.c_str(), nullptr, 10);
    if (key == "peers") peers.emplace_back(name, count);
    if (count > 0 && !allowed.contains(key)) held.push_back(absl::StrCat(name, ": ", key, " ", value));
  }
  for (const auto& [process, count] : peers) {
    if (count > processes) held.push_back(absl::StrCat(process, ": peers ", count));
  }
  return held;
}

}  // namespace ioc

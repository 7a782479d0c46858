#include "runtime/head/listen_address.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "lib/base/status.h"

namespace ioc {
namespace {

// "127." and then only digits and dots: a name like 127.example.org is somebody else's.
bool IsLoopbackV4(std::string_view host) {
  return host.starts_with("127.") &&
         std::all_of(host.begin(), host.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

}  // namespace

bool IsLoopback(std::string_view address) {
  if (address.starts_with("unix:")) return true;
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || IsLoopbackV4(host);
}

absl::Status CheckListenAddress(std::string_view role, std::string_view address, bool insecure) {
  if (insecure || IsLoopback(address)) return absl::OkStatus();
  return MakeError(
      Cause::kInvalidArgument,
      absl::StrCat(
          "a ", std::string(role), " that listens on ", std::string(address),
          " can be reached from other machines, and this release can't tell friend from foe: whoever reaches it "
          "can run programs here. Listen on 127.0.0.1, or say --insecure if the network is trusted"));
}

}  // namespace ioc

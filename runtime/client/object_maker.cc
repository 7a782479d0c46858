#include "runtime/client/object_maker.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "lib/base/text.h"

namespace ioc {

absl::Status WithMaker(const absl::Status& error, const ObjectRecord& object) {
  const Cause cause = CauseOf(error);
  if (object.maker == nullptr || (cause != Cause::kObjectLost && cause != Cause::kStoreFull)) return error;
  const std::string id = object.id().ToString();
  const std::string made = absl::StrCat(" (made by ", Shown(object.maker->label), ")");
  std::string message(error.message());
  for (size_t place = message.find(id); place != std::string::npos; place = message.find(id, place)) {
    place += id.size();
    if (place < message.size() && absl::ascii_isxdigit(static_cast<unsigned char>(message[place]))) continue;
    if (std::string_view(message).substr(place).starts_with(made)) return error;
    return MakeError(cause, message.insert(place, made));
  }
  return error;
}

}  // namespace ioc

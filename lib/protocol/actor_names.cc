#include "lib/protocol/actor_names.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <utility>

#include "lib/base/similar.h"
#include "lib/base/status.h"

namespace ioc {
namespace {

constexpr size_t kMaxSuggestions = 5;

std::string Place(const std::string& name_space) {
  return name_space.empty() ? "" : absl::StrCat(" in the name space \"", name_space, "\"");
}

}  // namespace

absl::Status NameTaken(const std::string& name, const std::string& name_space, ObjectId holder,
                       const std::string& who) {
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("the name \"", name, "\"", Place(name_space), " is taken by actor ", holder.ToString(),
                                " (", who, "); choose another name, find that actor, or end it first"));
}

absl::Status NameUnknown(const std::string& name, const std::string& name_space, std::vector<std::string> known) {
  const size_t total = known.size();
  const std::vector<std::string> similar = MostSimilar(name, std::move(known), kMaxSuggestions);
  const std::string others = total == 0 ? "no actor has a name there"
                                        : absl::StrCat(total <= kMaxSuggestions ? "named ones: " : "similar names: ",
                                                       absl::StrJoin(similar, ", "));
  return MakeError(Cause::kActorDied,
                   absl::StrCat("no actor is named \"", name, "\"", Place(name_space), "; ", others));
}

}  // namespace ioc

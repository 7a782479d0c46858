#include "runtime/worker/hosted_actor.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <numeric>

#include "lib/base/check.h"

namespace ioc {

HostedActor::HostedActor(const TaskSpec& creation) : id_(creation.actor), incarnation_(creation.incarnation) {
  const auto add = [this](std::string name, uint32_t limit) {
    groups_.push_back(std::make_unique<CallGroup>());
    groups_.back()->name = std::move(name);
    groups_.back()->limit = std::max(1u, limit);
    groups_.back()->actor = this;
  };
  add("", creation.max_concurrency);
  for (const ConcurrencyGroup& group : creation.concurrency_groups) add(std::string(group.name), group.limit);
}

HostedActor::~HostedActor() {
  IOC_CHECK(object_ == nullptr) << "an actor's object outlives what the worker knows of it";
}

void HostedActor::Adopt(const internal::Invocation& constructed, const internal::ActorClass* actor_class) {
  class_ = actor_class;
  object_ = constructed.created;
  destroy_ = constructed.destroy;
}

CallGroup* HostedActor::FindGroup(std::string_view name) {
  const auto found =
      std::find_if(groups_.begin(), groups_.end(), [name](const auto& group) { return group->name == name; });
  return found == groups_.end() ? nullptr : found->get();
}

std::string HostedActor::GroupNames() const {
  std::string names = "the default one";
  for (size_t i = 1; i < groups_.size(); ++i) absl::StrAppend(&names, ", \"", groups_[i]->name, "\"");
  return names;
}

uint32_t HostedActor::limit() const {
  return std::accumulate(groups_.begin(), groups_.end(), 0u,
                         [](uint32_t sum, const auto& group) { return sum + group->limit; });
}

bool HostedActor::waiting() const {
  return std::any_of(groups_.begin(), groups_.end(), [](const auto& group) { return !group->waiting.empty(); });
}

bool HostedActor::running() const {
  return std::any_of(groups_.begin(), groups_.end(), [](const auto& group) { return group->running > 0; });
}

}  // namespace ioc

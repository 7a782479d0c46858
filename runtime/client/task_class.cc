// What options ask for as a scheduling class, or what is wrong with them.
#include <absl/strings/str_cat.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/protocol/actor_messages.h"
#include "lib/scheduling/match.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {
namespace {

// What has a member of its own is asked for by that.
absl::Status CheckOwnResources(const std::map<std::string, double>& resources) {
  for (const auto& [name, amount] : resources) {
    if (name.empty()) return MakeError(Cause::kInvalidArgument, "a resource has no name");
    const std::string_view builtin = BuiltinResource(name);
    if (builtin.empty()) continue;
    const char* member = builtin == kCpu ? "cpus" : builtin == kGpu ? "gpus" : "memory";
    return MakeError(Cause::kInvalidArgument, absl::StrCat("resources has ", amount, " ", name,
                                                           ", which is not a resource of your own; set ", member));
  }
  return absl::OkStatus();
}

// For what is counted, and may be without end.
absl::Status CheckCount(const char* member, int value) {
  if (value >= -1) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat(member, " is ", value, "; it must be at least 0, or -1 for no end"));
}

absl::Status CheckName(const char* member, const std::string& name) {
  if (name.size() <= kMaxActorNameBytes) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat(member, " has ", name.size(), " bytes; it can have ", kMaxActorNameBytes));
}

// The one place where options are checked, for each kind of runtime.
template <typename Options>
absl::StatusOr<SchedulingClass> MakeClass(const Options& options) {
  IOC_RETURN_IF_ERROR(CheckOwnResources(options.resources));
  std::vector<std::pair<std::string, double>> amounts = {{std::string(kCpu), options.cpus},
                                                         {std::string(kGpu), options.gpus},
                                                         {std::string(kMemory), static_cast<double>(options.memory)}};
  amounts.insert(amounts.end(), options.resources.begin(), options.resources.end());
  SchedulingClass spec;
  IOC_ASSIGN_OR_RETURN(spec.resources, MakeResources(amounts));
  spec.where = options.where;
  spec.strategy = options.strategy;
  spec.placement_timeout = options.placement_timeout;
  IOC_RETURN_IF_ERROR(CheckRequest(spec));
  return spec;
}

absl::Status CheckConcurrency(const ActorOptions& options) {
  int64_t sum = options.max_concurrency;
  if (options.max_concurrency < 1) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("max_concurrency is ", options.max_concurrency, "; it must be at least 1"));
  }
  for (const auto& [name, limit] : options.concurrency_groups) {
    if (name.empty()) {
      return MakeError(Cause::kInvalidArgument,
                       "a concurrency group has no name; max_concurrency is for calls that name none");
    }
    IOC_RETURN_IF_ERROR(CheckName("a concurrency group's name", name));
    if (limit < 1) {
      return MakeError(Cause::kInvalidArgument, absl::StrCat("the limit of the concurrency group \"", name, "\" is ",
                                                             limit, "; it must be at least 1"));
    }
    sum += limit;
  }
  if (sum > kMaxConcurrency) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("max_concurrency and concurrency_groups make ", sum,
                                  " calls that run at a time; an actor can have ", kMaxConcurrency));
  }
  return absl::OkStatus();
}

// What the actors of a process do is not told apart, so none of them can hold resources of its own.
absl::Status CheckShared(const ActorOptions& options) {
  if (!options.shared_process) return absl::OkStatus();
  std::string asked;
  if (options.cpus != 0) asked = absl::StrCat("cpus is ", options.cpus);
  if (options.gpus != 0) asked = absl::StrCat("gpus is ", options.gpus);
  if (options.memory != 0) asked = absl::StrCat("memory is ", options.memory);
  for (const auto& [name, amount] : options.resources) {
    if (amount != 0) asked = absl::StrCat("resources has ", amount, " ", name);
  }
  if (asked.empty()) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat(asked,
                                ", but an actor in a shared process has no resources of its own; leave them at 0, "
                                "or leave shared_process false"));
}

}  // namespace

absl::StatusOr<SchedulingClass> TaskDispatcher::ClassOf(const TaskOptions& options) {
  IOC_RETURN_IF_ERROR(CheckCount("max_retries", options.max_retries));
  IOC_RETURN_IF_ERROR(CheckName("name", options.name));
  return MakeClass(options);
}

absl::StatusOr<SchedulingClass> TaskDispatcher::ClassOf(const ActorOptions& options) {
  IOC_RETURN_IF_ERROR(CheckConcurrency(options));
  IOC_RETURN_IF_ERROR(CheckCount("max_restarts", options.max_restarts));
  IOC_RETURN_IF_ERROR(CheckCount("max_task_retries", options.max_task_retries));
  IOC_RETURN_IF_ERROR(CheckName("name", options.name));
  IOC_RETURN_IF_ERROR(CheckName("name_space", options.name_space));
  if (options.lifetime != Lifetime::kHandles && options.lifetime != Lifetime::kDetached) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("lifetime is ", static_cast<int>(options.lifetime), "; it must be one of Lifetime"));
  }
  if (options.lifetime == Lifetime::kDetached && options.name.empty()) {
    return MakeError(Cause::kInvalidArgument, "a detached actor needs a name; set ActorOptions::name");
  }
  if (options.lifetime == Lifetime::kDetached && options.shared_process) {
    return MakeError(Cause::kInvalidArgument,
                     "a detached actor has a process of its own: leave shared_process false, or lifetime at kHandles");
  }
  IOC_RETURN_IF_ERROR(CheckShared(options));
  absl::StatusOr<SchedulingClass> spec = MakeClass(options);
  if (spec.ok()) spec->dedicated = true;
  return spec;
}

}  // namespace ioc

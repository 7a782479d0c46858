// What options ask for as a scheduling class, or what is wrong with them.
#include <absl/strings/str_cat.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "runtime/client/task_dispatcher.h"

namespace ioc {
namespace {

template <typename Options>
absl::StatusOr<SchedulingClass> MakeClass(const Options& options) {
  std::vector<std::pair<std::string, double>> amounts = {{std::string(kCpu), options.cpus},
                                                         {std::string(kGpu), options.gpus},
                                                         {std::string(kMemory), static_cast<double>(options.memory)}};
  amounts.insert(amounts.end(), options.resources.begin(), options.resources.end());
  SchedulingClass spec;
  IOC_ASSIGN_OR_RETURN(spec.resources, MakeResources(amounts));
  if (options.placement_timeout < absl::ZeroDuration()) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("placement_timeout is ", absl::FormatDuration(options.placement_timeout),
                                  "; it must not be negative"));
  }
  spec.where = options.where;
  spec.strategy = options.strategy;
  spec.placement_timeout = options.placement_timeout;
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
  if (options.max_retries < -1) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("max_retries is ", options.max_retries, "; it must be at least 0, or -1 for no end"));
  }
  return MakeClass(options);
}

absl::StatusOr<SchedulingClass> TaskDispatcher::ClassOf(const ActorOptions& options) {
  IOC_RETURN_IF_ERROR(CheckConcurrency(options));
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

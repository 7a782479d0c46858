#include "iocluster/internal/calls.h"

#include <absl/strings/str_cat.h>

#include "iocluster/internal/checkpoints.h"
#include "iocluster/internal/entry.h"
#include "iocluster/status.h"

namespace ioc::internal {

std::vector<Ref> CallOfNothing(std::string_view label, uint32_t number) {
  std::vector<Ref> refs(number);
  Runtime* const runtime = CurrentRuntime();
  if (runtime == nullptr) return refs;
  for (Ref& ref : refs) {
    ref = runtime->PutError(
        MakeError(Cause::kInvalidArgument, absl::StrCat("call of ", std::string(label),
                                                        " through an ActorHandle that refers to nothing; use one that "
                                                        "Create or FindActor has given")));
  }
  return refs;
}

absl::Status CheckUnsplit(const SharedTaskOptions& options) {
  if (options == nullptr || options->num_returns == 0) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("num_returns is ", options->num_returns,
                                ", which is for SubmitAll of a function that returns a std::vector"));
}

absl::StatusOr<uint32_t> SplitInto(const SharedTaskOptions& options) {
  const int number = options == nullptr ? 0 : options->num_returns;
  if (number == 0) {
    return MakeError(Cause::kInvalidArgument,
                     "SubmitAll of a function that returns a std::vector has to know the number of its elements: say "
                     "With(ioc::TaskOptions{.num_returns = ...})");
  }
  if (number < 0 || number > static_cast<int>(kMaxReturns)) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("num_returns is ", number, "; it must be from 1 to ", kMaxReturns));
  }
  return static_cast<uint32_t>(number);
}

absl::StatusOr<uint32_t> StreamWindow(const SharedTaskOptions& options) {
  if (options == nullptr) return kDefaultStreamWindow;
  if (options->stream_window < 1 || options->stream_window > static_cast<int>(kMaxStreamWindow)) {
    return MakeError(Cause::kInvalidArgument, absl::StrCat("stream_window is ", options->stream_window,
                                                           "; it must be from 1 to ", kMaxStreamWindow));
  }
  return static_cast<uint32_t>(options->stream_window);
}

absl::Status WrongNumberOfElements(std::string_view label, size_t size, uint32_t wanted) {
  return MakeError(Cause::kInvalidArgument, absl::StrCat(std::string(label), " returned a vector of ", size,
                                                         " elements; its caller's num_returns is ", wanted));
}

absl::Status CheckCheckpointOptions(const ActorOptions& options, bool has_checkpoints, std::string_view type) {
  if (options.checkpoint_every < 0 || options.checkpoint_period <= absl::ZeroDuration()) {
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("checkpoint_every is ", options.checkpoint_every, " and checkpoint_period ",
                                  absl::FormatDuration(options.checkpoint_period),
                                  "; the first must be at least 0, the second more"));
  }
  if (options.checkpoint_every == 0 || has_checkpoints) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("checkpoint_every is ", options.checkpoint_every, ", but ", std::string(type),
                                " has not both a Checkpoint() that returns its state and a Restore(state)"));
}

absl::Status NotCalledAsStream(std::string_view label) {
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat(std::string(label), " makes a stream but was not called as one"));
}

}  // namespace ioc::internal

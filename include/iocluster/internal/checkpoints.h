// What the compiler knows of a class's Checkpoint and Restore. Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_CHECKPOINTS_H_
#define IOCLUSTER_INTERNAL_CHECKPOINTS_H_

#include <absl/status/status.h>

#include <string_view>
#include <type_traits>
#include <utility>

#include "iocluster/internal/function.h"
#include "iocluster/options.h"

namespace ioc::internal {

template <typename C>
concept CanCheckpoint = requires(C& object) {
  object.Checkpoint();
  requires !std::is_void_v<decltype(object.Checkpoint())>;
};

template <typename C, typename State>
concept CanRestore = requires(C& object, State state) {
  object.Restore(std::move(state));
};

// State is what Checkpoint returns, and Restore takes. A class that has only one of the two has methods of those names
// and nothing more.
template <typename C>
struct Checkpoints {
  static constexpr bool kHas = false;
};
template <typename C>
requires CanCheckpoint<C>
struct Checkpoints<C> {
  using State = ValueOfResult<decltype(std::declval<C&>().Checkpoint())>;
  static constexpr bool kHas = CanRestore<C, State>;
  static_assert(
      kHas || !requires { &C::Restore; },
      "iocluster cannot checkpoint this actor: its Restore does not take what its Checkpoint returns");
};

// kInvalidArgument if checkpoints are asked for that can't be taken.
absl::Status CheckCheckpointOptions(const ActorOptions& options, bool has_checkpoints, std::string_view type);

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_CHECKPOINTS_H_

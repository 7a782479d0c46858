// Calls of functions and methods, and what their results come as. Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_CALLS_H_
#define IOCLUSTER_INTERNAL_CALLS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/internal/arguments.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/object_ref.h"
#include "iocluster/options.h"

namespace ioc::internal {

using SharedTaskOptions = std::shared_ptr<const TaskOptions>;  // null: the defaults

inline constexpr uint32_t kDefaultStreamWindow = 64;
inline constexpr uint32_t kMaxStreamWindow = 1'000'000;
// Results of one call.
inline constexpr uint32_t kMaxReturns = 1 << 16;

// How the caller wants the results.
struct Returns {
  uint32_t number = 1;
  bool split = false;          // a vector of so many elements, each a result of its own
  uint32_t stream_window = 0;  // not 0: a stream
};

// `Arguments` are the types of the parameters.
template <typename Arguments, typename... Args>
Call MakeCall(const FunctionInfo& function, const Returns& returns, Runtime& runtime, Args&&... args) {
  Call call;
  call.function = &function;
  call.num_returns = returns.number;
  call.split = returns.split;
  call.stream_window = returns.stream_window;
  WriteArguments(Arguments(), runtime, call, std::forward<Args>(args)...);
  return call;
}

template <typename... Ts>
std::tuple<ObjectRef<Ts>...> RefsOf(std::type_identity<std::tuple<Ts...>>, std::vector<Ref> refs) {
  return [&refs]<size_t... I>(std::index_sequence<I...>) {
    return std::tuple<ObjectRef<Ts>...>(ObjectRef<Ts>(std::move(refs[I]))...);
  }
  (std::index_sequence_for<Ts...>());
}

template <typename E, typename A>
std::vector<ObjectRef<E>> RefsOf(std::type_identity<std::vector<E, A>>, std::vector<Ref> refs) {
  return std::vector<ObjectRef<E>>(std::make_move_iterator(refs.begin()), std::make_move_iterator(refs.end()));
}

// The `number` results of a call through a handle that refers to nothing: their error says so. Empty references where
// this thread has no cluster to make them in.
std::vector<Ref> CallOfNothing(std::string_view label, uint32_t number);
// kInvalidArgument if `options` ask for a number of results where there is one, or a tuple.
absl::Status CheckUnsplit(const SharedTaskOptions& options);
// How many results to split a vector into, or why not.
absl::StatusOr<uint32_t> SplitInto(const SharedTaskOptions& options);
// How far a stream may be ahead, or what is wrong with that number.
absl::StatusOr<uint32_t> StreamWindow(const SharedTaskOptions& options);

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_CALLS_H_

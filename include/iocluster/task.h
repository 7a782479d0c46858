// Running functions elsewhere: what Cluster::With returns, and what running code can ask.
//
// A task is any free function, static member function or lambda without captures (Submit<[](int x) { return x; }>(1):
// the lambda itself, without a + before it); an overloaded one is named by static_cast<int (*)(int)>(F). Arguments
// convert to the parameter types at the call, as in a direct call. Where the function takes a T, an ObjectRef<T> is
// taken as well: the task then runs when that value is there. Where it takes a vector<T>, so is a vector<ObjectRef<T>>.
// Arguments that are too large for a message go through the object store by themselves.
//
// What the function returns comes by the ObjectRef: T for T, const T& and absl::StatusOr<T>; void for void and
// absl::Status. An error that it returns, and an exception that it throws, is the ref's error (Cause::kTaskThrew).
// A function whose last parameter is an ioc::Yield<T>& gives an ObjectStream<T> instead (stream.h).
#ifndef IOCLUSTER_TASK_H_
#define IOCLUSTER_TASK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/actor.h"
#include "iocluster/internal/arguments.h"
#include "iocluster/internal/calls.h"
#include "iocluster/internal/cluster_state.h"
#include "iocluster/internal/entry.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/object_ref.h"
#include "iocluster/options.h"
#include "iocluster/stream.h"

namespace ioc {

// Whether somebody asked for the running task to be cancelled (Cluster::Cancel). A long task looks now and then and
// returns. False outside of tasks.
inline bool Cancelled() {
  internal::Runtime* runtime = internal::CurrentRuntime();
  return runtime != nullptr && runtime->CancelRequested();
}

// In a method of an actor with Checkpoint and Restore (actor.h): has its state saved when the running call has ended,
// before its answer is sent. An error says why that can't be.
inline absl::Status SaveCheckpoint() {
  internal::Runtime* runtime = internal::CurrentRuntime();
  if (runtime == nullptr) internal::NoCluster("ioc::SaveCheckpoint()");
  return runtime->SaveCheckpoint();
}

namespace internal {

template <auto F>
using TaskResult = typename SignatureOf<F>::Result;

template <auto F, typename... Args>
std::vector<Ref> SubmitCall(Runtime& runtime, const SharedTaskOptions& options, const Returns& returns,
                            Args&&... args) {
  using Parameters = typename SignatureOf<F>::Parameters;
  return runtime.Submit(MakeCall<typename StreamTraits<Parameters>::Arguments>(TaskEntry<F>::info(), returns, runtime,
                                                                               std::forward<Args>(args)...),
                        options);
}

template <auto F, typename... Args>
auto Submit(Runtime& runtime, const SharedTaskOptions& options, Args&&... args) {
  using Stream = StreamTraits<typename SignatureOf<F>::Parameters>;
  const absl::Status unsplit = CheckUnsplit(options);
  if constexpr (Stream::kIsStream) {
    const absl::StatusOr<uint32_t> window = unsplit.ok() ? StreamWindow(options) : unsplit;
    if (!window.ok()) return ObjectStream<typename Stream::Item>(runtime.PutError(window.status()));
    return ObjectStream<typename Stream::Item>(
        std::move(SubmitCall<F>(runtime, options, {.stream_window = *window}, std::forward<Args>(args)...).front()));
  } else {
    using Value = ValueOfResult<TaskResult<F>>;
    if (!unsplit.ok()) return ObjectRef<Value>(runtime.PutError(unsplit));
    return ObjectRef<Value>(std::move(SubmitCall<F>(runtime, options, {}, std::forward<Args>(args)...).front()));
  }
}

template <auto F, typename... Args>
auto SubmitAll(Runtime& runtime, const SharedTaskOptions& options, Args&&... args) {
  using Value = ValueOfResult<TaskResult<F>>;
  static_assert(TupleSize<Value>::value > 1 || kIsVector<Value>,
                "iocluster cannot split this result: SubmitAll is for functions that return a std::tuple of two or "
                "more, or a std::vector");
  Returns returns{.number = TupleSize<Value>::value};
  absl::Status status;
  if constexpr (kIsVector<Value>) {
    const absl::StatusOr<uint32_t> number = SplitInto(options);
    returns = {.number = number.ok() ? *number : 1, .split = true};
    status = number.status();
  } else {
    status = CheckUnsplit(options);
  }
  std::vector<Ref> refs;
  if (status.ok()) {
    refs = SubmitCall<F>(runtime, options, returns, std::forward<Args>(args)...);
  } else {
    while (refs.size() < returns.number) refs.push_back(runtime.PutError(status));
  }
  return RefsOf(std::type_identity<Value>(), std::move(refs));
}

// What an argument of a constructor travels as: string literals and views as strings.
template <typename A>
using ConstructorArgument = std::conditional_t<
    std::is_convertible_v<A, std::string_view> && !std::is_class_v<std::remove_cvref_t<A>>, std::string,
    std::conditional_t<std::is_same_v<std::remove_cvref_t<A>, std::string_view>, std::string, std::decay_t<A>>>;

// The value of a reference, anything else as it is.
template <typename T>
struct Resolved {
  using Type = T;
};
template <typename T>
requires RefTraits<T>::kIsRef struct Resolved<T> {
  using Type = typename RefTraits<T>::Value;
};

template <typename C, typename... Ts, typename... Args>
Ref CreateWith(TypeList<Ts...> types, Runtime& runtime, const ActorOptions& options, Args&&... args) {
  Call call;
  call.function = &ConstructorEntry<C, Ts...>::info();
  WriteArguments(types, runtime, call, std::forward<Args>(args)...);
  return runtime.CreateActor(std::move(call), options, TypeName<C>());
}

// A string literal or a view as the string that it travels as; anything else as it is.
template <typename T, typename A>
decltype(auto) AsArgument(A&& argument) {
  if constexpr (std::is_same_v<T, std::string> && !std::is_same_v<std::remove_cvref_t<A>, std::string>) {
    return std::string(std::forward<A>(argument));
  } else {
    return std::forward<A>(argument);
  }
}

template <typename C, typename... Args>
ActorHandle<C> Create(Runtime& runtime, const ActorOptions& options, Args&&... args) {
  constexpr bool kAsTheyAre = std::is_constructible_v<C, ConstructorArgument<Args>...>;
  constexpr bool kResolved = std::is_constructible_v<C, typename Resolved<ConstructorArgument<Args>>::Type...>;
  static_assert(kAsTheyAre || kResolved,
                "iocluster cannot create this actor: its class has no public constructor that takes these arguments as "
                "values");
  if (const absl::Status status = CheckCheckpointOptions(options, Checkpoints<C>::kHas, TypeName<C>()); !status.ok()) {
    return ActorHandle<C>(runtime.PutError(status));
  }
  if constexpr (kAsTheyAre) {
    return ActorHandle<C>(CreateWith<C>(TypeList<ConstructorArgument<Args>...>(), runtime, options,
                                        AsArgument<ConstructorArgument<Args>>(std::forward<Args>(args))...));
  } else if constexpr (kResolved) {
    return ActorHandle<C>(CreateWith<C>(TypeList<typename Resolved<ConstructorArgument<Args>>::Type...>(), runtime,
                                        options, AsArgument<ConstructorArgument<Args>>(std::forward<Args>(args))...));
  } else {
    return {};
  }
}

}  // namespace internal

// Submits with options other than the defaults; from Cluster::With. A value; may be kept and used by any thread.
class TaskSubmitter {
 public:
  // For the library.
  TaskSubmitter(internal::RuntimePtr runtime, TaskOptions options)
      : runtime_(std::move(runtime)), options_(std::make_shared<const TaskOptions>(std::move(options))) {}

  // As Cluster::Submit.
  template <auto Function, typename... Args>
  auto Submit(Args&&... args) const {
    return internal::Submit<Function>(*runtime_, options_, std::forward<Args>(args)...);
  }
  // As Cluster::SubmitAll.
  template <auto Function, typename... Args>
  auto SubmitAll(Args&&... args) const {
    return internal::SubmitAll<Function>(*runtime_, options_, std::forward<Args>(args)...);
  }

 private:
  internal::RuntimePtr runtime_;
  internal::SharedTaskOptions options_;
};

// Creates actors with options other than the defaults; from Cluster::With. A value; may be kept and used by any thread.
class ActorCreator {
 public:
  // For the library.
  ActorCreator(internal::RuntimePtr runtime, ActorOptions options)
      : runtime_(std::move(runtime)), options_(std::move(options)) {}

  // As Cluster::Create.
  template <typename C, typename... Args>
  ActorHandle<C> Create(Args&&... args) const {
    return internal::Create<C>(*runtime_, options_, std::forward<Args>(args)...);
  }

 private:
  internal::RuntimePtr runtime_;
  ActorOptions options_;
};

}  // namespace ioc

#endif  // IOCLUSTER_TASK_H_

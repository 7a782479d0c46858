// Entries: the static functions that a worker calls to run a task, a method or a constructor. Naming an entry's info()
// registers it, in the driver and in every worker alike, since they are one program. Not for users: it may change with
// any release.
#ifndef IOCLUSTER_INTERNAL_ENTRY_H_
#define IOCLUSTER_INTERNAL_ENTRY_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "iocluster/internal/arguments.h"
#include "iocluster/internal/checkpoints.h"
#include "iocluster/internal/function.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/internal/type_name.h"
#include "iocluster/internal/value.h"
#include "iocluster/stream.h"

namespace ioc::internal {

// In a catch (...): the exception as kTaskThrew with the function's name and what(). Passes on what unwinds a thread or
// a fibre.
absl::Status StatusOfException(std::string_view label);
// An error that user code returned, as the error of its result: kTaskThrew, with the user's code, message and payloads.
absl::Status ReturnedError(std::string_view label, const absl::Status& error);

template <typename C>
inline constexpr ActorClass kActorClassOf{TypeName<C>()};

// The static record of an entry; `Self` has Run, kLabel, kIsCoroutine and kActorClass.
template <typename Self>
struct Registered {
  // Naming `info_` makes the compiler keep its initialisation, which runs before main.
  static const FunctionInfo& info() { return *info_; }

 private:
  static const FunctionInfo* Register() {
    static const FunctionInfo info{&Self::Run, typeid(Self).name(), Self::kLabel, Self::kIsCoroutine,
                                   Self::kActorClass};
    RegisterFunction(info);
    return &info;
  }

  static inline const FunctionInfo* const info_ = Register();
};

template <typename T>
struct TupleSize : std::integral_constant<size_t, 0> {};
template <typename... Ts>
struct TupleSize<std::tuple<Ts...>> : std::integral_constant<size_t, sizeof...(Ts)> {};

template <typename T>
inline constexpr bool kIsVector = false;
template <typename E, typename A>
inline constexpr bool kIsVector<std::vector<E, A>> = true;

// What is wrong with a vector that was to be split into `wanted` results.
absl::Status WrongNumberOfElements(std::string_view label, size_t size, uint32_t wanted);

// Hands a function's result on; a tuple in parts if the caller wants as many, a vector if it is to be split.
template <typename R>
absl::Status ReturnResult(Invocation& invocation, std::string_view label, R&& result) {
  using T = std::remove_cvref_t<R>;
  if constexpr (std::is_same_v<T, absl::Status>) {
    if (!result.ok()) return ReturnedError(label, result);
    invocation.results->ReturnInline({}, {});
    return absl::OkStatus();
  } else if constexpr (!std::is_same_v<ValueOfResult<T>, T>) {
    if (!result.ok()) return ReturnedError(label, result.status());
    return ReturnResult(invocation, label, *std::forward<R>(result));
  } else {
    if constexpr (TupleSize<T>::value > 1) {
      if (invocation.num_returns == TupleSize<T>::value) {
        T whole(std::forward<R>(result));
        absl::Status status;
        const auto add = [&](auto& part) { return (status = ReturnValue(*invocation.results, std::move(part))).ok(); };
        std::apply([&](auto&... parts) { static_cast<void>((add(parts) && ...)); }, whole);
        return status;
      }
    }
    if constexpr (kIsVector<T>) {
      if (invocation.split) {
        if (result.size() != invocation.num_returns) {
          return WrongNumberOfElements(label, result.size(), invocation.num_returns);
        }
        for (auto&& element : result) {
          absl::Status status = ReturnValue(*invocation.results, typename T::value_type(std::move(element)));
          if (!status.ok()) return status;
        }
        return absl::OkStatus();
      }
    }
    if (invocation.num_returns != 1) {
      return MakeError(Cause::kInvalidArgument,
                       std::string(label) + " was asked for another number of results than it has");
    }
    return ReturnValue(*invocation.results, T(std::forward<R>(result)));
  }
}

// Whether Serde has nothing for a T, and says so itself.
template <typename T>
concept WithoutSerde = requires {
  Serde<T>::kIsRefused;
};

// A sentence instead of what the compiler says of a tuple that can't be made.
template <typename... Ts>
constexpr bool CanBeRead() {
  constexpr bool kDefault = (std::is_default_constructible_v<Ts> && ...);
  static_assert(kDefault || (WithoutSerde<Ts> || ...),
                "iocluster cannot make this call: the type of a parameter has no public default constructor, and what "
                "arrives is read into a value that is there");
  return kDefault;
}

// Decodes the arguments, calls `function` with them as the parameters take them, hands the result on.
template <typename Result, typename... Ps, typename Function>
absl::Status RunEntry(TypeList<Ps...> parameters, Invocation& invocation, std::string_view label,
                      const Function& function) {
  if constexpr (CanBeRead<Carried<Ps>...>()) {
    try {
      std::tuple<Carried<Ps>...> arguments;
      if (absl::Status status = ReadArguments(parameters, invocation, label, arguments); !status.ok()) return status;
      const auto call = [&](Carried<Ps>&... values) -> Result { return function(static_cast<Ps&&>(values)...); };
      if constexpr (std::is_void_v<Result>) {
        std::apply(call, arguments);
        invocation.results->ReturnInline({}, {});
        return absl::OkStatus();
      } else {
        return ReturnResult<Result>(invocation, label, std::apply(call, arguments));
      }
    } catch (...) {
      return StatusOfException(label);
    }
  }
}

// What a stream's function is that was not called as one.
absl::Status NotCalledAsStream(std::string_view label);

// The same for a function that takes a Yield last.
template <typename Result, typename Item, typename... Ps, typename Function>
absl::Status RunStreamEntry(TypeList<Ps...> parameters, Invocation& invocation, std::string_view label,
                            const Function& function) {
  static_assert(std::is_void_v<Result> || std::is_same_v<Result, absl::Status>,
                "iocluster cannot call this stream: a function that takes an ioc::Yield<T>& must return void or an "
                "absl::Status; what it makes goes through the Yield");
  if (invocation.stream == nullptr) return NotCalledAsStream(label);
  Yield<Item> yield(*invocation.stream);
  const absl::Status status = RunEntry<Result>(parameters, invocation, label, [&](auto&&... values) -> Result {
    return function(static_cast<decltype(values)>(values)..., yield);
  });
  return status.ok() ? yield.status() : status;
}

template <typename S, typename Function>
absl::Status RunAsDeclared(Invocation& invocation, std::string_view label, const Function& function) {
  using Stream = StreamTraits<typename S::Parameters>;
  using Coroutine = CoroutineTraits<typename S::Result>;
  static_assert(
      !Stream::kIsStream || !Coroutine::kIsCoroutine,
      "iocluster cannot call this stream: a function that takes an ioc::Yield<T>& waits for its reader, so it "
      "can't be a coroutine");
  if constexpr (Coroutine::kIsCoroutine) {
    return Coroutine::MakeCall(typename S::Parameters(), invocation, label, function);
  } else if constexpr (Stream::kIsStream) {
    return RunStreamEntry<typename S::Result, typename Stream::Item>(typename Stream::Arguments(), invocation, label,
                                                                     function);
  } else {
    return RunEntry<typename S::Result>(typename S::Parameters(), invocation, label, function);
  }
}

// A free function, a static member function or a lambda without captures.
template <auto F>
struct TaskEntry : Registered<TaskEntry<F>> {
  static constexpr std::string_view kLabel = FunctionName<F>();
  static constexpr bool kIsCoroutine = CoroutineTraits<typename SignatureOf<F>::Result>::kIsCoroutine;
  static constexpr const ActorClass* kActorClass = nullptr;

  static absl::Status Run(Invocation& invocation) {
    using S = SignatureOf<F>;
    return RunAsDeclared<S>(invocation, kLabel, [](auto&&... values) -> typename S::Result {
      return F(static_cast<decltype(values)>(values)...);
    });
  }
};

// A method that an actor of class C has, maybe from a base class.
template <typename C, auto M>
struct MethodEntry : Registered<MethodEntry<C, M>> {
  static constexpr std::string_view kLabel = FunctionName<M>();
  static constexpr bool kIsCoroutine = CoroutineTraits<typename SignatureOf<M>::Result>::kIsCoroutine;
  static constexpr const ActorClass* kActorClass = &kActorClassOf<C>;

  static absl::Status Run(Invocation& invocation) {
    using S = SignatureOf<M>;
    typename S::Class& actor = *static_cast<C*>(invocation.actor);  // the base that has M
    return RunAsDeclared<S>(invocation, kLabel, [&actor](auto&&... values) -> typename S::Result {
      if constexpr (S::kOnRvalue) {
        return (std::move(actor).*M)(static_cast<decltype(values)>(values)...);
      } else {
        return (actor.*M)(static_cast<decltype(values)>(values)...);
      }
    });
  }
};

template <typename C>
absl::Status RestoreFrom(const Invocation& invocation, C& object) {
  using State = typename Checkpoints<C>::State;
  if (invocation.checkpoint == nullptr) return absl::OkStatus();
  absl::StatusOr<State> state = DecodeValue<State>(*invocation.checkpoint);
  if (!state.ok()) return state.status();
  if constexpr (std::is_same_v<decltype(object.Restore(*std::move(state))), absl::Status>) {
    return object.Restore(*std::move(state));
  } else {
    object.Restore(*std::move(state));
    return absl::OkStatus();
  }
}

// An entry as well, but for what it is given.
template <typename C>
absl::Status SaveTo(void* object, ReturnSink& sink) {
  using State = typename Checkpoints<C>::State;
  try {
    auto state = static_cast<C*>(object)->Checkpoint();
    if constexpr (std::is_same_v<decltype(state), State>) {
      return ReturnValue(sink, std::move(state));
    } else {
      if (!state.ok()) return state.status();
      return ReturnValue(sink, *std::move(state));
    }
  } catch (...) {
    return StatusOfException(TypeName<C>());
  }
}

// Makes a C from values of these types.
template <typename C, typename... Ts>
struct ConstructorEntry : Registered<ConstructorEntry<C, Ts...>> {
  static constexpr std::string_view kLabel = TypeName<C>();
  static constexpr bool kIsCoroutine = false;
  static constexpr const ActorClass* kActorClass = &kActorClassOf<C>;

  static absl::Status Run(Invocation& invocation) {
    try {
      std::tuple<Ts...> arguments;
      if (absl::Status status = ReadArguments(TypeList<Ts...>(), invocation, kLabel, arguments); !status.ok()) {
        return status;
      }
      auto object = std::apply([](Ts&... values) { return std::make_unique<C>(std::move(values)...); }, arguments);
      if constexpr (Checkpoints<C>::kHas) {
        if (absl::Status status = RestoreFrom(invocation, *object); !status.ok()) return status;
        invocation.save = &SaveTo<C>;
      }
      invocation.created = object.release();
      invocation.destroy = [](void* actor) { delete static_cast<C*>(actor); };
      return absl::OkStatus();
    } catch (...) {
      return StatusOfException(kLabel);
    }
  }
};

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_ENTRY_H_

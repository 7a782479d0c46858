// What the compiler knows of a function: parameters and result. Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_FUNCTION_H_
#define IOCLUSTER_INTERNAL_FUNCTION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <type_traits>

namespace ioc {

template <typename T>
class Yield;

}  // namespace ioc

namespace ioc::internal {

template <typename... Ts>
struct TypeList {};

// Signature<F> of a function pointer, a member function pointer or a lambda's class: Result, Parameters (as declared),
// and for a member function Class and kOnRvalue (it needs an object that is given away).
template <typename F>
struct Signature;

#define IOC_SIGNATURE_(QUALIFIERS, ON_RVALUE)       \
  template <typename C, typename R, typename... Ps> \
  struct Signature<R (C::*)(Ps...) QUALIFIERS> {    \
    using Class = C;                                \
    using Result = R;                               \
    using Parameters = TypeList<Ps...>;             \
    static constexpr bool kOnRvalue = ON_RVALUE;    \
  };                                                \
  template <typename C, typename R, typename... Ps> \
  struct Signature<R (C::*)(Ps...) QUALIFIERS noexcept> : Signature<R (C::*)(Ps...) QUALIFIERS> {};

IOC_SIGNATURE_(, false)
IOC_SIGNATURE_(const, false)
IOC_SIGNATURE_(&, false)
IOC_SIGNATURE_(const&, false)
IOC_SIGNATURE_(&&, true)
IOC_SIGNATURE_(const&&, true)
#undef IOC_SIGNATURE_

template <typename R, typename... Ps>
struct Signature<R (*)(Ps...)> {
  using Result = R;
  using Parameters = TypeList<Ps...>;
};
template <typename R, typename... Ps>
struct Signature<R (*)(Ps...) noexcept> : Signature<R (*)(Ps...)> {};

template <typename F>
requires requires { &F::operator(); }
struct Signature<F> {
  using Result = typename Signature<decltype(&F::operator())>::Result;
  using Parameters = typename Signature<decltype(&F::operator())>::Parameters;
};

template <auto F>
using SignatureOf = Signature<std::remove_cv_t<decltype(F)>>;

// Whether a function of these parameters makes a stream: its last one is a Yield<Item>&. Arguments are those that its
// caller gives.
template <typename Passed, typename... Rest>
struct StreamSplit {
  static constexpr bool kIsStream = false;
  using Arguments = Passed;
};
template <typename... Passed, typename P, typename... Rest>
struct StreamSplit<TypeList<Passed...>, P, Rest...> : StreamSplit<TypeList<Passed..., P>, Rest...> {};
template <typename... Passed, typename T>
struct StreamSplit<TypeList<Passed...>, Yield<T>&> {
  static constexpr bool kIsStream = true;
  using Item = T;
  using Arguments = TypeList<Passed...>;
};

template <typename Parameters>
struct StreamTraits;
template <typename... Ps>
struct StreamTraits<TypeList<Ps...>> : StreamSplit<TypeList<>, Ps...> {};

// Specialised in asio.h for what a coroutine returns; its ValueOf is there as well.
template <typename R>
struct CoroutineTraits {
  static constexpr bool kIsCoroutine = false;
};

// What the caller's ObjectRef refers to: Status is void and StatusOr<T> is T, since their errors are the ref's error.
template <typename R>
struct ValueOf {
  using Type = R;
};
template <>
struct ValueOf<absl::Status> {
  using Type = void;
};
template <typename T>
struct ValueOf<absl::StatusOr<T>> {
  using Type = T;
};

template <typename R>
using ValueOfResult = typename ValueOf<std::remove_cvref_t<R>>::Type;

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_FUNCTION_H_

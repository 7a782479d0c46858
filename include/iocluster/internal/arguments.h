// Arguments of calls to bytes and back. Not for users: it may change with any release.
//
// A payload is the fingerprint of the parameter types, then for each argument a kind (ArgumentKind) and what it says:
// the value itself, the number of a dependency (a whole value that the runtime fetches and brings along), or a length
// and that many numbers. What is too large to travel in a message is put into the object store and becomes a
// dependency.
#ifndef IOCLUSTER_INTERNAL_ARGUMENTS_H_
#define IOCLUSTER_INTERNAL_ARGUMENTS_H_

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/internal/function.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/internal/value.h"
#include "iocluster/object_ref.h"
#include "iocluster/serde.h"

namespace ioc::internal {

enum class ArgumentKind : uint8_t { kValue = 0, kDependency = 1, kDependencies = 2 };

template <typename T>
struct RefTraits {
  static constexpr bool kIsRef = false;
};
template <typename T>
struct RefTraits<ObjectRef<T>> {
  static constexpr bool kIsRef = true;
  using Value = T;
};
template <typename T>
struct RefTraits<std::vector<ObjectRef<T>>> {
  static constexpr bool kIsRef = true;
  using Value = std::conditional_t<std::is_void_v<T>, void, std::vector<std::conditional_t<std::is_void_v<T>, int, T>>>;
};

// What a parameter becomes on the way: its type without const and reference.
template <typename P>
using Carried = std::remove_cvref_t<P>;

template <typename P>
inline constexpr bool kIsOutParameter = std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>;

// How an argument of type A goes to a parameter that carries a T.
enum class Passing { kValue, kDependency, kWrongRef, kNoConversion };

template <typename T, typename A>
constexpr Passing PassingOf() {
  using Plain = std::remove_cvref_t<A>;
  if constexpr (RefTraits<Plain>::kIsRef && !std::is_same_v<T, Plain>) {
    if constexpr (std::is_same_v<typename RefTraits<Plain>::Value, T>) return Passing::kDependency;
    if constexpr (std::is_convertible_v<A, T>) return Passing::kValue;
    return Passing::kWrongRef;
  } else {
    return std::is_convertible_v<A, T> ? Passing::kValue : Passing::kNoConversion;
  }
}

// Adds arguments to a call, one after the other.
class ArgumentWriter {
 public:
  ArgumentWriter(Runtime& runtime, Call& call, uint32_t fingerprint) : runtime_(runtime), call_(call) {
    out_.Append(&fingerprint, sizeof(fingerprint));
  }

  // `value` is of the parameter's type: as an lvalue, or to be moved from.
  template <typename Value>
  void AddValue(Value&& value) {
    using T = std::remove_cvref_t<Value>;
    if constexpr (kIsScalar<T>) {
      WriteKind(ArgumentKind::kValue);
      out_.Write(value);
    } else {
      const bool ready_made = IsEncoded<Value>(value);
      if (ready_made || !FitsInline(value)) return AddDependency(PutValue(runtime_, std::forward<Value>(value)));
      WriteKind(ArgumentKind::kValue);
      out_.Write(value);
    }
  }

  void AddDependency(Ref ref) {
    WriteKind(ArgumentKind::kDependency);
    WriteNumberOf(std::move(ref));
  }

  template <typename T>
  void AddDependency(const ObjectRef<T>& ref) {
    AddDependency(RefOrError(ref.ref()));
  }

  template <typename T>
  void AddDependency(const std::vector<ObjectRef<T>>& refs) {
    WriteKind(ArgumentKind::kDependencies);
    out_.WriteLength(refs.size());
    for (const ObjectRef<T>& ref : refs) WriteNumberOf(RefOrError(ref.ref()));
  }

  // Moves everything to the call.
  void Finish() {
    out_.Finish();
    call_.refs = out_.TakeRefs();
  }

 private:
  static constexpr size_t kNoLimit = ~size_t{0};

  void WriteKind(ArgumentKind kind) { out_.Append(&kind, 1); }
  void WriteNumberOf(Ref ref) {
    const auto number = static_cast<uint32_t>(call_.dependencies.size());
    call_.dependencies.push_back(std::move(ref));
    out_.Append(&number, sizeof(number));
  }
  // An empty reference becomes one whose value is an error that says so.
  Ref RefOrError(const Ref& ref);

  template <typename Value, typename T>
  static bool IsEncoded(const T& value) {
    if constexpr (PreEncoded<T> && std::is_same_v<Value, T>) {
      return value.writable();
    } else {
      return false;
    }
  }

  template <typename T>
  static bool FitsInline(const T& value) {
    Encoder measure;
    measure.Write(value);
    return measure.status().ok() && measure.size() <= kMaxInlineBytes;
  }

  Runtime& runtime_;
  Call& call_;
  Encoder out_{call_.payload, kNoLimit};
};

// Adds one argument for a parameter that carries a T; the compiler says in one sentence why it can't.
template <typename T, typename A>
void AddArgument(ArgumentWriter& writer, A&& argument) {
  constexpr Passing kPassing = PassingOf<T, A>();
  static_assert(kPassing != Passing::kNoConversion,
                "iocluster cannot make this call: an argument does not convert to the type of its parameter");
  static_assert(kPassing != Passing::kWrongRef,
                "iocluster cannot make this call: an ObjectRef refers to another type than its parameter has");
  if constexpr (kPassing == Passing::kDependency) {
    writer.AddDependency(argument);
  } else if constexpr (kPassing == Passing::kValue) {
    if constexpr (std::is_same_v<std::remove_cvref_t<A>, T>) {
      if constexpr (std::is_const_v<std::remove_reference_t<A>>) {
        writer.AddValue(argument);
      } else {
        writer.AddValue(std::forward<A>(argument));
      }
    } else {
      T converted = std::forward<A>(argument);
      writer.AddValue(std::move(converted));
    }
  }
}

template <typename... Ps>
constexpr uint32_t ParametersFingerprint() {
  return FingerprintOfParts<0, Carried<Ps>...>("parameters");
}

// Encodes the arguments of a call to a function with these parameters.
template <typename... Ps, typename... As>
void WriteArguments(TypeList<Ps...>, Runtime& runtime, Call& call, As&&... arguments) {
  constexpr bool kOutParameter = (kIsOutParameter<Ps> || ...);
  constexpr bool kSameNumber = sizeof...(Ps) == sizeof...(As);
  static_assert(
      !kOutParameter,
      "iocluster cannot make this call: a parameter is a non-const reference, and what is written to it would "
      "be lost in another process; return it instead");
  static_assert(kSameNumber,
                "iocluster cannot make this call: the number of arguments is not the number of the function's "
                "parameters");
  if constexpr (!kOutParameter && kSameNumber) {
    static constexpr uint32_t kFingerprint = ParametersFingerprint<Ps...>();
    ArgumentWriter writer(runtime, call, kFingerprint);
    (AddArgument<Carried<Ps>>(writer, std::forward<As>(arguments)), ...);
    writer.Finish();
  }
}

// Reads the arguments of an invocation, one after the other.
class ArgumentReader {
 public:
  ArgumentReader(const Invocation& invocation, std::string_view label, uint32_t fingerprint);

  template <typename T>
  bool Read(T& value) {
    switch (ReadKind()) {
      case ArgumentKind::kValue:
        return in_.Read(value) || FailWith(DecodeError(in_, TypeName<T>()));
      case ArgumentKind::kDependency:
        return ReadDependency(value);
      case ArgumentKind::kDependencies:
        if constexpr (requires { typename std::vector<typename T::value_type>; }) {
          if constexpr (std::is_same_v<T, std::vector<typename T::value_type>>) return ReadDependencies(value);
        }
    }
    return FailWith(absl::OkStatus());
  }

  // OK, or which argument of which function is wrong, and how.
  absl::Status Finish();

 private:
  // kDependencies is also what stands for an unknown kind: Read refuses it.
  ArgumentKind ReadKind();
  // Null if there is no such dependency.
  const EncodedValue* ReadNumber();
  bool FailWith(const absl::Status& status);

  template <typename T>
  bool ReadDependency(T& value) {
    const EncodedValue* dependency = ReadNumber();
    if (dependency == nullptr) return FailWith(absl::OkStatus());
    const absl::Status status = DecodeInto(*dependency, value);
    return status.ok() || FailWith(status);
  }

  template <typename E>
  bool ReadDependencies(std::vector<E>& values) {
    size_t size = 0;
    if (!in_.ReadLength(size, sizeof(uint32_t))) return FailWith(absl::OkStatus());
    values.clear();
    for (size_t i = 0; i < size; ++i) {
      E value{};
      if (!ReadDependency(value)) return false;
      values.push_back(std::move(value));
    }
    return true;
  }

  const Invocation& invocation_;
  const std::string_view label_;
  Decoder in_;
  int argument_ = 0;  // the one being read, from 1
  absl::Status status_;
};

template <typename... Ps>
absl::Status ReadArguments(TypeList<Ps...>, const Invocation& invocation, std::string_view label,
                           std::tuple<Carried<Ps>...>& arguments) {
  static constexpr uint32_t kFingerprint = ParametersFingerprint<Ps...>();
  ArgumentReader reader(invocation, label, kFingerprint);
  std::apply([&](auto&... values) { static_cast<void>((reader.Read(values) && ...)); }, arguments);
  return reader.Finish();
}

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_ARGUMENTS_H_

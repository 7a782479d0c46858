// The built-in Serdes of everything but aggregates. Containers are recognised by what they can do, so that no header of
// theirs is needed here. Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_SERDE_TYPES_H_
#define IOCLUSTER_INTERNAL_SERDE_TYPES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "iocluster/coding.h"
#include "iocluster/internal/serde_aggregate.h"
#include "iocluster/internal/serde_base.h"

namespace ioc::internal {

template <typename T>
concept ComplexLike = requires(const T& value) {
  typename T::value_type;
  requires std::is_floating_point_v<typename T::value_type>;
  requires sizeof(T) == 2 * sizeof(typename T::value_type);
  { value.real() } -> std::same_as<typename T::value_type>;
  { value.imag() } -> std::same_as<typename T::value_type>;
};

template <typename T>
concept DurationLike = requires(const T& value) {
  typename T::period;
  { value.count() } -> std::same_as<typename T::rep>;
};

template <typename T>
concept TimePointLike = requires(const T& value) {
  typename T::clock;
  { value.time_since_epoch() } -> std::same_as<typename T::duration>;
};

template <typename T>
concept ContainerLike = std::default_initializable<T> && requires(T& value, const T& constant) {
  typename T::value_type;
  constant.begin() != constant.end();
  { constant.size() } -> std::convertible_to<size_t>;
  value.clear();
};

template <typename T>
concept SequenceLike = ContainerLike<T> && !requires {
  typename T::key_type;
}
&&requires(T& value, typename T::value_type element) { value.push_back(std::move(element)); };

template <typename T>
concept SetLike = ContainerLike<T> && !requires {
  typename T::mapped_type;
}
&&requires(T& value, typename T::key_type key) { value.insert(std::move(key)); };

template <typename T>
concept MapLike = ContainerLike<T> &&
    requires(T& value, std::pair<typename T::key_type, typename T::mapped_type> entry) {
  value.insert(std::move(entry));
};

// Sequences in one piece of memory.
template <typename T>
concept ContiguousLike = SequenceLike<T> && requires(T& value, size_t n) {
  value.resize(n);
  { value.data() } -> std::same_as<typename T::value_type*>;
};

template <typename T>
concept PointerLike = std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> || requires {
  typename T::element_type;
  std::declval<T&>().operator->();
};

template <typename T>
concept ViewLike = requires(T& value) {
  value.remove_prefix(1);
}
|| requires(const T& value) {
  typename T::element_type;
  value.subspan(0);
};

// What nothing below takes.
template <typename T>
struct BuiltinSerde {
  static constexpr bool kIsRefused = true;
  static constexpr bool kPointer = PointerLike<T>;
  static constexpr bool kView = !kPointer && ViewLike<T>;
  static constexpr bool kArray = std::is_array_v<T>;

  static constexpr bool Refuse() {
    static_assert(!kPointer,
                  "iocluster cannot serialise this type: it is a pointer, which means nothing in another process; pass "
                  "the value itself, an ioc::ObjectRef or an ioc::Array");
    static_assert(!kView,
                  "iocluster cannot serialise this type: it is a view of memory that it does not own; use std::string, "
                  "std::vector or ioc::Array");
    static_assert(!kArray, "iocluster cannot serialise this type: it is a C array; use std::array or std::vector");
    static_assert(kPointer || kView || kArray,
                  "iocluster cannot serialise this type: it is neither a number, a container nor a plain struct; "
                  "specialise ioc::Serde for it");
    return false;
  }

  static void Write(Encoder&, const T&) { static_cast<void>(Refuse()); }
  static bool Read(Decoder&, T&) { return Refuse(); }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return 0;
  }
};

template <typename T>
constexpr bool IsBlock() {
  if constexpr (!HasBuiltinSerde<T> || !std::is_trivially_copyable_v<T>) {
    return false;
  } else if constexpr (IsStdArray<T>::value) {
    return std::tuple_size_v<T> != 0 && IsBlock<typename T::value_type>();
  } else if constexpr (ComplexLike<T>) {
    return IsBlock<typename T::value_type>();
  } else if constexpr (Aggregate<T>) {
    if constexpr (std::is_empty_v<T> || FlawOf<T>() != AggregateFlaw::kNone) {
      return false;
    } else {
      return IsPackedBlock<T>(std::type_identity<MembersOf<T>>());
    }
  } else {
    return kIsScalar<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, long double>;
  }
}

// Numbers and enums.

// What a scalar is, in one number: its kind and size.
template <typename T>
constexpr uint32_t ScalarKind() {
  if constexpr (std::is_same_v<T, bool>) return 'b';
  if constexpr (std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
                std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>) {
    return 'c' + (sizeof(T) << 8);
  }
  if constexpr (std::is_floating_point_v<T>) return 'f' + (sizeof(T) << 8);
  return (std::is_signed_v<T> ? 'i' : 'u') + (sizeof(T) << 8);
}

template <typename T>
requires std::is_arithmetic_v<T>
struct BuiltinSerde<T> {
  static void Write(Encoder& out, T value) {
    if constexpr (std::is_same_v<T, long double>) {
      unsigned char bytes[sizeof(T)] = {};  // its padding must not travel
      constexpr size_t kUsed = std::numeric_limits<T>::digits == 64 ? 10 : sizeof(T);
      std::memcpy(bytes, &value, kUsed);
      out.Append(bytes, sizeof(T));
    } else {
      out.Append(&value, sizeof(T));
    }
  }

  static bool Read(Decoder& in, T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      const char* byte = in.Take(1);
      if (byte == nullptr) return false;
      value = *byte == 1;
      return *byte == 0 || *byte == 1 || in.Fail("a bool is neither 0 nor 1");
    } else {
      return in.TakeInto(&value, sizeof(T));
    }
  }

  template <int>
  static constexpr uint32_t Fingerprint() {
    return Mix(kFingerprintSeed, ScalarKind<T>());
  }
};

template <typename T>
requires std::is_enum_v<T>
struct BuiltinSerde<T> {
  using Number = std::underlying_type_t<T>;

  static void Write(Encoder& out, T value) { BuiltinSerde<Number>::Write(out, static_cast<Number>(value)); }

  static bool Read(Decoder& in, T& value) {
    Number number = {};
    if (!BuiltinSerde<Number>::Read(in, number)) return false;
    value = static_cast<T>(number);
    return true;
  }

  template <int>
  static constexpr uint32_t Fingerprint() {
    return Mix(Mix(Mix(kFingerprintSeed, "enum"), PlainName(TypeName<T>())), ScalarKind<Number>());
  }
};

// Containers.

template <SequenceLike T>
struct BuiltinSerde<T> {
  using Element = typename T::value_type;
  static constexpr bool kBlocks = ContiguousLike<T> && kIsBlock<Element>;

  static void Write(Encoder& out, const T& value) {
    out.WriteLength(value.size());
    if constexpr (kBlocks) {
      out.Append(value.data(), value.size() * sizeof(Element));
    } else {
      for (const Element& element : value) out.Write(element);
    }
  }

  static bool Read(Decoder& in, T& value) {
    size_t size = 0;
    if (!in.ReadLength(size, kBlocks ? sizeof(Element) : 1)) return false;
    value.clear();
    if constexpr (kBlocks) {
      value.resize(size);
      return in.TakeInto(value.data(), size * sizeof(Element));
    } else {
      // A hostile length may claim as many elements as there are bytes: what is set aside for them is bounded.
      constexpr size_t kMaxReserved = 1 + (64 << 10) / sizeof(Element);
      if constexpr (requires { value.reserve(size); }) value.reserve(std::min(size, kMaxReserved));
      for (size_t i = 0; i < size; ++i) {
        Element element{};
        if (!in.Read(element)) return false;
        value.push_back(std::move(element));
      }
      return true;
    }
  }

  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, Element>("sequence");
  }
};

template <SetLike T>
struct BuiltinSerde<T> {
  static void Write(Encoder& out, const T& value) {
    out.WriteLength(value.size());
    for (const auto& key : value) out.Write(key);
  }

  static bool Read(Decoder& in, T& value) {
    size_t size = 0;
    if (!in.ReadLength(size)) return false;
    value.clear();
    for (size_t i = 0; i < size; ++i) {
      typename T::key_type key{};
      if (!in.Read(key)) return false;
      value.insert(std::move(key));
    }
    return true;
  }

  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, typename T::key_type>("set");
  }
};

template <MapLike T>
struct BuiltinSerde<T> {
  using Entry = std::pair<typename T::key_type, typename T::mapped_type>;

  static void Write(Encoder& out, const T& value) {
    out.WriteLength(value.size());
    for (const auto& [key, mapped] : value) {
      out.Write(key);
      out.Write(mapped);
    }
  }

  static bool Read(Decoder& in, T& value) {
    size_t size = 0;
    if (!in.ReadLength(size)) return false;
    value.clear();
    for (size_t i = 0; i < size; ++i) {
      Entry entry{};
      if (!in.Read(entry.first) || !in.Read(entry.second)) return false;
      value.insert(std::move(entry));
    }
    return true;
  }

  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, typename T::key_type, typename T::mapped_type>("map");
  }
};

template <typename T, size_t N>
struct BuiltinSerde<std::array<T, N>> {
  static void Write(Encoder& out, const std::array<T, N>& value) {
    if constexpr (N == 0) {
      out.Append("", 1);
    } else if constexpr (kIsBlock<T>) {
      out.Append(value.data(), sizeof(value));
    } else {
      for (const T& element : value) out.Write(element);
    }
  }

  static bool Read(Decoder& in, std::array<T, N>& value) {
    if constexpr (N == 0) {
      return in.Take(1) != nullptr;
    } else if constexpr (kIsBlock<T>) {
      return in.TakeInto(value.data(), sizeof(value));
    } else {
      for (T& element : value) {
        if (!in.Read(element)) return false;
      }
      return true;
    }
  }

  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return Mix(FingerprintOfParts<Level, T>("array"), uint32_t{N});
  }
};

// Products and sums.

template <typename A, typename B>
struct BuiltinSerde<std::pair<A, B>> {
  static void Write(Encoder& out, const std::pair<A, B>& value) {
    out.Write(value.first);
    out.Write(value.second);
  }
  static bool Read(Decoder& in, std::pair<A, B>& value) { return in.Read(value.first) && in.Read(value.second); }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, A, B>("tuple");
  }
};

template <typename... Ts>
struct BuiltinSerde<std::tuple<Ts...>> {
  static void Write(Encoder& out, const std::tuple<Ts...>& value) {
    if constexpr (sizeof...(Ts) == 0) out.Append("", 1);
    std::apply([&](const Ts&... parts) { (out.Write(parts), ...); }, value);
  }
  static bool Read(Decoder& in, std::tuple<Ts...>& value) {
    if (sizeof...(Ts) == 0 && in.Take(1) == nullptr) return false;
    return std::apply([&](Ts&... parts) { return (in.Read(parts) && ...); }, value);
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, Ts...>("tuple");
  }
};

template <>
struct BuiltinSerde<std::monostate> {
  static void Write(Encoder& out, std::monostate) { out.Append("", 1); }
  static bool Read(Decoder& in, std::monostate&) { return in.Take(1) != nullptr; }
  template <int>
  static constexpr uint32_t Fingerprint() {
    return Mix(kFingerprintSeed, "monostate");
  }
};

template <typename T>
struct BuiltinSerde<std::optional<T>> {
  static void Write(Encoder& out, const std::optional<T>& value) {
    out.Write(value.has_value());
    if (value.has_value()) out.Write(*value);
  }
  static bool Read(Decoder& in, std::optional<T>& value) {
    bool has_value = false;
    if (!in.Read(has_value)) return false;
    value.reset();
    return !has_value || in.Read(value.emplace());
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, T>("optional");
  }
};

template <typename... Ts>
struct BuiltinSerde<std::variant<Ts...>> {
  static void Write(Encoder& out, const std::variant<Ts...>& value) {
    out.Write(static_cast<uint32_t>(value.index()));  // one that is valueless has an index that Read refuses
    if (!value.valueless_by_exception()) std::visit([&](const auto& alternative) { out.Write(alternative); }, value);
  }
  static bool Read(Decoder& in, std::variant<Ts...>& value) {
    uint32_t index = 0;
    if (!in.Read(index)) return false;
    return ReadAlternative(in, value, index, std::index_sequence_for<Ts...>());
  }
  template <size_t... I>
  static bool ReadAlternative(Decoder& in, std::variant<Ts...>& value, size_t index, std::index_sequence<I...>) {
    bool good = false;
    const bool known = ((index == I && (good = in.Read(value.template emplace<I>()), true)) || ...);
    return known ? good : in.Fail("a variant has no such alternative");
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, Ts...>("variant");
  }
};

// Numbers with a unit.

template <ComplexLike T>
struct BuiltinSerde<T> {
  using Number = typename T::value_type;
  static void Write(Encoder& out, const T& value) {
    out.Write(value.real());
    out.Write(value.imag());
  }
  static bool Read(Decoder& in, T& value) {
    Number real = 0;
    Number imaginary = 0;
    if (!in.Read(real) || !in.Read(imaginary)) return false;
    value = T(real, imaginary);
    return true;
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, Number>("complex");
  }
};

template <DurationLike T>
struct BuiltinSerde<T> {
  static void Write(Encoder& out, const T& value) { out.Write(value.count()); }
  static bool Read(Decoder& in, T& value) {
    typename T::rep count = {};
    if (!in.Read(count)) return false;
    value = T(count);
    return true;
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return Mix(Mix(FingerprintOfParts<Level, typename T::rep>("duration"), uint32_t{T::period::num & 0xffffffff}),
               uint32_t{T::period::den & 0xffffffff});
  }
};

template <TimePointLike T>
struct BuiltinSerde<T> {
  static void Write(Encoder& out, const T& value) { out.Write(value.time_since_epoch()); }
  static bool Read(Decoder& in, T& value) {
    typename T::duration since_epoch{};
    if (!in.Read(since_epoch)) return false;
    value = T(since_epoch);
    return true;
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, typename T::duration>("time point");
  }
};

// Values of Abseil's.

template <>
struct BuiltinSerde<absl::Duration> {
  static void Write(Encoder& out, absl::Duration value);
  static bool Read(Decoder& in, absl::Duration& value);
  template <int>
  static constexpr uint32_t Fingerprint() {
    return Mix(kFingerprintSeed, "absl::Duration");
  }
};

template <>
struct BuiltinSerde<absl::Time> {
  static void Write(Encoder& out, absl::Time value);
  static bool Read(Decoder& in, absl::Time& value);
  template <int>
  static constexpr uint32_t Fingerprint() {
    return Mix(kFingerprintSeed, "absl::Time");
  }
};

template <>
struct BuiltinSerde<absl::Status> {
  static void Write(Encoder& out, const absl::Status& value);
  static bool Read(Decoder& in, absl::Status& value);
  template <int>
  static constexpr uint32_t Fingerprint() {
    return Mix(kFingerprintSeed, "absl::Status");
  }
};

template <typename T>
struct BuiltinSerde<absl::StatusOr<T>> {
  static void Write(Encoder& out, const absl::StatusOr<T>& value) {
    out.Write(value.ok());
    if (value.ok()) {
      out.Write(*value);
    } else {
      out.Write(value.status());
    }
  }
  static bool Read(Decoder& in, absl::StatusOr<T>& value) {
    bool has_value = false;
    if (!in.Read(has_value)) return false;
    if (has_value) return in.Read(value.emplace());
    absl::Status status;
    if (!in.Read(status)) return false;
    if (status.ok()) return in.Fail("a StatusOr has neither value nor error");
    value = std::move(status);
    return true;
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfParts<Level, T>("StatusOr");
  }
};

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_SERDE_TYPES_H_

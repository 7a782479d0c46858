// Plain aggregates, member by member (Boost.PFR). Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_SERDE_AGGREGATE_H_
#define IOCLUSTER_INTERNAL_SERDE_AGGREGATE_H_

#include <array>
#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "iocluster/coding.h"
#include "iocluster/internal/serde_base.h"

namespace ioc::internal {

inline constexpr size_t kMaxAggregateMembers = 100;  // what Boost.PFR can take apart

template <typename T>
struct IsStdArray : std::false_type {};
template <typename T, size_t N>
struct IsStdArray<std::array<T, N>> : std::true_type {};

template <typename T>
concept Aggregate = std::is_class_v<T> && std::is_aggregate_v<T> && !IsStdArray<T>::value;

// Initialises any member.
struct AnyMember {
  template <typename U>
  operator U() const;
};

// Initialises nothing but a base class.
template <typename T>
struct AnyBaseOf {
  template <typename U>
  requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>) operator U() const;
};

template <typename T>
constexpr bool HasBaseClass() {
  return requires { T{AnyBaseOf<T>{}}; };
}

// Whether the I-th initialiser starts a C array: with braces around one initialiser, fewer others fit than without.
template <typename T, size_t Count, size_t I>
constexpr bool StartsArray() {
  return []<size_t... Before, size_t... After>(std::index_sequence<Before...>, std::index_sequence<After...>) {
    return requires { T{(static_cast<void>(Before), AnyMember{})..., {AnyMember{}}}; }
    &&!requires {
      T{(static_cast<void>(Before), AnyMember{})..., {AnyMember{}}, (static_cast<void>(After), AnyMember{})...};
    };
  }
  (std::make_index_sequence<I>{}, std::make_index_sequence<Count - I - 1>{});
}

template <typename T>
constexpr bool HasArrayMember() {
  constexpr size_t kCount = boost::pfr::tuple_size_v<T>;
  return []<size_t... I>(std::index_sequence<I...>) { return (StartsArray<T, kCount, I>() || ...); }
  (std::make_index_sequence<kCount>{});
}

enum class AggregateFlaw { kNone, kBaseClass, kTooManyMembers, kArrayMember };

template <typename T>
constexpr AggregateFlaw FlawOf() {
  if constexpr (std::is_empty_v<T> && !HasBaseClass<T>()) {
    return AggregateFlaw::kNone;
  } else if constexpr (HasBaseClass<T>()) {
    return AggregateFlaw::kBaseClass;
  } else if constexpr (HasArrayMember<T>()) {
    return AggregateFlaw::kArrayMember;
  } else if constexpr (boost::pfr::tuple_size_v<T> > kMaxAggregateMembers) {
    return AggregateFlaw::kTooManyMembers;
  } else {
    return AggregateFlaw::kNone;
  }
}

// Says what is wrong with an aggregate in one sentence; false if something is.
template <typename T>
constexpr bool CheckAggregate() {
  constexpr AggregateFlaw kFlaw = FlawOf<T>();
  static_assert(kFlaw != AggregateFlaw::kBaseClass,
                "iocluster cannot serialise this type: it is a struct with a base class; make the base a member, or "
                "specialise ioc::Serde for it");
  static_assert(kFlaw != AggregateFlaw::kArrayMember,
                "iocluster cannot serialise this type: it is a struct with a C array; use std::array instead");
  static_assert(kFlaw != AggregateFlaw::kTooManyMembers,
                "iocluster cannot serialise this type: it is a struct with more than 100 members; group them into "
                "structs, or specialise ioc::Serde for it");
  return kFlaw == AggregateFlaw::kNone;
}

// std::tuple<A&, B&, ...> of an aggregate's members; empty for what CheckAggregate refuses.
template <typename T>
auto TieMembers(T& value) {
  if constexpr (std::is_empty_v<T> || !CheckAggregate<std::remove_const_t<T>>()) {
    return std::tuple<>();
  } else {
    return boost::pfr::structure_tie(value);
  }
}

template <typename T>
using MembersOf = decltype(TieMembers(std::declval<T&>()));

// `IsBlock` of every member, and no padding between them.
template <typename T, typename... Members>
constexpr bool IsPackedBlock(std::type_identity<std::tuple<Members&...>>) {
  return (IsBlock<Members>() && ...) && (sizeof(Members) + ... + 0) == sizeof(T);
}

template <int Level, typename... Members>
constexpr uint32_t FingerprintOfMembers(std::type_identity<std::tuple<Members&...>>, std::string_view name) {
  const uint32_t hash = Mix(FingerprintOfParts<Level>("struct"), name);
  if constexpr (Level > kFingerprintLevels) {
    return hash;
  } else {
    return Mix(hash, FingerprintOfParts<Level, Members...>("members"));
  }
}

template <Aggregate T>
struct BuiltinSerde<T> {
  static void Write(Encoder& out, const T& value) {
    if constexpr (std::is_empty_v<T>) {
      out.Append("", 1);
    } else {
      std::apply([&](const auto&... members) { (out.Write(members), ...); }, TieMembers(value));
    }
  }

  static bool Read(Decoder& in, T& value) {
    if constexpr (std::is_empty_v<T>) {
      return in.Take(1) != nullptr;
    } else {
      return std::apply([&](auto&... members) { return (in.Read(members) && ...); }, TieMembers(value));
    }
  }

  template <int Level>
  static constexpr uint32_t Fingerprint() {
    return FingerprintOfMembers<Level + 1>(std::type_identity<MembersOf<T>>(), PlainName(TypeName<T>()));
  }
};

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_SERDE_AGGREGATE_H_

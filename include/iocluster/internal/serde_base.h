// What Encoder, Decoder and the built-in Serdes share: declarations, type fingerprints, the test for plain blocks of
// bytes. Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_SERDE_BASE_H_
#define IOCLUSTER_INTERNAL_SERDE_BASE_H_

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "iocluster/internal/type_name.h"

namespace ioc {

class Encoder;
class Decoder;
template <typename T>
struct Serde;

namespace internal {

// The built-in ways: partial specialisations in serde_types.h and serde_aggregate.h.
template <typename T>
struct BuiltinSerde;

template <typename T>
concept HasBuiltinSerde = requires {
  typename Serde<T>::IsBuiltin;
};

template <typename T>
inline constexpr bool kIsScalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// Serde<T>::Read may return bool or Status.
template <typename T, typename D>
bool CallRead(D& in, T& value) {
  using Result = decltype(Serde<T>::Read(in, value));
  if constexpr (std::is_same_v<Result, absl::Status>) {
    const absl::Status status = Serde<T>::Read(in, value);
    return status.ok() || in.Fail(status);
  } else {
    return Serde<T>::Read(in, value);
  }
}

// A fingerprint is a hash (FNV-1a) of a type's structure: kinds, sizes, and the plain names of structs and enums. Two
// compilers compute the same one.
constexpr uint32_t kFingerprintSeed = 2166136261u;

constexpr uint32_t Mix(uint32_t hash, uint32_t value) {
  for (int i = 0; i < 4; ++i) hash = (hash ^ ((value >> (8 * i)) & 0xff)) * 16777619u;
  return hash;
}

constexpr uint32_t Mix(uint32_t hash, std::string_view text) {
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

// A struct that contains itself (through a container) would have an endless structure: nested structs count by their
// names alone from this level on.
inline constexpr int kFingerprintLevels = 3;

template <typename T, int Level = 0>
constexpr uint32_t Fingerprint() {
  if constexpr (requires { Serde<T>::template Fingerprint<Level>(); }) {
    return Serde<T>::template Fingerprint<Level>();
  } else {
    return Mix(Mix(kFingerprintSeed, "user"), PlainName(TypeName<T>()));
  }
}

template <int Level, typename... Parts>
constexpr uint32_t FingerprintOfParts(std::string_view kind) {
  uint32_t hash = Mix(kFingerprintSeed, kind);
  ((hash = Mix(hash, Fingerprint<Parts, Level>())), ...);
  return hash;
}

// Whether a T's bytes in memory are its encoding: any bytes are a value, and none of them is padding. (Not so bool, of
// which only two values are valid.)
template <typename T>
constexpr bool IsBlock();

template <typename T>
inline constexpr bool kIsBlock = IsBlock<T>();

}  // namespace internal
}  // namespace ioc

#endif  // IOCLUSTER_INTERNAL_SERDE_BASE_H_

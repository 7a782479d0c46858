// Values to bytes and back.
//
// Supported without any doing: arithmetic types and enums, std::string, the containers of the standard library and of
// Abseil (whatever has push_back or insert), std::array, optional, variant, pair, tuple, complex, std::chrono durations
// and time points, absl::Status, StatusOr, Time and Duration, ioc::Array, ObjectRef, ActorHandle, and plain aggregates
// (structs without constructors, private members, base classes, C arrays or bit-fields; up to 100 members, which may
// be of any of these kinds, also of the struct's own by way of a container). Pointers, references, views (string_view,
// span) and C arrays mean nothing in another process and are refused by the compiler with one sentence.
//
// Any other type joins by specialising Serde (Encoder and Decoder are in coding.h):
//
//   template <>
//   struct ioc::Serde<Money> {
//     static void Write(ioc::Encoder& out, const Money& money) { out.Write(money.cents()); }
//     static bool Read(ioc::Decoder& in, Money& money) {     // or absl::Status, to say what is wrong
//       int64_t cents = 0;
//       if (!in.Read(cents)) return false;
//       money = Money(cents);
//       return true;
//     }
//   };
//
// Write must write at least one byte, and the same bytes each time it is called for one value. Read gets a default
// constructed value. Bytes come from other machines: Read must accept anything, and return false for what is no value.
//
// The format is little-endian: numbers as they lie in memory, lengths in 7-bit groups, a container its length and then
// its elements, a value at the top (an argument list, a result, a Put) 4 bytes in front that stand for its type, so
// that reading it as another type is a kTypeMismatch and not nonsense.
#ifndef IOCLUSTER_SERDE_H_
#define IOCLUSTER_SERDE_H_

#include <bit>

#include "iocluster/coding.h"
#include "iocluster/internal/serde_aggregate.h"
#include "iocluster/internal/serde_base.h"
#include "iocluster/internal/serde_types.h"

namespace ioc {

static_assert(std::endian::native == std::endian::little, "iocluster needs a little-endian machine");

// How to write a T and read it back. See above for specialising it.
template <typename T>
struct Serde : internal::BuiltinSerde<T> {
  using IsBuiltin = void;
};

}  // namespace ioc

#endif  // IOCLUSTER_SERDE_H_

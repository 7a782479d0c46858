// Whole values: what is put, passed and returned. Not for users: it may change with any release.
#ifndef IOCLUSTER_INTERNAL_VALUE_H_
#define IOCLUSTER_INTERNAL_VALUE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/internal/runtime.h"
#include "iocluster/serde.h"

namespace ioc::internal {

// A value on its way out: in `memory` if that is set, otherwise in `bytes`.
struct OutgoingValue {
  std::string bytes;
  std::unique_ptr<WritableValue> memory;
  std::vector<Ref> refs;
};

// What a decoder says when the bytes are no T: kTypeMismatch with the type's name and what is wrong.
absl::Status DecodeError(const Decoder& in, std::string_view type_name);
// What an encoder says that wrote fewer or more bytes than it had counted.
absl::Status ChangedWhileEncoding(std::string_view type_name);
absl::Status EncodeError(const Encoder& out, std::string_view type_name);

// A type whose values may already lie encoded in memory of the runtime's (ioc::Array).
template <typename T>
concept PreEncoded = requires(T& value) {
  { Serde<T>::TakeEncoded(value) } -> std::same_as<std::unique_ptr<WritableValue>>;
};

// The fingerprint and the value.
template <typename T>
void WriteTop(Encoder& out, const T& value) {
  static constexpr uint32_t kFingerprint = Fingerprint<T>();
  out.Append(&kFingerprint, sizeof(kFingerprint));
  out.Write(value);
}

// Encodes into a string, or, if that would be longer than kMaxInlineBytes, into what `allocate(size)` gives.
template <typename T, typename Allocate>
absl::StatusOr<OutgoingValue> EncodeValue(const T& value, const Allocate& allocate) {
  OutgoingValue outgoing;
  Encoder first(outgoing.bytes, kMaxInlineBytes);
  WriteTop(first, value);
  if (!first.status().ok()) return EncodeError(first, TypeName<T>());
  if (first.fits()) {
    first.Finish();
    outgoing.refs = first.TakeRefs();
    return outgoing;
  }
  outgoing.bytes = std::string();
  absl::StatusOr<std::unique_ptr<WritableValue>> memory = allocate(first.size());
  if (!memory.ok()) return memory.status();
  Encoder second((*memory)->bytes().first(first.size()));
  WriteTop(second, value);
  if (second.size() != first.size()) return ChangedWhileEncoding(TypeName<T>());
  outgoing.memory = *std::move(memory);
  outgoing.refs = second.TakeRefs();
  return outgoing;
}

// `Value` is T, const T& or T&&; what is moved in and lies encoded already is not copied.
template <typename Value>
Ref PutValue(Runtime& runtime, Value&& value) {
  using T = std::remove_cvref_t<Value>;
  if constexpr (PreEncoded<T> && std::is_same_v<Value, T>) {
    if (std::unique_ptr<WritableValue> memory = Serde<T>::TakeEncoded(value)) return runtime.Put(std::move(memory), {});
  }
  absl::StatusOr<OutgoingValue> outgoing =
      EncodeValue<T>(value, [&runtime](size_t size) { return runtime.Allocate(size); });
  if (!outgoing.ok()) return runtime.PutError(outgoing.status());
  if (outgoing->memory != nullptr) return runtime.Put(std::move(outgoing->memory), std::move(outgoing->refs));
  return runtime.PutInline(std::move(outgoing->bytes), std::move(outgoing->refs));
}

// The next result of an invocation.
template <typename T>
absl::Status ReturnValue(ReturnSink& results, T&& value) {
  static_assert(!std::is_reference_v<T>);
  if constexpr (PreEncoded<T>) {
    if (std::unique_ptr<WritableValue> memory = Serde<T>::TakeEncoded(value)) {
      results.Return(std::move(memory), {});
      return absl::OkStatus();
    }
  }
  absl::StatusOr<OutgoingValue> outgoing =
      EncodeValue<T>(value, [&results](size_t size) { return results.Reserve(size); });
  if (!outgoing.ok()) return outgoing.status();
  if (outgoing->memory != nullptr) {
    results.Return(std::move(outgoing->memory), std::move(outgoing->refs));
  } else {
    results.ReturnInline(std::move(outgoing->bytes), std::move(outgoing->refs));
  }
  return absl::OkStatus();
}

// Decodes a whole value. Arrays alias it if it lies in shared memory; what lies in a message they copy, so that an
// array is either a private copy or shared memory.
template <typename T>
absl::Status DecodeInto(const EncodedValue& encoded, T& value) {
  static constexpr uint32_t kFingerprint = Fingerprint<T>();
  Decoder in(encoded.bytes, encoded.refs, encoded.stored ? encoded.keepalive : nullptr);
  uint32_t fingerprint = 0;
  if (!in.TakeInto(&fingerprint, sizeof(fingerprint))) return DecodeError(in, TypeName<T>());
  if (fingerprint != kFingerprint) {
    in.Fail("they are a value of another type");
    return DecodeError(in, TypeName<T>());
  }
  if (!in.Read(value)) return DecodeError(in, TypeName<T>());
  if (in.remaining() != 0) {
    in.Fail("more follows after it");
    return DecodeError(in, TypeName<T>());
  }
  return absl::OkStatus();
}

template <typename T>
absl::StatusOr<T> DecodeValue(const EncodedValue& encoded) {
  absl::StatusOr<T> value(absl::in_place);
  if (absl::Status status = DecodeInto(encoded, *value); !status.ok()) return status;
  return value;
}

}  // namespace ioc::internal

#endif  // IOCLUSTER_INTERNAL_VALUE_H_

// ioc::ObjectRef<T>: a reference to a value of type T somewhere in the cluster, there already or still to be made.
//
// A value: copy it, keep it, pass it as an argument, put it inside other values. The object lives as long as anybody
// refers to it. References outlive their Cluster; their calls then say kDisconnected. Any number of threads may use one
// ObjectRef's const functions at once.
#ifndef IOCLUSTER_OBJECT_REF_H_
#define IOCLUSTER_OBJECT_REF_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "iocluster/ids.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/internal/value.h"
#include "iocluster/serde.h"

namespace ioc {

// T is void for a task that returns nothing, or an absl::Status.
template <typename T>
class ObjectRef {
 public:
  using value_type = T;
  // What Get gives: absl::StatusOr<T>, and for void absl::Status.
  using Result = std::conditional_t<std::is_void_v<T>, absl::Status,
                                    absl::StatusOr<std::conditional_t<std::is_void_v<T>, int, T>>>;

  // Refers to nothing.
  ObjectRef() = default;
  // For the library.
  explicit ObjectRef(internal::Ref ref) : ref_(std::move(ref)) {}

  explicit operator bool() const { return static_cast<bool>(ref_); }
  // None if it refers to nothing.
  ObjectId id() const { return ref_ ? ref_->id() : ObjectId(); }

  // Waits until the value is there and returns it, or an error that says what happened instead (ioc::CauseOf). After
  // `timeout`: kDeadline; the task goes on and Get may be called again. An ioc::Array shows the shared memory itself,
  // anything else is a new copy.
  Result Get(absl::Duration timeout = absl::InfiniteDuration()) const {
    if (!ref_) return MakeError(Cause::kInvalidArgument, "Get on an ObjectRef that refers to nothing");
    return GetUntil(ref_->runtime().Deadline(timeout));
  }

  // Whether Get would give the value or an error without waiting for the task. A large value of another node is on its
  // way once Get was called, which then says kDeadline until it is there.
  bool ready() const { return ref_ && ref_->runtime().Wait(std::span(&ref_, 1), 1, absl::InfinitePast()).front(); }

  // With iocluster/asio.h a reference is an operation of Asio's: `co_await ref` gives what Get gives.
  template <typename Token>
  auto operator()(Token&& token) const -> decltype(AsyncGet(*this, std::forward<Token>(token))) {
    return AsyncGet(*this, std::forward<Token>(token));
  }

  // For the library.
  const internal::Ref& ref() const { return ref_; }
  Result GetUntil(absl::Time deadline) const {
    if (!ref_) return MakeError(Cause::kInvalidArgument, "Get on an ObjectRef that refers to nothing");
    absl::StatusOr<internal::EncodedValue> encoded = ref_->runtime().Get(ref_, deadline);
    if constexpr (std::is_void_v<T>) {
      return encoded.status();
    } else {
      if (!encoded.ok()) return encoded.status();
      return internal::DecodeValue<T>(*encoded);
    }
  }

  friend bool operator==(const ObjectRef& a, const ObjectRef& b) { return a.id() == b.id(); }

 private:
  internal::Ref ref_;
};

// A number in the bytes, the reference beside them.
template <typename T>
struct Serde<ObjectRef<T>> {
  static void Write(Encoder& out, const ObjectRef<T>& value) { out.WriteRef(value.ref()); }
  static bool Read(Decoder& in, ObjectRef<T>& value) {
    internal::Ref ref;
    if (!in.ReadRef(ref)) return false;
    value = ObjectRef<T>(std::move(ref));
    return true;
  }
  template <int Level>
  static constexpr uint32_t Fingerprint() {
    if constexpr (std::is_void_v<T>) {
      return internal::Mix(internal::kFingerprintSeed, "ObjectRef<void>");
    } else {
      return internal::FingerprintOfParts<Level, T>("ObjectRef");
    }
  }
};

}  // namespace ioc

#endif  // IOCLUSTER_OBJECT_REF_H_

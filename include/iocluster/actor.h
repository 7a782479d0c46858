// ioc::ActorHandle<C>: a handle to an actor, an object of class C that lives in a process of its own in the cluster.
//
// A value: copy it, pass it as an argument, put it inside other values. An actor that is not detached ends when its
// last handle is gone and its calls have run. Calls that one process makes run in the order in which it made them
// (unless ActorOptions::max_concurrency says otherwise). Any number of threads may call through one handle at once.
#ifndef IOCLUSTER_ACTOR_H_
#define IOCLUSTER_ACTOR_H_

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/ids.h"
#include "iocluster/internal/calls.h"
#include "iocluster/internal/entry.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/object_ref.h"
#include "iocluster/serde.h"
#include "iocluster/stream.h"

namespace ioc {

template <typename C>
class ActorHandle {
 public:
  // Refers to nothing.
  ActorHandle() = default;
  // For the library.
  explicit ActorHandle(internal::Ref ref) : ref_(std::move(ref)) {}

  explicit operator bool() const { return static_cast<bool>(ref_); }
  // None if it refers to nothing.
  ObjectId id() const { return ref_ ? ref_->id() : ObjectId(); }

  // Calls a method of C, or of a base class of it: handle.Call<&Counter::Increment>(5). Returns at once; the result, or
  // why there is none, comes by the ObjectRef. Arguments as for Cluster::Submit.
  template <auto Method, typename... Args>
  auto Call(Args&&... args) const {
    using S = internal::SignatureOf<Method>;
    static_assert(std::is_base_of_v<typename S::Class, C>,
                  "iocluster cannot make this call: the method is not one of the actor's class");
    using Stream = internal::StreamTraits<typename S::Parameters>;
    if constexpr (Stream::kIsStream) {
      using Items = ObjectStream<typename Stream::Item>;
      if (!ref_) return Items();
      return Items(std::move(
          MakeCall<Method>({.stream_window = internal::kDefaultStreamWindow}, std::forward<Args>(args)...).front()));
    } else {
      using Ref = ObjectRef<internal::ValueOfResult<typename S::Result>>;
      if (!ref_) return Ref();
      return Ref(std::move(MakeCall<Method>({}, std::forward<Args>(args)...).front()));
    }
  }

  // Calls a method that returns a std::tuple<A, B, ...>, for a std::tuple<ObjectRef<A>, ObjectRef<B>, ...>.
  template <auto Method, typename... Args>
  auto CallAll(Args&&... args) const {
    using Value = internal::ValueOfResult<typename internal::SignatureOf<Method>::Result>;
    static_assert(internal::TupleSize<Value>::value > 1,
                  "iocluster cannot split this result: CallAll is for methods that return a std::tuple of two or more");
    std::vector<internal::Ref> refs(internal::TupleSize<Value>::value);
    if (ref_) refs = MakeCall<Method>({.number = internal::TupleSize<Value>::value}, std::forward<Args>(args)...);
    return internal::RefsOf(std::type_identity<Value>(), std::move(refs));
  }

  // For the library.
  const internal::Ref& ref() const { return ref_; }

  friend bool operator==(const ActorHandle& a, const ActorHandle& b) { return a.id() == b.id(); }

 private:
  template <auto Method, typename... Args>
  std::vector<internal::Ref> MakeCall(const internal::Returns& returns, Args&&... args) const {
    using Parameters = typename internal::SignatureOf<Method>::Parameters;
    internal::Call call = internal::MakeCall<typename internal::StreamTraits<Parameters>::Arguments>(
        internal::MethodEntry<C, Method>::info(), returns, ref_->runtime(), std::forward<Args>(args)...);
    return ref_->runtime().CallActor(ref_, std::move(call));
  }

  internal::Ref ref_;
};

// A number in the bytes, the reference beside them.
template <typename C>
struct Serde<ActorHandle<C>> {
  static void Write(Encoder& out, const ActorHandle<C>& value) { out.WriteRef(value.ref()); }
  static bool Read(Decoder& in, ActorHandle<C>& value) {
    internal::Ref ref;
    if (!in.ReadRef(ref)) return false;
    value = ActorHandle<C>(std::move(ref));
    return true;
  }
  template <int>
  static constexpr uint32_t Fingerprint() {
    return internal::Mix(internal::Mix(internal::kFingerprintSeed, "ActorHandle"),
                         internal::PlainName(internal::TypeName<C>()));
  }
};

}  // namespace ioc

#endif  // IOCLUSTER_ACTOR_H_

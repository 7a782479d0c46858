// ioc::ActorHandle<C>: a handle to an actor, an object of class C that lives in a process of its own in the cluster.
//
// A value: copy it, pass it as an argument, put it inside other values. An actor that is not detached ends when its
// last handle is gone and its calls have run. Calls that one process makes run in the order in which it made them
// (unless ActorOptions::max_concurrency says otherwise; each concurrency group has an order of its own). Any number of
// threads may call through one handle at once.
//
// A class that has both
//
//   S Checkpoint() const;      // any S that can be an argument
//   void Restore(S state);     // or absl::Status
//
// is made again, after its process has died (ActorOptions::max_restarts), from its last saved state: its constructor
// runs as the first time, then Restore. Calls that had been answered before, and come again because their callers did
// not hear the answer, get it then and are not run again. What the actor did after its last checkpoint is lost.
// ActorOptions::checkpoint_every and checkpoint_period say when states are saved. The actor's owner keeps the last one,
// one of more than 100 KiB in the store of its own node, where it is copied to: so it outlives the actor's node.
// Where several calls run at a time, Checkpoint runs beside them, and the class has to lock.
#ifndef IOCLUSTER_ACTOR_H_
#define IOCLUSTER_ACTOR_H_

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/ids.h"
#include "iocluster/internal/calls.h"
#include "iocluster/internal/entry.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/object_ref.h"
#include "iocluster/options.h"
#include "iocluster/serde.h"
#include "iocluster/stream.h"

namespace ioc {

namespace internal {

using SharedCallOptions = std::shared_ptr<const CallOptions>;  // null: the defaults

template <typename C, auto Method, typename... Args>
std::vector<Ref> MakeMethodCall(const Ref& actor, const SharedCallOptions& options, const Returns& returns,
                                Args&&... args) {
  using Parameters = typename SignatureOf<Method>::Parameters;
  Call call = MakeCall<typename StreamTraits<Parameters>::Arguments>(MethodEntry<C, Method>::info(), returns,
                                                                     actor->runtime(), std::forward<Args>(args)...);
  call.options = options;
  return actor->runtime().CallActor(actor, std::move(call));
}

template <typename C, auto Method, typename... Args>
auto CallMethod(const Ref& actor, const SharedCallOptions& options, Args&&... args) {
  using S = SignatureOf<Method>;
  static_assert(std::is_base_of_v<typename S::Class, C>,
                "iocluster cannot make this call: the method is not one of the actor's class");
  using Stream = StreamTraits<typename S::Parameters>;
  if constexpr (Stream::kIsStream) {
    using Items = ObjectStream<typename Stream::Item>;
    if (!actor) return Items(std::move(CallOfNothing(MethodEntry<C, Method>::info().label, 1).front()));
    return Items(std::move(
        MakeMethodCall<C, Method>(actor, options, {.stream_window = kDefaultStreamWindow}, std::forward<Args>(args)...)
            .front()));
  } else {
    using Result = ObjectRef<ValueOfResult<typename S::Result>>;
    if (!actor) return Result(std::move(CallOfNothing(MethodEntry<C, Method>::info().label, 1).front()));
    return Result(std::move(MakeMethodCall<C, Method>(actor, options, {}, std::forward<Args>(args)...).front()));
  }
}

template <typename C, auto Method, typename... Args>
auto CallMethodForAll(const Ref& actor, const SharedCallOptions& options, Args&&... args) {
  using Value = ValueOfResult<typename SignatureOf<Method>::Result>;
  static_assert(TupleSize<Value>::value > 1,
                "iocluster cannot split this result: CallAll is for methods that return a std::tuple of two or more");
  constexpr uint32_t kNumber = TupleSize<Value>::value;
  if (!actor) {
    return RefsOf(std::type_identity<Value>(), CallOfNothing(MethodEntry<C, Method>::info().label, kNumber));
  }
  return RefsOf(std::type_identity<Value>(),
                MakeMethodCall<C, Method>(actor, options, {.number = kNumber}, std::forward<Args>(args)...));
}

}  // namespace internal

// Calls an actor with options other than the defaults; from ActorHandle::With. A value; refers to the actor as a handle
// does, and may be used by any thread.
template <typename C>
class CallSubmitter {
 public:
  // For the library.
  CallSubmitter(internal::Ref ref, CallOptions options)
      : ref_(std::move(ref)), options_(std::make_shared<const CallOptions>(std::move(options))) {}

  // As ActorHandle::Call.
  template <auto Method, typename... Args>
  auto Call(Args&&... args) const {
    return internal::CallMethod<C, Method>(ref_, options_, std::forward<Args>(args)...);
  }
  // As ActorHandle::CallAll.
  template <auto Method, typename... Args>
  auto CallAll(Args&&... args) const {
    return internal::CallMethodForAll<C, Method>(ref_, options_, std::forward<Args>(args)...);
  }

 private:
  internal::Ref ref_;
  internal::SharedCallOptions options_;
};

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
    return internal::CallMethod<C, Method>(ref_, nullptr, std::forward<Args>(args)...);
  }

  // Calls a method that returns a std::tuple<A, B, ...>, for a std::tuple<ObjectRef<A>, ObjectRef<B>, ...>.
  template <auto Method, typename... Args>
  auto CallAll(Args&&... args) const {
    return internal::CallMethodForAll<C, Method>(ref_, nullptr, std::forward<Args>(args)...);
  }

  // The same with options: handle.With(ioc::CallOptions{.concurrency_group = "io"}).Call<&Server::Read>(name).
  CallSubmitter<C> With(CallOptions options) const { return CallSubmitter<C>(ref_, std::move(options)); }

  // For the library.
  const internal::Ref& ref() const { return ref_; }

  friend bool operator==(const ActorHandle& a, const ActorHandle& b) { return a.id() == b.id(); }

 private:
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

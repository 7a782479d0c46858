// ioc::Cluster: the way into a cluster. Submits tasks, creates actors, puts and gets objects.
//
//   int Add(int a, int b) { return a + b; }
//
//   int main(int argc, char** argv) {
//     auto cluster = ioc::Cluster::Connect(argc, argv).value();
//     ioc::ObjectRef<int> sum = cluster.Submit<Add>(1, 2);
//     std::cout << sum.Get().value();
//   }
//
// The Cluster that Connect gave owns the connection: destroying it stops this driver's tasks and actors, and an
// embedded cluster altogether, within a bound. One from Current() only points to what the running task belongs to. All
// functions may be called by any number of threads at once.
#ifndef IOCLUSTER_CLUSTER_H_
#define IOCLUSTER_CLUSTER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "iocluster/actor.h"
#include "iocluster/array.h"
#include "iocluster/internal/cluster_state.h"
#include "iocluster/internal/runtime.h"
#include "iocluster/object_ref.h"
#include "iocluster/options.h"
#include "iocluster/task.h"

namespace ioc {

// What Wait found; each list in the order of the refs that were given.
template <typename T>
struct WaitResult {
  std::vector<ObjectRef<T>> ready;  // their Get gives a value or an error without waiting for a task (ObjectRef::ready)
  std::vector<ObjectRef<T>> pending;
};

struct CancelOptions {
  bool force = false;  // also end the process of a task that does not stop by itself
};

struct KillOptions {
  bool no_restart = true;  // false: it is made again, as after a failure, while ActorOptions::max_restarts allows it
};

class Cluster {
 public:
  // In a worker process this serves tasks and never returns, so call it first thing in main. Otherwise it connects to
  // the cluster at `options.address` or IOCLUSTER_ADDRESS, or, where none is set, runs one inside this process. The
  // thread that calls it may use Current() from then on.
  static absl::StatusOr<Cluster> Connect(int argc, char** argv, ConnectOptions options = {});

  // The cluster of the task that this thread runs, or the one that this thread connected to. Ends the process with a
  // message if there is neither.
  static Cluster Current() {
    internal::Runtime* runtime = internal::CurrentRuntime();
    if (runtime == nullptr) internal::NoCluster("ioc::Cluster::Current()");
    return Cluster(internal::RuntimePtr(runtime));
  }

  // For the library.
  explicit Cluster(std::unique_ptr<internal::ClusterState> state)
      : state_(std::move(state)), runtime_(&state_->runtime()) {}

  Cluster(Cluster&&) = default;
  Cluster& operator=(Cluster&& other) {
    Shutdown();
    state_ = std::move(other.state_);
    runtime_ = std::move(other.runtime_);
    return *this;
  }
  ~Cluster() { Shutdown(); }

  // What the destructor does. Everything that is asked of the cluster afterwards answers kDisconnected.
  void Shutdown() {
    if (std::unique_ptr<internal::ClusterState> state = std::move(state_)) state->Shutdown();
  }

  // Runs Function somewhere in the cluster: cluster.Submit<Add>(1, 2). Returns at once. See task.h for what functions
  // and arguments may be.
  template <auto Function, typename... Args>
  auto Submit(Args&&... args) const {
    return internal::Submit<Function>(runtime(), nullptr, std::forward<Args>(args)...);
  }

  // Runs a function that returns a std::tuple<A, B, ...> and gives a std::tuple<ObjectRef<A>, ObjectRef<B>, ...>.
  template <auto Function, typename... Args>
  auto SubmitAll(Args&&... args) const {
    return internal::SubmitAll<Function>(runtime(), nullptr, std::forward<Args>(args)...);
  }

  // Creates an actor: an object of class C, made from `args`, in a process of its own. Returns at once; if it can't be
  // made its calls say why. The arguments travel as values of their own types; an ObjectRef<T> where the constructor
  // takes a T is a dependency.
  template <typename C, typename... Args>
  ActorHandle<C> Create(Args&&... args) const {
    return internal::Create<C>(runtime(), ActorOptions(), std::forward<Args>(args)...);
  }

  // The same with options: cluster.With(ioc::TaskOptions{.gpus = 1}).Submit<Train>(data).
  TaskSubmitter With(TaskOptions options) const { return TaskSubmitter(runtime_, std::move(options)); }
  ActorCreator With(ActorOptions options) const { return ActorCreator(runtime_, std::move(options)); }

  // The actor with this name. Errors: kActorDied if there is none, kTypeMismatch if it is of another class.
  template <typename C>
  absl::StatusOr<ActorHandle<C>> FindActor(std::string_view name, std::string_view name_space = "") const {
    absl::StatusOr<internal::Ref> ref = runtime().FindActor(name, name_space, internal::TypeName<C>());
    if (!ref.ok()) return ref.status();
    return ActorHandle<C>(*std::move(ref));
  }

  // Stores a value. What goes wrong is the ref's error. An Array that is moved in is sealed where it lies; a string
  // literal is stored as a std::string.
  template <typename Value>
  auto Put(Value&& value) const {
    using T = internal::ConstructorArgument<Value>;
    if constexpr (std::is_same_v<T, std::remove_cvref_t<Value>>) {
      if constexpr (std::is_lvalue_reference_v<Value>) {
        return ObjectRef<T>(internal::PutValue<const T&>(runtime(), value));
      } else {
        return ObjectRef<T>(internal::PutValue(runtime(), std::forward<Value>(value)));
      }
    } else {
      return ObjectRef<T>(internal::PutValue(runtime(), T(std::forward<Value>(value))));
    }
  }

  // An array to be written in place; its elements are not initialised. Errors: kStoreFull, kInvalidArgument.
  template <typename T>
  absl::StatusOr<Array<T>> NewArray(std::vector<size_t> shape) const {
    return Array<T>::InMemory(std::move(shape), [this](size_t bytes) { return runtime().Allocate(bytes); });
  }

  // Waits until all are there and returns their values in order, or the first error in that order. kDeadline once
  // `timeout` has passed, which is for all together. For ObjectRef<void> just an absl::Status.
  template <typename T>
  auto Get(const std::vector<ObjectRef<T>>& refs, absl::Duration timeout = absl::InfiniteDuration()) const {
    const absl::Time deadline = runtime().Deadline(timeout);
    AskForAll(refs);
    if constexpr (std::is_void_v<T>) {
      for (const ObjectRef<T>& ref : refs) {
        if (absl::Status status = ref.GetUntil(deadline); !status.ok()) return status;
      }
      return absl::OkStatus();
    } else {
      std::vector<T> values;
      values.reserve(refs.size());
      for (const ObjectRef<T>& ref : refs) {
        absl::StatusOr<T> value = ref.GetUntil(deadline);
        if (!value.ok()) return absl::StatusOr<std::vector<T>>(value.status());
        values.push_back(*std::move(value));
      }
      return absl::StatusOr<std::vector<T>>(std::move(values));
    }
  }
  template <typename T>
  auto Get(std::initializer_list<ObjectRef<T>> refs, absl::Duration timeout = absl::InfiniteDuration()) const {
    return Get(std::vector<ObjectRef<T>>(refs), timeout);
  }

  // Waits until at least `n` of them are settled, by a value or an error, or `timeout` has passed. `ready` has all that
  // are settled by then. A ref that refers to nothing, or is of another cluster, never is.
  template <typename T>
  WaitResult<T> Wait(std::vector<ObjectRef<T>> refs, size_t n,
                     absl::Duration timeout = absl::InfiniteDuration()) const {
    std::vector<internal::Ref> waited;
    waited.reserve(refs.size());
    for (const ObjectRef<T>& ref : refs) {
      if (ref) waited.push_back(ref.ref());
    }
    const std::vector<bool> settled = runtime().Wait(waited, std::min(n, waited.size()), runtime().Deadline(timeout));
    WaitResult<T> result;
    size_t next = 0;
    for (ObjectRef<T>& ref : refs) {
      const bool ready = ref && settled[next++];
      (ready ? result.ready : result.pending).push_back(std::move(ref));
    }
    return result;
  }
  template <typename T>
  WaitResult<T> Wait(std::initializer_list<ObjectRef<T>> refs, size_t n,
                     absl::Duration timeout = absl::InfiniteDuration()) const {
    return Wait(std::vector<ObjectRef<T>>(refs), n, timeout);
  }

  // Asks for the task that makes `ref` to end: one that has not started never will, one that runs sees
  // ioc::Cancelled(). Its Get then says kCancelled, unless it had ended before. OK if there is nothing to cancel.
  template <typename T>
  absl::Status Cancel(const ObjectRef<T>& ref, CancelOptions options = {}) const {
    if (!ref) return MakeError(Cause::kInvalidArgument, "Cancel of an ObjectRef that refers to nothing");
    return runtime().Cancel(ref.ref(), options.force);
  }

  // Ends the actor at once, also in the middle of a call; calls that have no answer yet get kActorDied. OK if it has
  // ended already. Any process that has a handle may do it.
  template <typename C>
  absl::Status Kill(const ActorHandle<C>& actor, KillOptions options = {}) const {
    if (!actor) return MakeError(Cause::kInvalidArgument, "Kill of an ActorHandle that refers to nothing");
    return runtime().KillActor(actor.ref(), options.no_restart);
  }

  // The name of the node that this process runs on.
  std::string node_name() const { return runtime().NodeName(); }
  // The cluster's nodes as a JSON array, as `iocluster nodes --json` prints it.
  absl::StatusOr<std::string> NodesJson() const { return runtime().DescribeNodesJson(); }
  // What every node and process of the cluster holds now (objects, references, pins, leases), as a JSON object, as
  // `iocluster objects --json` prints it.
  absl::StatusOr<std::string> ObjectsJson() const { return runtime().DescribeObjectsJson(); }
  // The names that actors have in a name space, in order.
  absl::StatusOr<std::vector<std::string>> ActorNames(std::string_view name_space = "") const {
    return runtime().ActorNames(name_space);
  }
  // The actors with names in all name spaces as a JSON array, as `iocluster actors --json` prints it.
  absl::StatusOr<std::string> ActorsJson() const { return runtime().DescribeActorsJson(); }

 private:
  // Has the values of all of them on their way, so that those of other owners don't come one round trip after another.
  // Doesn't wait.
  template <typename T>
  void AskForAll(const std::vector<ObjectRef<T>>& refs) const {
    if (refs.size() < 2) return;
    std::vector<internal::Ref> asked;
    asked.reserve(refs.size());
    for (const ObjectRef<T>& ref : refs) {
      if (ref) asked.push_back(ref.ref());
    }
    static_cast<void>(runtime().Wait(asked, asked.size(), absl::InfinitePast()));
  }

  explicit Cluster(internal::RuntimePtr runtime) : runtime_(std::move(runtime)) {}

  internal::Runtime& runtime() const {
    if (!runtime_) internal::NoCluster("a function of an ioc::Cluster that was moved from");
    return *runtime_;
  }

  std::unique_ptr<internal::ClusterState> state_;  // null: from Current()
  internal::RuntimePtr runtime_;
};

}  // namespace ioc

#endif  // IOCLUSTER_CLUSTER_H_

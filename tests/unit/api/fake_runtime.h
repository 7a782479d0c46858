// A Runtime that runs every call at once, in the calling thread: what the templates do with the seam, and nothing else.
#ifndef IOCLUSTER_TESTS_UNIT_API_FAKE_RUNTIME_H_
#define IOCLUSTER_TESTS_UNIT_API_FAKE_RUNTIME_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "iocluster/internal/cluster_state.h"
#include "iocluster/internal/runtime.h"

namespace ioc {

class FakeRuntime;

class FakeTarget final : public internal::RefTarget {
 public:
  FakeTarget(FakeRuntime& runtime, ObjectId id);
  ~FakeTarget() override;

  internal::Runtime& runtime() const override;
  void Unreferenced() override { delete this; }

  std::optional<absl::StatusOr<internal::EncodedValue>> value;  // none: not settled
  void* actor = nullptr;
  void (*destroy)(void*) = nullptr;
  bool cancelled = false;

 private:
  FakeRuntime& runtime_;
};

class FakeRuntime final : public internal::Runtime {
 public:
  FakeRuntime() { internal::SetCurrentRuntime(this); }
  ~FakeRuntime() { internal::SetCurrentRuntime(nullptr); }

  std::vector<internal::Ref> Submit(internal::Call call, const std::shared_ptr<const TaskOptions>& options) override;
  internal::Ref CreateActor(internal::Call constructor, const ActorOptions& options, std::string_view type) override;
  std::vector<internal::Ref> CallActor(const internal::Ref& actor, internal::Call call) override;
  absl::StatusOr<internal::Ref> FindActor(std::string_view name, std::string_view name_space,
                                          std::string_view type) override;
  absl::StatusOr<internal::EncodedValue> Get(const internal::Ref& ref, absl::Time deadline) override;
  std::vector<bool> Wait(std::span<const internal::Ref> refs, size_t count, absl::Time deadline) override;
  void WhenReady(const internal::Ref& ref, absl::Time deadline,
                 std::shared_ptr<internal::ReadyListener> listener) override;
  void WhenItemReady(const internal::Ref&, absl::Time, std::shared_ptr<internal::ReadyListener> listener) override {
    listener->OnReady(absl::OkStatus());
  }
  bool StopListening(const internal::ReadyListener& listener) override;
  absl::StatusOr<internal::Ref> NextItem(const internal::Ref&, absl::Time) override { return internal::Ref(); }
  void CloseStream(const internal::Ref&) override {}
  absl::StatusOr<std::unique_ptr<internal::WritableValue>> Allocate(size_t bytes) override;
  internal::Ref Put(std::unique_ptr<internal::WritableValue> value, std::vector<internal::Ref> refs) override;
  internal::Ref PutInline(std::string bytes, std::vector<internal::Ref> refs) override;
  internal::Ref PutError(const absl::Status& error) override;
  absl::Status Cancel(const internal::Ref& ref, bool force) override;
  absl::Status KillActor(const internal::Ref&, bool) override { return absl::OkStatus(); }
  bool CancelRequested() override { return cancel_requested; }
  std::string NodeName() override { return "here"; }
  NodeId Node() override { return NodeId(1); }
  JobId Job() override { return JobId(2); }
  absl::Time Deadline(absl::Duration timeout) override { return absl::UnixEpoch() + timeout; }
  absl::StatusOr<std::string> DescribeNodesJson() override { return std::string("[]"); }
  absl::StatusOr<std::string> DescribeObjectsJson() override { return std::string("{}"); }
  absl::StatusOr<std::vector<std::string>> ActorNames(std::string_view) override { return std::vector<std::string>(); }
  absl::StatusOr<std::string> DescribeActorsJson() override { return std::string("[]"); }
  void Retain() override { ++retained; }
  void Release() override { --retained; }

  internal::Ref MakePending() { return internal::Ref(NewTarget()); }
  // Gives what MakePending has made its value, and tells who listens. Any thread.
  void Settle(const internal::Ref& ref, std::string bytes);
  size_t listening();
  // Invokes an entry as a worker does. Public, to try hostile payloads.
  std::vector<internal::Ref> Run(const internal::Call& call, void* actor, internal::Invocation& invocation);

  // What the tests look at.
  std::vector<std::string> steps;  // "wait 3", of so many references, and "get"
  internal::Call last_call;
  std::shared_ptr<const TaskOptions> last_options;
  bool cancel_requested = false;
  bool store_full = false;
  int evictions = 0;  // so often a value is not there when it is taken
  bool last_force = false;
  absl::Time last_deadline;
  int retained = 0;
  int live_targets = 0;
  int allocations = 0;

 private:
  absl::Status RunCoroutine(internal::CoroutineCall& call, internal::ReturnSink& results);
  FakeTarget* NewTarget() { return new FakeTarget(*this, ObjectId{ProcessId(7), ++last_sequence_}); }
  internal::Ref Settled(absl::StatusOr<internal::EncodedValue> value);

  std::mutex mutex_;  // of the values that are still to come, and of who listens to them
  std::multimap<const internal::RefTarget*, std::shared_ptr<internal::ReadyListener>> listeners_;
  uint64_t last_sequence_ = 0;
  std::map<std::string, std::pair<internal::Ref, std::string>, std::less<>> named_;  // with the class
};

// What Connect would wire.
class FakeState final : public internal::ClusterState {
 public:
  FakeState(FakeRuntime& runtime, bool& shut_down) : runtime_(runtime), shut_down_(shut_down) {}
  internal::Runtime& runtime() override { return runtime_; }
  void Shutdown() override { shut_down_ = true; }

 private:
  FakeRuntime& runtime_;
  bool& shut_down_;
};

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_API_FAKE_RUNTIME_H_

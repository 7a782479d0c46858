#include "tests/unit/api/fake_runtime.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>
#include <vector>

#include "iocluster/array.h"
#include "lib/serde/function_table.h"

namespace ioc {
namespace {

using internal::Call;
using internal::EncodedValue;
using internal::Ref;
using internal::WritableValue;

EncodedValue Inline(std::string bytes, std::vector<Ref> refs) {
  // Eight-byte aligned, as the runtime promises.
  auto words = std::make_shared<std::vector<uint64_t>>(bytes.size() / 8 + 1);
  if (!bytes.empty()) std::memcpy(words->data(), bytes.data(), bytes.size());
  return {.bytes = {reinterpret_cast<const char*>(words->data()), bytes.size()},
          .keepalive = words,
          .refs = std::move(refs),
          .stored = false};
}

EncodedValue Stored(std::unique_ptr<WritableValue> value, std::vector<Ref> refs) {
  const std::span<std::byte> bytes = value->bytes();
  return {.bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
          .keepalive = std::shared_ptr<WritableValue>(std::move(value)),
          .refs = std::move(refs),
          .stored = bytes.size() > internal::kMaxInlineBytes};
}

class Collector final : public internal::ReturnSink {
 public:
  explicit Collector(FakeRuntime& runtime) : runtime_(runtime) {}
  absl::StatusOr<std::unique_ptr<WritableValue>> Reserve(size_t bytes) override { return runtime_.Allocate(bytes); }
  void Return(std::unique_ptr<WritableValue> value, std::vector<Ref> refs) override {
    results.push_back(Stored(std::move(value), std::move(refs)));
  }
  void ReturnInline(std::string bytes, std::vector<Ref> refs) override {
    results.push_back(Inline(std::move(bytes), std::move(refs)));
  }

  std::vector<EncodedValue> results;

 private:
  FakeRuntime& runtime_;
};

}  // namespace

FakeTarget::FakeTarget(FakeRuntime& runtime, ObjectId id) : RefTarget(id), runtime_(runtime) { ++runtime.live_targets; }

FakeTarget::~FakeTarget() {
  if (destroy != nullptr) destroy(actor);
  --runtime_.live_targets;
}

internal::Runtime& FakeTarget::runtime() const { return runtime_; }

Ref FakeRuntime::Settled(absl::StatusOr<EncodedValue> value) {
  FakeTarget* target = NewTarget();
  target->value = std::move(value);
  return Ref(target);
}

absl::Status FakeRuntime::RunCoroutine(internal::CoroutineCall& call, internal::ReturnSink& results) {
  absl::Status status;
  const std::unique_ptr<internal::CoroutineLoop> loop = call.MakeLoop();
  call.Start(*loop, {.runtime = this, .job = 0, .coroutine = "a coroutine"}, results, [&](const absl::Status& ended) {
    status = ended;
    loop->Stop();
  });
  loop->Run();
  return status;
}

std::vector<Ref> FakeRuntime::Run(const Call& call, void* actor, internal::Invocation& invocation) {
  Collector collector(*this);
  invocation.payload = Inline(call.payload, call.refs);
  invocation.actor = actor;
  invocation.num_returns = call.num_returns;
  invocation.results = &collector;
  absl::Status status;
  for (const Ref& dependency : call.dependencies) {
    absl::StatusOr<EncodedValue> value = Get(dependency, absl::InfiniteFuture());
    if (!value.ok()) {
      status = value.status();
      break;
    }
    invocation.dependencies.push_back(*std::move(value));
  }
  // By its key, as a worker finds it.
  const absl::StatusOr<const internal::FunctionInfo*> function = FindFunction(KeyOf(*call.function));
  if (status.ok()) status = function.status();
  if (status.ok()) status = (*function)->entry(invocation);
  if (status.ok() && invocation.coroutine != nullptr) status = RunCoroutine(*invocation.coroutine, collector);
  std::vector<Ref> results;
  for (size_t i = 0; i < call.num_returns; ++i) {
    if (!status.ok()) {
      results.push_back(PutError(status));
    } else if (i < collector.results.size()) {
      results.push_back(Settled(collector.results[i]));
    } else {
      results.push_back(PutInline({}, {}));
    }
  }
  return results;
}

std::vector<Ref> FakeRuntime::Submit(Call call, const std::shared_ptr<const TaskOptions>& options) {
  internal::Invocation invocation;
  last_options = options;
  last_call = call;
  return Run(call, nullptr, invocation);
}

Ref FakeRuntime::CreateActor(Call constructor, const ActorOptions& options, std::string_view type) {
  internal::Invocation invocation;
  last_call = constructor;
  Ref actor = Run(constructor, nullptr, invocation).front();
  auto* target = static_cast<FakeTarget*>(actor.get());
  target->actor = invocation.created;
  target->destroy = invocation.destroy;
  if (!options.name.empty()) named_[options.name_space + "/" + options.name] = {actor, std::string(type)};
  return actor;
}

std::vector<Ref> FakeRuntime::CallActor(const Ref& actor, Call call) {
  internal::Invocation invocation;
  last_call = call;
  auto* target = static_cast<FakeTarget*>(actor.get());
  if (target->actor == nullptr) return {PutError(target->value->status())};
  return Run(call, target->actor, invocation);
}

absl::StatusOr<Ref> FakeRuntime::FindActor(std::string_view name, std::string_view name_space, std::string_view type) {
  const auto found = named_.find(std::string(name_space) + "/" + std::string(name));
  if (found == named_.end()) return MakeError(Cause::kActorDied, "there is no such actor");
  if (found->second.second != type) return MakeError(Cause::kTypeMismatch, "it is a " + found->second.second);
  return found->second.first;
}

absl::StatusOr<EncodedValue> FakeRuntime::Get(const Ref& ref, absl::Time deadline) {
  const std::lock_guard lock(mutex_);
  last_deadline = deadline;
  steps.push_back("get");
  if (deadline > absl::UnixEpoch()) {
    if (absl::Status status = internal::CheckMayWait(*this, "Get"); !status.ok()) return status;
  }
  if (evictions > 0 && evictions-- > 0) return MakeError(Cause::kDeadline, "it had to make room");
  const auto& value = static_cast<FakeTarget*>(ref.get())->value;
  return value.has_value() ? *value : MakeError(Cause::kDeadline, "not there yet");
}

void FakeRuntime::WhenReady(const Ref& ref, absl::Time deadline, std::shared_ptr<internal::ReadyListener> listener) {
  const std::lock_guard lock(mutex_);
  last_deadline = deadline;
  if (static_cast<FakeTarget*>(ref.get())->value.has_value()) return listener->OnReady(absl::OkStatus());
  listeners_.emplace(ref.get(), std::move(listener));
}

bool FakeRuntime::StopListening(const internal::ReadyListener& listener) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(listeners_, [&](const auto& entry) { return entry.second.get() == &listener; }) > 0;
}

void FakeRuntime::Settle(const Ref& ref, std::string bytes) {
  const std::lock_guard lock(mutex_);
  static_cast<FakeTarget*>(ref.get())->value = Inline(std::move(bytes), {});
  const auto [first, last] = listeners_.equal_range(ref.get());
  for (auto it = first; it != last; ++it) it->second->OnReady(absl::OkStatus());
  listeners_.erase(first, last);
}

size_t FakeRuntime::listening() {
  const std::lock_guard lock(mutex_);
  return listeners_.size();
}

std::vector<bool> FakeRuntime::Wait(std::span<const Ref> refs, size_t, absl::Time deadline) {
  const std::lock_guard lock(mutex_);
  last_deadline = deadline;
  steps.push_back("wait " + std::to_string(refs.size()));
  std::vector<bool> settled;
  for (const Ref& ref : refs) settled.push_back(static_cast<FakeTarget*>(ref.get())->value.has_value());
  return settled;
}

absl::StatusOr<std::unique_ptr<WritableValue>> FakeRuntime::Allocate(size_t bytes) {
  if (store_full) return MakeError(Cause::kStoreFull, "the object store is full");
  ++allocations;
  return internal::AllocateOnHeap(bytes);
}

Ref FakeRuntime::Put(std::unique_ptr<WritableValue> value, std::vector<Ref> refs) {
  return Settled(Stored(std::move(value), std::move(refs)));
}

Ref FakeRuntime::PutInline(std::string bytes, std::vector<Ref> refs) {
  return Settled(Inline(std::move(bytes), std::move(refs)));
}

Ref FakeRuntime::PutError(const absl::Status& error) { return Settled(error); }

absl::Status FakeRuntime::Cancel(const Ref& ref, bool force) {
  static_cast<FakeTarget*>(ref.get())->cancelled = true;
  last_force = force;
  return absl::OkStatus();
}

}  // namespace ioc

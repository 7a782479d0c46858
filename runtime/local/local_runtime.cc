// The part of LocalRuntime that begins and ends, and values.
#include "runtime/local/local_runtime.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "iocluster/version.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/protocol/census_json.h"
#include "lib/protocol/nodes_json.h"

namespace ioc {

using internal::EncodedValue;
using internal::Ref;

LocalObject::LocalObject(LocalRuntime& owner, ObjectId id) : RefTarget(id), local(owner) {
  local.Retain();
  local.objects_.fetch_add(1, std::memory_order_relaxed);
}

// Whoever destroys it keeps the runtime.
LocalObject::~LocalObject() {
  local.objects_.fetch_sub(1, std::memory_order_relaxed);
  local.Release();
}

internal::Runtime& LocalObject::runtime() const { return local; }
void LocalObject::Unreferenced() { local.Bury(*this); }

LocalRuntime::LocalRuntime(std::shared_ptr<Env> env, LocalOptions options)
    : env_(std::move(env)), options_(std::move(options)), memory_(options_.store_bytes) {
  MutexLock lock(mutex());
  process_ = ProcessId(env_->Random());
  node_ = NodeId(env_->Random());
}

void LocalRuntime::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void LocalRuntime::Shutdown() {
  std::vector<Ref> actors;
  std::map<ObjectId, Ref> detached;
  {
    MutexLock lock(mutex());
    if (!closed_.ok()) return;
    closed_ = MakeError(Cause::kDisconnected, "this cluster was shut down");
    for (const auto& [id, actor] : std::map(actors_)) {
      actors.push_back(MakeRef(*actor));
      Die(*actor, closed_);
    }
    std::vector<LocalTask*> tasks;
    for (const auto& [job, task] : tasks_) tasks.push_back(task.get());
    for (LocalTask* task : tasks) {
      task->cancelled = true;
      Fail(*task, closed_);
      if (!task->started) Remove(*task);
    }
    detached.swap(detached_);
  }
  for (const Ref& actor : actors) Settle(actor);
  Sweep();
}

ObjectId LocalRuntime::NextId(uint64_t count) {
  const uint64_t first = last_sequence_ + 1;
  last_sequence_ += count;
  return {process_, first};
}

LocalObject* LocalRuntime::ObjectOf(const Ref& ref) const {
  return ref && &ref->runtime() == this ? static_cast<LocalObject*>(ref.get()) : nullptr;
}

bool LocalRuntime::IsOurs(const std::vector<Ref>& refs) const {
  return std::all_of(refs.begin(), refs.end(), [this](const Ref& ref) { return ObjectOf(ref) != nullptr; });
}

uint64_t LocalRuntime::CurrentJob() const {
  const internal::RunContext* context = internal::CurrentContext();
  return context == nullptr || context->runtime != this ? 0 : context->job;
}

Ref LocalRuntime::PutValue(absl::StatusOr<EncodedValue> value) {
  if (value.ok() && !IsOurs(value->refs)) {
    value = MakeError(Cause::kInvalidArgument, "a value contains a reference of another cluster; get its value first");
  }
  MutexLock lock(mutex());
  auto* object = new LocalObject(*this, NextId());
  if (!closed_.ok() && value.ok()) {
    SettleError(*object, closed_);
  } else if (value.ok()) {
    SettleValue(*object, *value);
  } else {
    SettleError(*object, value.status());
  }
  return Ref(object);
}

absl::StatusOr<std::unique_ptr<internal::WritableValue>> LocalRuntime::Allocate(size_t bytes) {
  {
    MutexLock lock(mutex());
    if (!closed_.ok()) return closed_;
  }
  return memory_.Allocate(bytes);
}

Ref LocalRuntime::Put(std::unique_ptr<internal::WritableValue> value, std::vector<Ref> refs) {
  return PutValue(Written(std::move(value), std::move(refs)));
}

Ref LocalRuntime::PutInline(std::string bytes, std::vector<Ref> refs) {
  return PutValue(Inline(std::move(bytes), std::move(refs)));
}

Ref LocalRuntime::PutError(const absl::Status& error) { return PutValue(error); }

absl::Time LocalRuntime::Deadline(absl::Duration timeout) {
  return timeout == absl::InfiniteDuration() ? absl::InfiniteFuture() : env_->executor().Now() + timeout;
}

absl::StatusOr<std::string> LocalRuntime::DescribeNodesJson() {
  MutexLock lock(mutex());
  if (!closed_.ok()) return closed_;
  const HostInfo& host = env_->host();
  NodeStatus node;
  node.info.name = NodeName();
  node.info.address.node = node_;
  node.info.hostname = host.hostname;
  node.info.pid = host.pid;
  node.info.total = options_.total;
  node.info.arch = host.arch;
  node.info.os = host.os;
  node.info.store_bytes = memory_.budget();
  node.info.release = IOCLUSTER_VERSION;
  node.report.free = options_.total;
  node.report.store_used = memory_.used();
  node.report.objects = objects();
  node.alive = true;
  JsonWriter json;
  WriteNodes(json, {node});
  return json.Take();
}

absl::StatusOr<std::string> LocalRuntime::DescribeObjectsJson() {
  MutexLock lock(mutex());
  if (!closed_.ok()) return closed_;
  ProcessCensus process;
  process.process = process_;
  process.name = absl::StrCat("driver pid ", env_->host().pid, " on ", env_->host().hostname);
  process.owned = objects();
  process.actors = actors_.size();
  process.tasks = tasks_.size();
  NodeCensus node;
  node.name = NodeName();
  node.node = node_;
  node.bytes = memory_.used();
  node.processes.push_back(std::move(process));
  JsonWriter json;
  WriteObjects(json, {.nodes = {node}, .names = names_.size()});
  return json.Take();
}

}  // namespace ioc

#include "runtime/client/task_book.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/protocol/message_size.h"
#include "lib/serde/function_table.h"
#include "runtime/client/actor_construction.h"
#include "runtime/client/actor_state.h"
#include "runtime/client/object_maker.h"

namespace ioc {
namespace {

constexpr size_t kMaxDoomedMessageBytes = 4096;

void Refresh(Borrowing& borrowing, Checkpoint& checkpoint) {
  borrowing.Refresh(checkpoint.state.refs);
  for (SavedCall& call : checkpoint.calls) {
    for (WireValue& value : call.result.returns) borrowing.Refresh(value.refs);
    for (SavedItem& item : call.items) borrowing.Refresh(item.value.refs);
  }
}

void AppendConstruction(TaskSpec& spec, const Construction& construction) {
  const ActorOptions& options = construction.options;
  spec.max_concurrency = static_cast<uint32_t>(options.max_concurrency);
  spec.shared = options.shared_process;
  for (const auto& [name, limit] : options.concurrency_groups) {
    spec.concurrency_groups.push_back({.name = name, .limit = static_cast<uint32_t>(limit)});
  }
  spec.checkpoint_ids = construction.checkpoint_ids;
  spec.checkpoint_every = static_cast<uint32_t>(options.checkpoint_every);
  spec.checkpoint_period_ns = absl::ToInt64Nanoseconds(options.checkpoint_period);
  if (construction.checkpoint != nullptr) spec.checkpoint.push_back(construction.checkpoint->message.checkpoint);
}

size_t CheckpointBytesOf(const TaskRecord& task) {
  const KeptCheckpoint* const kept = task.construction == nullptr ? nullptr : task.construction->checkpoint.get();
  return kept == nullptr ? 0 : kept->words.size() * sizeof(uint64_t);
}

}  // namespace

void TaskRecord::OnSettled(ObjectRecord&) { book->ArgumentSettled(*this); }

void TaskBook::SetSelf(ProcessId self, NodeAddress node) {
  self_ = self;
  node_ = std::move(node);
}

ObjectId TaskBook::NextId(uint64_t count) {
  const uint64_t first = last_sequence_ + 1;
  last_sequence_ += count;
  return {self_, first};
}

TaskRecord& TaskBook::Create(TaskKind kind, internal::Call& call, uint32_t depth) {
  auto owned = std::make_unique<TaskRecord>();
  TaskRecord& task = *owned;
  task.book = this;
  task.kind = kind;
  task.function = call.function;
  task.num_returns = call.num_returns;
  task.depth = depth;
  task.split = call.split;
  task.stream_window = call.stream_window;
  task.call = std::move(call.options);
  task.sequence =
      NextId(call.stream_window > 0 ? 1 + kMaxStreamItems : std::max<uint32_t>(1, call.num_returns)).sequence;
  task.payload = std::move(call.payload);
  for (uint32_t i = 0; i < task.num_returns; ++i) {
    ObjectRecord& result = objects_.Create({self_, task.sequence + i});
    result.task = task.sequence;
    result.maker = call.function;
    objects_.Hold(result);
  }
  auto hold_all = [this](const std::vector<internal::Ref>& refs, std::vector<ObjectRecord*>& records) {
    records.reserve(refs.size());
    for (const internal::Ref& ref : refs) {
      records.push_back(static_cast<ObjectRecord*>(ref.get()));
      objects_.Hold(*records.back());
    }
  };
  hold_all(call.dependencies, task.dependencies);
  hold_all(call.refs, task.refs);
  if (task.stream_window > 0) streams_.Open(task);
  tasks_[task.sequence] = std::move(owned);
  return task;
}

ObjectRecord& TaskBook::Result(const TaskRecord& task, uint32_t i) {
  ObjectRecord* record = objects_.Find({self_, task.sequence + i});
  IOC_CHECK(record != nullptr) << "a task lost its result";
  return *record;
}

TaskRecord* TaskBook::Find(uint64_t sequence) {
  auto it = tasks_.find(sequence);
  return it == tasks_.end() ? nullptr : it->second.get();
}

std::vector<TaskRecord*> TaskBook::ChildrenOf(uint64_t job) {
  std::vector<TaskRecord*> children;
  for (const auto& [sequence, task] : tasks_) {
    if (task->parent == job) children.push_back(task.get());
  }
  std::sort(children.begin(), children.end(),
            [](const TaskRecord* a, const TaskRecord* b) { return a->sequence < b->sequence; });
  return children;
}

absl::flat_hash_set<ObjectId> TaskBook::NamedInCalls() const {
  absl::flat_hash_set<ObjectId> named;
  for (const auto& [sequence, task] : tasks_) {
    if (task->kind == TaskKind::kTask && task->lease == nullptr) continue;
    for (const ObjectRecord* ref : task->refs) named.insert(ref->id());
    for (const ObjectRecord* dependency : task->dependencies) {
      for (const ObjectRecord* inner : dependency->contained) named.insert(inner->id());
    }
  }
  return named;
}

void TaskBook::LoseItems(const TaskRecord& task) {
  if (task.stream_window > 0 && !task.tried.empty()) streams_.LoseItemsOn(task.sequence, task.tried.back().node.node);
}

void TaskBook::AwaitArguments(TaskRecord& task) {
  task.missing = 1;  // for this function itself
  if (task.payload.size() > internal::kMaxInlineBytes) StorePayload(task);
  for (ObjectRecord* dependency : task.dependencies) {
    if (dependency->settled()) continue;
    ++task.missing;
    objects_.Listen(*dependency, task);
    borrowing_.Resolve(*dependency);
  }
  ArgumentSettled(task);
}

// A payload that is too large to travel becomes an object of its own, which the worker maps.
void TaskBook::StorePayload(TaskRecord& task) {
  ObjectRecord& stored = objects_.Create(NextId());
  objects_.Hold(stored);
  task.stored_payload = &stored;
  ++task.missing;
  objects_.Listen(stored, task);
  objects_.Hold(stored);  // for the allocation
  store_.Allocate(task.payload.size(), [this, &stored, sequence = task.sequence](absl::StatusOr<StorePiece> piece) {
    TaskRecord* waiting = Find(sequence);
    if (!piece.ok()) {
      objects_.Fail(stored, piece.status());
    } else if (waiting == nullptr) {
      store_.Abandon(*piece);
    } else {
      std::memcpy(store_.memory()->data() + piece->offset, waiting->payload.data(), waiting->payload.size());
      waiting->payload = {};
      store_.Seal(stored.id(), *piece);
      store_.Cache(stored.id());
      store_.Unpin(stored.id());
      objects_.SettleStored(stored, piece->size, {ObjectCopy{node_}}, {});
    }
    objects_.Drop(stored);
  });
}

void TaskBook::ArgumentSettled(TaskRecord& task) {
  if (--task.missing > 0) return;
  const bool failed =
      std::any_of(task.dependencies.begin(), task.dependencies.end(),
                  [](const ObjectRecord* dependency) { return dependency->state == ObjectState::kFailed; });
  if (failed || (task.stored_payload != nullptr && task.stored_payload->state == ObjectState::kFailed))
    return Doom(task);
  const size_t checkpoint = CheckpointBytesOf(task);
  task.wire_bytes = WireBytesOf(task) + checkpoint;
  if (task.wire_bytes > std::min(kMaxTaskBytes + checkpoint, kMaxTaskBytesWithCheckpoint)) {
    size_t refs = task.refs.size();
    for (const ObjectRecord* dependency : task.dependencies) refs += dependency->contained.size();
    const absl::Status error =
        MakeError(Cause::kInvalidArgument,
                  absl::StrCat("the arguments of ", std::string(task.label()), " take ", task.wire_bytes,
                               " bytes in a message (", task.dependencies.size(), " values of references, and ", refs,
                               " references", checkpoint == 0 ? "" : "; with its last checkpoint", "); at most ",
                               kMaxTaskBytes, " are possible: put many small values in one object"));
    task.sink->OnTaskDoomed(task, error);
    return Fail(task, error);
  }
  task.sink->OnTaskReady(task);
}

// About, and not less.
size_t TaskBook::WireBytesOf(const TaskRecord& task) {
  constexpr size_t kBytesOfTask = 256;
  size_t bytes = kBytesOfTask + task.payload.size() + kBytesOfRef * task.refs.size();
  for (const ObjectRecord* dependency : task.dependencies) {
    bytes += kBytesOfValue + kBytesOfRef * dependency->contained.size() + kBytesOfCopy * dependency->copies.size();
    if (dependency->state == ObjectState::kInline) bytes += dependency->bytes->size();
  }
  return bytes;
}

void TaskBook::Doom(TaskRecord& task) {
  const ObjectRecord* culprit = task.stored_payload;
  for (const ObjectRecord* dependency : task.dependencies) {
    if (dependency->state == ObjectState::kFailed) culprit = dependency;
  }
  absl::Status error = culprit->error;
  // Along a chain of tasks the words must not grow without end.
  if (error.message().size() < kMaxDoomedMessageBytes) {
    error = WithContext(error, absl::StrCat("an argument of ", std::string(task.label()), " failed"));
  }
  task.sink->OnTaskDoomed(task, error);
  Fail(task, error);
}

uint32_t TaskBook::NumberFunction(PushTasks& push, const internal::FunctionInfo* function, PeerLink& link) {
  auto [it, first] = link.sent_functions.try_emplace(function, static_cast<uint32_t>(link.sent_functions.size()));
  if (first) {
    const FunctionKeyParts parts = KeyOf(*function);
    push.functions.push_back({.number = it->second,
                              .key = {.build_id = parts.build_id,
                                      .offset = parts.offset,
                                      .name = parts.name,
                                      .label = std::string(function->label)}});
  }
  return it->second;
}

void TaskBook::AppendTo(PushTasks& push, const TaskRecord& task, PeerLink& link) {
  TaskSpec& spec = push.tasks.emplace_back();
  spec.kind = task.kind;
  spec.sequence = task.sequence;
  spec.attempt = task.attempt;
  spec.function = NumberFunction(push, task.function, link);
  spec.num_returns = task.num_returns;
  spec.depth = task.depth;
  if (task.options != nullptr) spec.name = task.options->name;
  spec.payload = task.payload;
  if (task.stored_payload != nullptr) spec.payload_stored.push_back(borrowing_.ExportValue(*task.stored_payload));
  for (const ObjectRecord* dependency : task.dependencies)
    spec.dependencies.push_back(borrowing_.ExportValue(*dependency));
  for (const ObjectRecord* ref : task.refs) spec.refs.push_back(borrowing_.Export(*ref));
  if (task.construction != nullptr) AppendConstruction(spec, *task.construction);
  for (Checkpoint& checkpoint : spec.checkpoint) Refresh(borrowing_, checkpoint);
  if (task.call != nullptr) {
    if (!task.call->name.empty()) spec.name = task.call->name;
    spec.group = task.call->concurrency_group;
  }
  if (task.actor != nullptr) spec.actor = task.actor->id();
  if (task.actor != nullptr && task.actor->actor != nullptr) {
    spec.session = task.actor->actor->session;
    spec.incarnation = task.actor->actor->at.incarnation + (task.kind == TaskKind::kCreateActor ? 1 : 0);
  }
  spec.call_sequence = task.call_sequence;
  spec.split = task.split;
  spec.stream_window = task.stream_window;
  if (task.stream_window > 0) spec.stream_skip = streams_.Received(task.sequence);
}

void TaskBook::Complete(TaskRecord& task, TaskResult& result, ProcessId sender, const NodeAddress& node) {
  if (result.returns.size() != task.num_returns) {
    return Fail(task, MakeError(Cause::kInternal,
                                absl::StrCat(std::string(task.label()), " answered with ", result.returns.size(),
                                             " results instead of ", task.num_returns)));
  }
  const std::vector<ObjectRecord*> adopted = ownership_.Adopt(result.given, sender);
  for (uint32_t i = 0; i < task.num_returns; ++i) {
    WireValue& value = result.returns[i];
    std::vector<ObjectRecord*> contained = borrowing_.ImportReceived(value.refs, sender);
    ObjectRecord& record = Result(task, i);
    if (value.kind == ValueKind::kInline) {
      objects_.SettleInline(record, std::make_shared<const std::string>(value.bytes), std::move(contained));
    } else if (record.settled()) {
      for (ObjectRecord* inner : contained) objects_.Drop(*inner);
      store_.Free(record.id(), {ObjectCopy{node}});  // cancelled meanwhile
    } else {
      objects_.SettleStored(record, value.size, {ObjectCopy{node}}, std::move(contained));
    }
  }
  for (ObjectRecord* record : adopted) objects_.Drop(*record);
  Destroy(task);
}

void TaskBook::SettleEarly(TaskRecord& task, const absl::Status& error) {
  task.cancelled = true;
  for (uint32_t i = 0; i < task.num_returns; ++i) objects_.Fail(Result(task, i), error);
}

void TaskBook::Fail(TaskRecord& task, const absl::Status& error) {
  absl::Status named = error;
  for (const ObjectRecord* dependency : task.dependencies) named = WithMaker(named, *dependency);
  SettleEarly(task, named);
  Destroy(task);
}

void TaskBook::FailAll(const absl::Status& error) {
  std::vector<uint64_t> all;
  for (const auto& [sequence, task] : tasks_) all.push_back(sequence);
  std::sort(all.begin(), all.end());
  for (uint64_t sequence : all) {
    if (TaskRecord* task = Find(sequence)) Fail(*task, error);
  }
}

void TaskBook::NoteTried(TaskRecord& task, const NodeAddress& node) {
  auto tried =
      std::find_if(task.tried.begin(), task.tried.end(), [&node](const auto& known) { return known.node == node; });
  if (tried != task.tried.end()) std::rotate(tried, tried + 1, task.tried.end());
  if (tried == task.tried.end()) task.tried.push_back({.node = node, .first_item = ~uint64_t{0}});
  TaskRecord::Tried& last = task.tried.back();
  if (task.stream_window == 0) return;
  const uint64_t received = streams_.IsOpen(task.sequence) ? streams_.Received(task.sequence) : task.closed_at;
  last.first_item = std::min(last.first_item, received);
  last.last_item = std::max(last.last_item, received + task.stream_window);
}

// A lost attempt may have stored results on its node, which nobody was told of.
void TaskBook::FreeStrays(const TaskRecord& task, const TaskRecord::Tried& tried) {
  for (uint32_t i = 0; i < task.num_returns; ++i) FreeStray(Result(task, i).id(), tried.node);
  for (uint64_t item = tried.first_item; item < tried.last_item; ++item) {
    FreeStray({self_, task.sequence + 1 + item}, tried.node);
  }
}

void TaskBook::FreeStray(ObjectId id, const NodeAddress& node) {
  const ObjectRecord* record = objects_.Find(id);
  const bool is_used = record != nullptr && record->state == ObjectState::kStored &&
                       std::any_of(record->copies.begin(), record->copies.end(),
                                   [&node](const ObjectCopy& copy) { return copy.node == node; });
  if (!is_used) store_.Free(id, {ObjectCopy{node}});
}

void TaskBook::Discard(const TaskResult& result, const Peer& sender) {
  // Another attempt may be about to store the same results there.
  const bool is_over = Find(result.sequence) == nullptr && sender.address.process;
  for (ObjectRecord* record : ownership_.Adopt(result.given, sender.process)) objects_.Drop(*record);
  for (size_t i = 0; i < result.returns.size(); ++i) {
    borrowing_.Decline(result.returns[i].refs, sender.process);
    if (is_over && result.returns[i].kind == ValueKind::kStored) {
      FreeStray({self_, result.sequence + i}, NodeOf(sender.address));
    }
  }
}

void TaskBook::Discard(const StreamItem& item, const Peer& sender) {
  borrowing_.Decline(item.value.refs, sender.process);
  if (item.value.kind != ValueKind::kStored || Find(item.sequence) != nullptr || !sender.address.process) return;
  FreeStray({self_, item.sequence + 1 + item.index}, NodeOf(sender.address));
}

void TaskBook::Destroy(TaskRecord& task) {
  auto node = tasks_.extract(task.sequence);
  if (task.sink != nullptr) task.sink->OnTaskOver(task);
  if (task.missing > 0) {
    for (ObjectRecord* dependency : task.dependencies) objects_.Unlisten(*dependency, task);
    if (task.stored_payload != nullptr) objects_.Unlisten(*task.stored_payload, task);
  }
  for (const TaskRecord::Tried& tried : task.tried) FreeStrays(task, tried);
  for (uint32_t i = 0; i < task.num_returns; ++i) objects_.Drop(Result(task, i));
  for (ObjectRecord* dependency : task.dependencies) objects_.Drop(*dependency);
  for (ObjectRecord* ref : task.refs) objects_.Drop(*ref);
  if (task.stored_payload != nullptr) objects_.Drop(*task.stored_payload);
  if (task.actor != nullptr) objects_.Drop(*task.actor);
}

}  // namespace ioc

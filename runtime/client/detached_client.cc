#include "runtime/client/detached_client.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

absl::Status CheckRefs(const std::vector<ObjectRecord*>& refs) {
  for (const ObjectRecord* ref : refs) {
    if (IsDetached(*ref)) continue;
    return MakeError(Cause::kInvalidArgument,
                     absl::StrCat("an argument of its constructor holds a reference to ", ref->id().ToString(),
                                  ", which may end before a detached actor does; pass the value itself, or hand the "
                                  "reference to a method"));
  }
  return absl::OkStatus();
}

// Whether what the constructor is given can go into the head's keeping.
absl::Status CheckArguments(const TaskRecord& task, size_t payload) {
  IOC_RETURN_IF_ERROR(CheckRefs(task.refs));
  uint64_t total = payload;
  for (const ObjectRecord* dependency : task.dependencies) {
    IOC_RETURN_IF_ERROR(CheckRefs(dependency->contained));
    total += dependency->state == ObjectState::kStored ? dependency->size : dependency->bytes->size();
  }
  if (total <= kMaxConstructorBytes) return absl::OkStatus();
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("arguments of its constructor take ", FormatBytes(total), ", more than the ",
                                FormatBytes(kMaxConstructorBytes),
                                " that the head keeps for a detached actor; hand them to a method"));
}

}  // namespace

void DetachedClient::Create(DetachedActor actor, TaskRecord& creation, Done done) {
  creation.sink = this;
  creations_[creation.sequence] = {.actor = std::move(actor),
                                   .payload = std::exchange(creation.payload, {}),
                                   .done = std::move(done),
                                   .give_up = absl::InfiniteFuture()};
  book_.AwaitArguments(creation);
}

DetachedClient::Creation DetachedClient::Take(const TaskRecord& task) {
  auto node = creations_.extract(task.sequence);
  return std::move(node.mapped());
}

void DetachedClient::OnTaskReady(TaskRecord& task) {
  Creation& creation = creations_.at(task.sequence);
  creation.copied = CheckArguments(task, creation.payload.size());
  creation.copied.ok() ? Copy(task) : Encode(task);
}

// What lies in the store ends with this process or its node.
void DetachedClient::Copy(TaskRecord& task) {
  const uint64_t sequence = task.sequence;
  Creation& creation = creations_.at(sequence);
  for (size_t i = 0; i < task.dependencies.size(); ++i) {
    if (task.dependencies[i]->state == ObjectState::kStored) creation.copies[i];
  }
  if (creation.copies.empty()) return Encode(task);
  std::vector<size_t> stored;
  for (const auto& [i, copy] : creation.copies) stored.push_back(i);
  for (const size_t i : stored) {
    const TaskRecord* waiting = book_.Find(sequence);
    if (waiting == nullptr) return;  // one that came before has failed
    const ObjectRecord& record = *waiting->dependencies[i];
    store_.Pin(record.id(), record.size, record.copies,
               [this, sequence, i, id = record.id()](const absl::StatusOr<StoreLocation>& location) {
                 if (!location.ok()) return Copied(sequence, i, location.status());
                 const char* bytes = reinterpret_cast<const char*>(store_.memory()->data() + location->offset);
                 std::string copy(bytes, location->size);
                 store_.Unpin(id);
                 Copied(sequence, i, std::move(copy));
               });
  }
}

void DetachedClient::Copied(uint64_t sequence, size_t dependency, absl::StatusOr<std::string> bytes) {
  TaskRecord* task = book_.Find(sequence);
  const auto found = creations_.find(sequence);
  if (task == nullptr || found == creations_.end()) return;  // shut down, or failed
  Creation& creation = found->second;
  if (!bytes.ok()) {
    creation.copied = WithContext(bytes.status(), "an argument of its constructor");
    return Encode(*task);
  }
  creation.copies[dependency] = *std::move(bytes);
  const bool all = std::none_of(creation.copies.begin(), creation.copies.end(),
                                [](const auto& copy) { return copy.second.empty(); });
  if (all) Encode(*task);
}

void DetachedClient::Encode(TaskRecord& task) {
  auto creation = std::make_shared<Creation>(Take(task));
  task.payload = std::move(creation->payload);
  if (creation->copied.ok()) {
    PushTasks push;
    PeerLink nobody;  // functions are numbered for this message alone
    book_.AppendTo(push, task, nobody);
    for (const auto& [i, copy] : creation->copies) {
      WireValue& value = push.tasks.front().dependencies[i];
      value.kind = ValueKind::kInline;
      value.bytes = copy;
      value.copies.clear();
    }
    BodyBuffer body;
    ioc::Encode(push, body);
    creation->actor.constructor.assign(reinterpret_cast<const char*>(body.bytes().data()), body.bytes().size());
  }
  book_.Fail(task, absl::OkStatus());  // it has no results: its record just goes
  if (!creation->copied.ok()) return creation->done(creation->copied);
  creation->copies.clear();
  creation->give_up = env_.executor().Now() + kHeadPatience;
  Send(std::move(creation));
}

void DetachedClient::OnTaskDoomed(TaskRecord& task, const absl::Status& error) { Take(task).done(error); }

void DetachedClient::Send(std::shared_ptr<Creation> creation) {
  const CreateDetachedActor request{.actor = creation->actor};
  node_.Call(request, kBorrowTimeout, [this, creation](const absl::StatusOr<CreateDetachedActor::Reply>& reply) {
    const bool is_away = CauseOf(reply.status()) == Cause::kDisconnected || CauseOf(reply.status()) == Cause::kDeadline;
    if (!is_away || !node_.open() || env_.executor().Now() >= creation->give_up) return creation->done(reply.status());
    env_.executor().Schedule(kHeadRetryDelay, [this, creation, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) Send(creation);
    });
  });
}

void DetachedClient::Locate(ObjectId actor, absl::AnyInvocable<void(absl::StatusOr<LocateActor::Reply>)> done) {
  node_.Call(LocateActor{.actor = actor}, kResolvePeriod, std::move(done));
}

void DetachedClient::Kill(ObjectId actor, bool no_restart, Done done) {
  node_.Call(KillDetachedActor{.actor = actor, .no_restart = no_restart}, kBorrowTimeout,
             [done = std::move(done)](const absl::StatusOr<KillDetachedActor::Reply>& reply) mutable {
               done(reply.status());
             });
}

}  // namespace ioc

// The part of Client that submits tasks, makes actors and calls them, finds them by name, and ends all of these.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/text.h"
#include "runtime/client/awaited.h"
#include "runtime/client/client.h"

namespace ioc {
namespace {

absl::Status ForeignArgument() {
  return MakeError(Cause::kInvalidArgument, "an argument is a reference that is empty, or of another cluster");
}

}  // namespace

ObjectRecord* Client::RecordOf(const internal::Ref& ref) const {
  auto* record = static_cast<ObjectRecord*>(ref.get());
  return record != nullptr && &record->table == &objects_ ? record : nullptr;
}

std::vector<internal::Ref> Client::TakeIfForeign(internal::Call& call) {
  const auto foreign = [this](const internal::Ref& ref) { return RecordOf(ref) == nullptr; };
  if (std::none_of(call.dependencies.begin(), call.dependencies.end(), foreign) &&
      std::none_of(call.refs.begin(), call.refs.end(), foreign)) {
    return {};
  }
  std::vector<internal::Ref> taken = std::exchange(call.dependencies, {});
  for (internal::Ref& ref : call.refs) taken.push_back(std::move(ref));
  call.refs.clear();
  return taken;
}

std::vector<ObjectRecord*> Client::HoldAll(const std::vector<internal::Ref>& refs) {
  std::vector<ObjectRecord*> records;
  records.reserve(refs.size());
  for (const internal::Ref& ref : refs) {
    records.push_back(static_cast<ObjectRecord*>(ref.get()));
    objects_.Hold(*records.back());
  }
  return records;
}

std::vector<internal::Ref> Client::MakeRefs(TaskRecord& task) {
  std::vector<internal::Ref> refs;
  refs.reserve(task.num_returns);
  for (uint32_t i = 0; i < task.num_returns; ++i) refs.push_back(objects_.MakeRef(book_.Result(task, i)));
  return refs;
}

std::vector<internal::Ref> Client::Submit(internal::Call call, const std::shared_ptr<const TaskOptions>& options) {
  const std::vector<internal::Ref> foreign = TakeIfForeign(call);
  MutexLock lock(env_->executor().mutex());
  TaskRecord& task = book_.Create(TaskKind::kTask, call, depth_);
  task.parent = CurrentJob();
  std::vector<internal::Ref> refs = MakeRefs(task);
  absl::Status error = foreign.empty() ? closed_ : ForeignArgument();
  task.options = options == nullptr ? default_options_ : options;
  task.retries_left = task.options->max_retries;
  if (error.ok()) error = dispatcher_.Submit(task);
  if (!error.ok()) {
    book_.Fail(task, WithContext(error, absl::StrCat("task ", Shown(task.label()))));
  } else {
    dispatcher_.PushUrgent();
  }
  return refs;
}

internal::Ref Client::CreateActor(internal::Call constructor, const ActorOptions& options, std::string_view type) {
  const std::vector<internal::Ref> foreign = TakeIfForeign(constructor);
  if (!foreign.empty()) return PutError(ForeignArgument());
  MutexLock lock(env_->executor().mutex());
  if (!closed_.ok()) {
    ObjectRecord& record = objects_.Create(book_.NextId());
    internal::Ref ref = objects_.MakeRef(record);
    objects_.Fail(record, closed_);
    return ref;
  }
  ObjectRecord& record = options.lifetime == Lifetime::kDetached
                             ? actor_caller_.CreateDetached(constructor, options, type)
                             : actor_owner_.Create(constructor, options, type);
  return objects_.MakeRef(record);
}

std::vector<internal::Ref> Client::CallActor(const internal::Ref& actor, internal::Call call) {
  const std::vector<internal::Ref> foreign = TakeIfForeign(call);
  MutexLock lock(env_->executor().mutex());
  TaskRecord& task = book_.Create(TaskKind::kActorCall, call, depth_);
  task.parent = CurrentJob();
  std::vector<internal::Ref> refs = MakeRefs(task);
  ObjectRecord* record = RecordOf(actor);
  if (record == nullptr) {
    book_.Fail(task, MakeError(Cause::kInvalidArgument, absl::StrCat("call of ", std::string(task.label()),
                                                                     ": the handle is empty, or of another cluster")));
  } else if (!closed_.ok()) {
    book_.Fail(task, closed_);
  } else if (!foreign.empty()) {
    book_.Fail(task, ForeignArgument());
  } else if (record->state == ObjectState::kFailed) {
    book_.Fail(task, record->error);
  } else {
    task.actor = record;
    objects_.Hold(*record);
    if (record->actor != nullptr) task.retries_left = record->actor->max_task_retries;
    actor_caller_.Call(task);
  }
  return refs;
}

absl::StatusOr<internal::Ref> Client::FindActor(std::string_view name, std::string_view name_space,
                                                std::string_view type) {
  MutexLock lock(env_->executor().mutex());
  if (!closed_.ok()) return closed_;
  Awaited<absl::StatusOr<ObjectRecord*>> found;  // the record comes held
  const FindActorName request{.name_space = std::string(name_space), .name = std::string(name)};
  node_.Call(request, kHeadCallTimeout,
             [this, promise = found.promise(), name = request.name,
              type = std::string(type)](absl::StatusOr<FindActorName::Reply> reply) {
               Executor& executor = env_->executor();
               if (!reply.ok()) return void(promise.Set(executor, reply.status()));
               if (reply->type != type) {
                 const std::string message =
                     absl::StrCat("the actor \"", name, "\" is a ", reply->type, ", not a ", type);
                 return void(promise.Set(executor, MakeError(Cause::kTypeMismatch, message)));
               }
               borrowing_.ImportUnheld(reply->actor, [this, promise](absl::StatusOr<ObjectRecord*> record) {
                 if (record.ok()) objects_.Hold(**record);
                 if (!promise.Set(env_->executor(), record) && record.ok()) objects_.Drop(**record);
               });
             });
  // Both calls have deadlines of their own, so this ends.
  Block(found.waiter(), absl::InfiniteFuture());
  absl::StatusOr<ObjectRecord*>& record = *found.value();
  if (!record.ok()) return record.status();
  internal::Ref ref = objects_.MakeRef(**record);
  objects_.Drop(**record);
  return ref;
}

absl::Status Client::Cancel(const internal::Ref& ref, bool force) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* record = RecordOf(ref);
  if (record == nullptr)
    return MakeError(Cause::kInvalidArgument, "Cancel of a reference that is empty, or of another cluster");
  if (record->settled()) return absl::OkStatus();
  TaskRecord* task = record->task == 0 ? nullptr : book_.Find(record->task);
  if (task == nullptr) {
    return MakeError(
        Cause::kInvalidArgument,
        absl::StrCat("object ", record->id().ToString(),
                     " is not the result of a task of this process; only who submitted a task can cancel it"));
  }
  CancelCall(*task, force);
  return absl::OkStatus();
}

absl::Status Client::KillActor(const internal::Ref& actor, bool no_restart) {
  MutexLock lock(env_->executor().mutex());
  ObjectRecord* record = RecordOf(actor);
  if (record == nullptr) return MakeError(Cause::kInvalidArgument, "Kill of a handle of another cluster");
  if (!closed_.ok()) return closed_;
  if (record->state == ObjectState::kFailed) return record->error;
  if (record->owned()) return actor_owner_.Kill(record->id(), no_restart);
  Awaited<absl::Status> killed;
  actor_caller_.KillOthers(*record, no_restart, [this, promise = killed.promise()](const absl::Status& status) {
    promise.Set(env_->executor(), status);
  });
  Block(killed.waiter(), absl::InfiniteFuture());  // the call has a deadline of its own
  return *killed.value();
}

void Client::CancelCall(TaskRecord& task, bool force) {
  if (task.kind == TaskKind::kActorCall) {
    actor_caller_.Cancel(task);
  } else {
    dispatcher_.Cancel(task, force);
  }
}

void Client::CancelChildren(uint64_t job, bool force) {
  std::vector<uint64_t> children;
  for (const TaskRecord* child : book_.ChildrenOf(job)) children.push_back(child->sequence);
  for (const uint64_t sequence : children) {
    TaskRecord* const child = book_.Find(sequence);  // one's end may be another's
    if (child != nullptr && !child->cancelled) CancelCall(*child, force);
  }
}

uint64_t Client::CurrentJob() const {
  const internal::RunContext* context = internal::CurrentContext();
  return context == nullptr || context->runtime != this ? 0 : context->job;
}

}  // namespace ioc

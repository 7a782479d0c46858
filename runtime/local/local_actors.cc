// The part of LocalRuntime that makes, names and ends actors.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/text.h"
#include "lib/protocol/actor_names.h"
#include "lib/protocol/actors_json.h"
#include "runtime/client/task_dispatcher.h"
#include "runtime/local/local_runtime.h"

namespace ioc {

using internal::Ref;

LocalActor::LocalActor(LocalRuntime& owner, ObjectId id, ActorOptions asked, std::string_view class_name)
    : LocalObject(owner, id), options(std::move(asked)), type(class_name), restarts_left(options.max_restarts) {
  for (const auto& [name, limit] : options.concurrency_groups) groups[name].limit = limit;
  groups[""].limit = options.max_concurrency;
}

bool LocalActor::active() const {
  return std::any_of(groups.begin(), groups.end(), [](const auto& group) { return group.second.active > 0; });
}

std::string LocalActor::Name() const {
  return absl::StrCat("actor ", type, options.name.empty() ? "" : absl::StrCat(" \"", Shown(options.name), "\""));
}

LocalActor* LocalRuntime::ActorOf(const Ref& ref) const { return dynamic_cast<LocalActor*>(ObjectOf(ref)); }

Ref LocalRuntime::MakeRef(LocalObject& object) {
  // The last reference may be gone already, and its Bury wait for the mutex: it must find a live object.
  if (object.Retain() == 0) ++object.stale_releases;
  return Ref::Adopt(&object);
}

Ref LocalRuntime::CreateActor(internal::Call constructor, const ActorOptions& options, std::string_view type) {
  if (!IsOurs(constructor.dependencies) || !IsOurs(constructor.refs)) {
    return PutError(
        MakeError(Cause::kInvalidArgument, "an argument is a reference that is empty, or of another cluster"));
  }
  const absl::Status valid = TaskDispatcher::ClassOf(options).status();
  Ref ref;
  absl::Status error;
  {
    MutexLock lock(mutex());
    auto* actor = new LocalActor(*this, NextId(), options, type);
    ref = Ref(actor);
    error = closed_;
    if (error.ok() && !valid.ok()) error = WithContext(valid, actor->Name());
    if (error.ok()) error = WithContext(TakeName(*actor), absl::StrCat(actor->Name(), " can't be made"));
    if (error.ok()) {
      actors_.emplace(actor->id(), actor);
      actor->constructor = std::move(constructor);
      if (options.lifetime == Lifetime::kDetached) detached_.emplace(actor->id(), ref);
    } else {
      Die(*actor, error);
    }
  }
  if (error.ok()) Construct(ref);
  return ref;
}

void LocalRuntime::Construct(const Ref& actor) {
  std::unique_ptr<LocalTask> task;
  {
    MutexLock lock(mutex());
    LocalActor& made = *ActorOf(actor);
    task = NewTask(LocalTask::Kind::kConstructor,
                   made.restarts_left == 0 ? std::move(made.constructor) : internal::Call(made.constructor));
    task->parent = 0;
    task->actor = actor;
    made.task = task.get();
  }
  Launch(std::move(task));
}

void LocalRuntime::Constructed(LocalActor& actor, const internal::Invocation& invocation, const absl::Status& status) {
  actor.object = invocation.created;
  actor.destroy = invocation.destroy;
  if (actor.phase == LocalActor::Phase::kDead) return;  // killed meanwhile: Settle destroys it
  if (status.ok()) {
    actor.phase = LocalActor::Phase::kAlive;
    for (auto& [name, group] : actor.groups) Pump(actor, group);
    return;
  }
  const Cause cause = CauseOf(status);
  const bool plain = cause == Cause::kInvalidArgument;
  Die(actor, MakeError(plain ? cause : Cause::kActorDied,
                       absl::StrCat(actor.Name(), " could not be made: ", std::string(status.message()))));
}

void LocalRuntime::Die(LocalActor& actor, const absl::Status& error) {
  if (actor.phase == LocalActor::Phase::kDead) return;
  actor.phase = LocalActor::Phase::kDead;
  actor.to_restart = false;
  actors_.erase(actor.id());
  const auto name = names_.find({actor.options.name_space, actor.options.name});
  if (name != names_.end() && name->second == &actor) names_.erase(name);
  SettleError(actor, error);
  for (auto& [name, group] : actor.groups) {
    while (!group.calls.empty()) {
      LocalTask& call = *group.calls.front();
      Fail(call, error);
      Remove(call);
    }
  }
}

void LocalRuntime::CallEnded(const Ref& actor, LocalGroup& group) {
  {
    MutexLock lock(mutex());
    --group.active;
    Pump(*ActorOf(actor), group);
  }
  Settle(actor);
}

void LocalRuntime::Settle(const Ref& actor) {
  LocalActor& ended = *ActorOf(actor);
  bool restart = false;
  void* object = nullptr;
  {
    MutexLock lock(mutex());
    if (ended.active() || (ended.phase != LocalActor::Phase::kDead && !ended.to_restart)) return;
    restart = std::exchange(ended.to_restart, false);
    object = std::exchange(ended.object, nullptr);  // by one thread, if several come to this
  }
  if (object != nullptr) ended.destroy(object);
  if (restart) Construct(actor);
}

absl::Status LocalRuntime::KillActor(const Ref& actor, bool no_restart) {
  Ref detached;
  {
    MutexLock lock(mutex());
    LocalActor* const killed = ActorOf(actor);
    if (killed == nullptr) {
      const LocalObject* const object = ObjectOf(actor);  // an actor that was refused
      return object != nullptr ? object->error
                               : MakeError(Cause::kInvalidArgument, "Kill of a handle of another cluster");
    }
    if (!closed_.ok()) return closed_;
    if (killed->phase == LocalActor::Phase::kDead) return absl::OkStatus();
    const absl::Status error = MakeError(Cause::kActorDied, absl::StrCat(killed->Name(), " was killed"));
    for (const auto& [job, task] : tasks_) {
      if (task->actor.get() != killed || task->kind != LocalTask::Kind::kCall || !task->started) continue;
      task->cancelled = true;
      Fail(*task, error);
    }
    if (!no_restart && killed->restarts_left != 0 && killed->phase == LocalActor::Phase::kAlive) {
      if (killed->restarts_left > 0) --killed->restarts_left;
      killed->phase = LocalActor::Phase::kStarting;
      killed->to_restart = true;
    } else {
      if (LocalTask* const constructor = killed->task; constructor != nullptr && !constructor->started) {
        Remove(*constructor);
      }
      Die(*killed, error);
    }
    if (const auto found = detached_.find(killed->id()); found != detached_.end() && !killed->to_restart) {
      detached = std::move(found->second);
      detached_.erase(found);
    }
  }
  Settle(actor);
  Drain();
  return absl::OkStatus();
}

absl::Status LocalRuntime::TakeName(LocalActor& actor) {
  if (actor.options.name.empty()) return absl::OkStatus();
  const auto [holder, taken] = names_.try_emplace({actor.options.name_space, actor.options.name}, &actor);
  if (taken) return absl::OkStatus();
  return NameTaken(actor.options.name, actor.options.name_space, holder->second->id(), holder->second->type);
}

absl::StatusOr<Ref> LocalRuntime::FindActor(std::string_view name, std::string_view name_space, std::string_view type) {
  MutexLock lock(mutex());
  if (!closed_.ok()) return closed_;
  const NameKey key{std::string(name_space), std::string(name)};
  const auto found = names_.find(key);
  if (found != names_.end() && found->second->type == type) return MakeRef(*found->second);
  if (found != names_.end()) {
    return MakeError(Cause::kTypeMismatch, absl::StrCat("the actor \"", key.second, "\" is a ", found->second->type,
                                                        ", not a ", std::string(type)));
  }
  std::vector<std::string> known;
  for (auto near = names_.lower_bound({key.first, ""}); near != names_.end() && near->first.first == key.first;
       ++near) {
    known.push_back(near->first.second);
  }
  return NameUnknown(key.second, key.first, std::move(known));
}

void LocalRuntime::Bury(LocalObject& object) {
  Retain();  // the object's own count may be the last one
  bool digs = false;
  {
    MutexLock lock(mutex());
    if (object.stale_releases > 0) {
      --object.stale_releases;
    } else {
      if (auto* actor = dynamic_cast<LocalActor*>(&object)) {
        Die(*actor, MakeError(Cause::kActorDied, absl::StrCat("actor ", actor->id().ToString(), " has ended")));
      }
      graves_.push_back(&object);
      digs = !std::exchange(burying_, true);
    }
  }
  // What they refer to goes after them, not within, so that the stack doesn't grow with a chain.
  while (digs) {
    std::vector<LocalObject*> dead;
    {
      MutexLock lock(mutex());
      dead.swap(graves_);
      digs = burying_ = !dead.empty();
    }
    for (LocalObject* one : dead) delete one;
  }
  Release();
}

absl::StatusOr<std::vector<std::string>> LocalRuntime::ActorNames(std::string_view name_space) {
  MutexLock lock(mutex());
  if (!closed_.ok()) return closed_;
  std::vector<std::string> names;
  for (const auto& [key, actor] : names_) {
    if (key.first == name_space) names.push_back(key.second);
  }
  return names;
}

absl::StatusOr<std::string> LocalRuntime::DescribeActorsJson() {
  MutexLock lock(mutex());
  if (!closed_.ok()) return closed_;
  std::vector<ActorStatus> actors;
  for (const auto& [key, actor] : names_) {
    actors.push_back({.id = actor->id(),
                      .name_space = key.first,
                      .name = key.second,
                      .type = actor->type,
                      .phase = ActorPhase::kAlive,
                      .node_name = NodeName(),
                      .detached = actor->options.lifetime == Lifetime::kDetached});
  }
  JsonWriter json;
  WriteActors(json, actors);
  return json.Take();
}

}  // namespace ioc

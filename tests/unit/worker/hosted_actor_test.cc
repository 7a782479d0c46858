#include "runtime/worker/hosted_actor.h"

#include <catch2/catch.hpp>

namespace ioc {
namespace {

TaskSpec CreationOf(uint32_t limit, std::vector<ConcurrencyGroup> groups) {
  TaskSpec spec;
  spec.kind = TaskKind::kCreateActor;
  spec.actor = {ProcessId(7), 3};
  spec.max_concurrency = limit;
  spec.concurrency_groups = std::move(groups);
  return spec;
}

TEST_CASE("An actor has the groups that it was made with, and the default one", "[hosted_actor]") {
  HostedActor actor(CreationOf(2, {{.name = "compute", .limit = 4}, {.name = "io", .limit = 1}}));
  CHECK(actor.id() == ObjectId{ProcessId(7), 3});
  CHECK(actor.limit() == 7);
  CHECK(actor.FindGroup("")->limit == 2);
  CHECK(actor.FindGroup("io")->limit == 1);
  CHECK(actor.FindGroup("oi") == nullptr);
  CHECK(actor.GroupNames() == "the default one, \"compute\", \"io\"");
}

TEST_CASE("A group runs as many calls at a time as its limit says", "[hosted_actor]") {
  HostedActor actor(CreationOf(2, {}));
  CallGroup& group = *actor.FindGroup("");
  CHECK_FALSE(group.CanRun());
  for (int i = 0; i < 3; ++i) group.waiting.Push(std::make_unique<WorkerJob>());
  CHECK(group.CanRun());
  CHECK_FALSE(actor.running());
  group.running = 2;
  CHECK_FALSE(group.CanRun());
  CHECK(actor.running());
}

TEST_CASE("An actor's object is destroyed once", "[hosted_actor]") {
  static int destroyed = 0;
  destroyed = 0;
  int object = 0;
  {
    HostedActor actor(CreationOf(1, {}));
    actor.Adopt({.created = &object, .destroy = [](void*) { ++destroyed; }}, nullptr);
    CHECK(actor.object() == &object);
    actor.TakeObject().Destroy();
    actor.TakeObject().Destroy();
    CHECK(actor.object() == nullptr);
  }
  CHECK(destroyed == 1);
}

}  // namespace
}  // namespace ioc

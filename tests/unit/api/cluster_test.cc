#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/iocluster.h"
#include "tests/unit/api/fake_runtime.h"

namespace ioc {
namespace {

struct Fixture {
  FakeRuntime runtime;
  bool shut_down = false;
  Cluster cluster{std::make_unique<FakeState>(runtime, shut_down)};
};

struct Holder {
  std::vector<ObjectRef<int>> refs;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "WhatIsPutComesBack") {
  CHECK(cluster.Put(5).Get().value() == 5);
  CHECK(cluster.Put("literal").Get().value() == "literal");
  const std::vector<int> values = {1, 2};
  const ObjectRef<std::vector<int>> ref = cluster.Put(values);
  CHECK(ref.Get().value() == values);
  CHECK(ref.ready());
  CHECK(ref.id().sequence != 0);
}

TEST_CASE_METHOD(Fixture, "ManyComeBackInOrder") {
  std::vector<ObjectRef<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(cluster.Put(i));
  const std::vector<int> values = cluster.Get(refs, absl::Seconds(5)).value();
  CHECK(values[99] == 99);
  CHECK(runtime.last_deadline == absl::UnixEpoch() + absl::Seconds(5));
  CHECK(cluster.Get({cluster.Put(1), cluster.Put(2)}).value() == std::vector<int>{1, 2});
  refs.push_back(ObjectRef<int>(runtime.PutError(absl::NotFoundError("gone"))));
  CHECK(absl::IsNotFound(cluster.Get(refs).status()));
}

TEST_CASE_METHOD(Fixture, "ManyAreAskedForTogetherBeforeTheFirstIsRead") {
  const std::vector<ObjectRef<int>> refs = {cluster.Put(1), cluster.Put(2), ObjectRef<int>(), cluster.Put(4)};
  CHECK_FALSE(cluster.Get(refs).ok());
  CHECK(runtime.steps == std::vector<std::string>{"wait 3", "get", "get"});  // up to the one that refers to nothing
}

TEST_CASE_METHOD(Fixture, "AnErrorThatComesFirstDoesNotWaitForTheRest") {
  const ObjectRef<int> failed(runtime.PutError(absl::NotFoundError("gone")));
  CHECK(absl::IsNotFound(cluster.Get({failed, ObjectRef<int>(runtime.MakePending())}).status()));
  CHECK(runtime.steps == std::vector<std::string>{"wait 2", "get"});
}

TEST_CASE_METHOD(Fixture, "WaitKeepsTheOrder") {
  const ObjectRef<int> pending(runtime.MakePending());
  const ObjectRef<int> a = cluster.Put(1);
  const ObjectRef<int> b = cluster.Put(2);
  const std::vector<ObjectRef<int>> refs = {b, pending, ObjectRef<int>(), a};
  const WaitResult<int> found = cluster.Wait(refs, 2, absl::Seconds(1));
  CHECK(found.ready == std::vector<ObjectRef<int>>{b, a});
  CHECK(found.pending == std::vector<ObjectRef<int>>{pending, ObjectRef<int>()});
  CHECK_FALSE(pending.ready());
  CHECK(CauseOf(pending.Get(absl::Seconds(1)).status()) == Cause::kDeadline);
}

TEST_CASE_METHOD(Fixture, "ReferencesInsideValuesAreCounted") {
  {
    const ObjectRef<Holder> outer = cluster.Put(Holder{{cluster.Put(1), cluster.Put(2)}});
    CHECK(runtime.live_targets == 3);  // the outer object holds the others
    const Holder holder = outer.Get().value();
    CHECK(holder.refs.at(1).Get().value() == 2);
  }
  CHECK(runtime.live_targets == 0);
}

TEST_CASE_METHOD(Fixture, "CancelGoesToTheRuntime") {
  const ObjectRef<int> pending(runtime.MakePending());
  CHECK(cluster.Cancel(pending, {.force = true}).ok());
  CHECK(runtime.last_force);
  CHECK(CauseOf(cluster.Cancel(ObjectRef<int>())) == Cause::kInvalidArgument);
}

TEST_CASE_METHOD(Fixture, "TheOwnerShutsDownOnceAndCurrentDoesNot") {
  {
    Cluster current = Cluster::Current();
    CHECK(current.node_name() == "here");
  }
  CHECK_FALSE(shut_down);
  {
    Cluster moved = std::move(cluster);
    CHECK(moved.NodesJson().value() == "[]");
  }
  CHECK(shut_down);
  CHECK(runtime.retained == 1);  // this thread, for Current()
}

}  // namespace ioc

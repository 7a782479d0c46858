#include <catch2/catch.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "iocluster/iocluster.h"
#include "tests/unit/api/fake_runtime.h"

namespace ioc {
namespace {

class Named {
 public:
  virtual ~Named() = default;
  virtual std::string Name() const { return "named"; }
};

class Logged {
 public:
  int lines() const noexcept { return lines_; }

 protected:
  int lines_ = 0;
};

class Counter : public Named, public Logged {
 public:
  explicit Counter(int start) : value_(start) { ++live; }
  Counter(const std::string& text, std::vector<int> more) : value_(static_cast<int>(text.size() + more.size())) {
    ++live;
  }
  ~Counter() override { --live; }

  int Increment(int by) {
    ++lines_;
    return value_ += by;
  }
  void Reset() & { value_ = 0; }
  int GiveAway() && { return value_; }
  std::string Name() const override { return "counter"; }
  absl::Status Fail() { return absl::NotFoundError("nothing"); }

  static inline int live = 0;

 private:
  int value_;
};

struct Picky {
  explicit Picky(int x) {
    if (x < 0) throw std::invalid_argument("negative");
  }
  int Fine() { return 1; }
};

int AddTo(ActorHandle<Counter> counter, int by) { return counter.Call<&Counter::Increment>(by).Get().value(); }

struct Fixture {
  FakeRuntime runtime;
  bool shut_down = false;
  Cluster cluster{std::make_unique<FakeState>(runtime, shut_down)};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "AnActorKeepsItsState") {
  {
    auto counter = cluster.Create<Counter>(10);
    CHECK(counter.Call<&Counter::Increment>(5).Get().value() == 15);
    CHECK(counter.Call<&Counter::Increment>(cluster.Put(5)).Get().value() == 20);
    CHECK(counter.Call<&Counter::Reset>().Get().ok());
    CHECK(counter.Call<&Counter::GiveAway>().Get().value() == 0);
    CHECK(absl::IsNotFound(counter.Call<&Counter::Fail>().Get()));
    CHECK(Counter::live == 1);
  }
  CHECK(Counter::live == 0);
}

TEST_CASE_METHOD(Fixture, "MethodsOfBaseClassesAreCalledOnTheRightObject") {
  auto counter = cluster.Create<Counter>(1);
  counter.Call<&Counter::Increment>(1);
  CHECK(counter.Call<&Counter::lines>().Get().value() == 1);
  CHECK(counter.Call<&Logged::lines>().Get().value() == 1);
  CHECK(counter.Call<&Named::Name>().Get().value() == "counter");
}

TEST_CASE_METHOD(Fixture, "AConstructorTakesValuesLiteralsAndReferences") {
  CHECK(cluster.Create<Counter>(cluster.Put(3)).Call<&Counter::Increment>(0).Get().value() == 3);
  CHECK(cluster.Create<Counter>("four", std::vector<int>(2)).Call<&Counter::Increment>(0).Get().value() == 6);
}

TEST_CASE_METHOD(Fixture, "AConstructorThatThrowsIsTheErrorOfTheCalls") {
  const absl::Status status = cluster.Create<Picky>(-1).Call<&Picky::Fine>().Get().status();
  CHECK(CauseOf(status) == Cause::kTaskThrew);
  CHECK(status.message().find("Picky threw: negative") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "HandlesAreArgumentsAndValues") {
  auto counter = cluster.Create<Counter>(1);
  CHECK(cluster.Submit<AddTo>(counter, 5).Get().value() == 6);
  const std::vector<ActorHandle<Counter>> handles =
      cluster.Put(std::vector<ActorHandle<Counter>>{counter, {}}).Get().value();
  CHECK(handles.at(0) == counter);
  CHECK_FALSE(handles.at(1));
  CHECK(CauseOf(handles.at(1).Call<&Counter::Increment>(1).Get().status()) == Cause::kInvalidArgument);
}

TEST_CASE_METHOD(Fixture, "AnActorIsFoundByItsNameAndClass") {
  auto counter = cluster.With(ActorOptions{.name = "steps"}).Create<Counter>(10);
  CHECK(cluster.FindActor<Counter>("steps").value() == counter);
  CHECK(CauseOf(cluster.FindActor<Picky>("steps").status()) == Cause::kTypeMismatch);
  CHECK(CauseOf(cluster.FindActor<Counter>("steps", "elsewhere").status()) == Cause::kActorDied);
}

}  // namespace ioc

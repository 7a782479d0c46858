#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "iocluster/iocluster.h"
#include "tests/unit/api/fake_runtime.h"

namespace ioc {
namespace {

int Add(int a, int b) { return a + b; }
double Half(double x) noexcept { return x / 2; }
std::string Greet(const std::string& name) { return "hello " + name; }
std::string Overloaded(int) { return "int"; }
std::string Overloaded(double) { return "double"; }
int Sum(const std::vector<int>& values) { return std::accumulate(values.begin(), values.end(), 0); }
size_t Take(std::vector<int>&& values, std::string text) { return values.size() + text.size(); }
int ThrowOut(int x) { throw std::runtime_error("no luck with " + std::to_string(x)); }
int ThrowNumber() { throw 5; }
void Nothing() {}
absl::Status Check(bool good) { return good ? absl::OkStatus() : absl::NotFoundError("not good"); }
absl::StatusOr<int> Parse(const std::string& text) {
  if (text != "7") return absl::InvalidArgumentError("not seven");
  return 7;
}
std::tuple<int, std::string> Split(int x) { return {x, std::to_string(x)}; }
std::vector<ObjectRef<int>> Swap(ObjectRef<int> a, ObjectRef<int> b) { return {b, a}; }
int Nested(int n) { return n == 0 ? 0 : 1 + Cluster::Current().Submit<Nested>(n - 1).Get().value(); }
std::string Large(size_t size) { return std::string(size, 'x'); }
std::unique_ptr<Cluster> NewCluster(FakeRuntime& runtime) {
  static bool shut_down;
  return std::make_unique<Cluster>(std::make_unique<FakeState>(runtime, shut_down));
}

struct Machine {
  static int Start(int speed) { return speed * 2; }
};

bool Says(const absl::Status& status, const std::string& words) {
  return status.message().find(words) != std::string::npos;
}

struct Fixture {
  FakeRuntime runtime;
  std::unique_ptr<Cluster> owner = NewCluster(runtime);
  Cluster& cluster = *owner;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "AFunctionRunsWithItsArguments") {
  CHECK(cluster.Submit<Add>(1, 2).Get().value() == 3);
  CHECK(runtime.last_call.payload.size() == 14);  // fits a std::string without an allocation
  CHECK(runtime.last_options == nullptr);
  CHECK(cluster.Submit<Greet>("Ada").Get().value() == "hello Ada");
  CHECK(cluster.Submit<Machine::Start>(4).Get().value() == 8);
  CHECK(cluster.Submit<[](int x) { return x + 1; }>(1).Get().value() == 2);
  CHECK(cluster.Submit<static_cast<std::string (*)(int)>(Overloaded)>(1).Get().value() == "int");
  CHECK(cluster.Submit<static_cast<std::string (*)(double)>(Overloaded)>(1).Get().value() == "double");
  CHECK(cluster.Submit<Take>(std::vector<int>(3), "four").Get().value() == 7);
}

TEST_CASE_METHOD(Fixture, "ArgumentsConvertAsInADirectCall") {
  CHECK(cluster.Submit<Half>(3).Get().value() == 1.5);
  const short narrow = 4;
  CHECK(cluster.Submit<Add>(narrow, 2.9).Get().value() == 6);
}

TEST_CASE_METHOD(Fixture, "AReferenceIsADependency") {
  const ObjectRef<int> a = cluster.Submit<Add>(1, 2);
  CHECK(cluster.Submit<Add>(a, 40).Get().value() == 43);
  CHECK(runtime.last_call.dependencies.size() == 1);
  CHECK(cluster.Submit<Add>(a, a).Get().value() == 6);
}

TEST_CASE_METHOD(Fixture, "AVectorOfReferencesIsAVectorOfDependencies") {
  std::vector<ObjectRef<int>> refs;
  for (int i = 0; i < 10; ++i) refs.push_back(cluster.Put(i));
  CHECK(cluster.Submit<Sum>(refs).Get().value() == 45);
  CHECK(cluster.Submit<Sum>(std::vector<ObjectRef<int>>()).Get().value() == 0);
}

TEST_CASE_METHOD(Fixture, "AReferenceParameterGetsTheReferenceItself") {
  const ObjectRef<int> a = cluster.Put(1);
  const ObjectRef<int> b = cluster.Put(2);
  const std::vector<ObjectRef<int>> swapped = cluster.Submit<Swap>(a, b).Get().value();
  REQUIRE(swapped.size() == 2);
  CHECK(swapped[0] == b);
  CHECK(swapped[1].Get().value() == 1);
  CHECK(runtime.last_call.refs.size() == 2);
}

TEST_CASE_METHOD(Fixture, "AnEmptyReferenceIsAnErrorOfTheCall") {
  const absl::Status status = cluster.Submit<Add>(1, ObjectRef<int>()).Get().status();
  CHECK(CauseOf(status) == Cause::kInvalidArgument);
  CHECK(Says(status, "refers to nothing"));
  CHECK(CauseOf(ObjectRef<int>().Get().status()) == Cause::kInvalidArgument);
  CHECK_FALSE(ObjectRef<int>().ready());
}

TEST_CASE_METHOD(Fixture, "ExceptionsComeBackAsText") {
  const absl::Status thrown = cluster.Submit<ThrowOut>(7).Get().status();
  CHECK(CauseOf(thrown) == Cause::kTaskThrew);
  CHECK(Says(thrown, "ThrowOut threw: no luck with 7"));
  CHECK(Says(cluster.Submit<Add>(cluster.Submit<ThrowOut>(8), 1).Get().status(), "no luck with 8"));
  CHECK(Says(cluster.Submit<ThrowNumber>().Get().status(), "threw an unknown exception"));
}

TEST_CASE_METHOD(Fixture, "ReturnedErrorsAreTheReferencesErrors") {
  const ObjectRef<void> good = cluster.Submit<Check>(true);
  CHECK(good.Get().ok());
  const absl::Status bad = cluster.Submit<Check>(false).Get();
  CHECK(absl::IsNotFound(bad));
  CHECK(CauseOf(bad) == Cause::kTaskThrew);
  CHECK(Says(bad, "not good"));
  const ObjectRef<int> seven = cluster.Submit<Parse>("7");
  CHECK(seven.Get().value() == 7);
  CHECK(absl::IsInvalidArgument(cluster.Submit<Parse>("8").Get().status()));
  CHECK(cluster.Submit<Nothing>().Get().ok());
}

TEST_CASE_METHOD(Fixture, "ATupleGivesAReferenceForEachPart") {
  auto [number, text] = cluster.SubmitAll<Split>(5);
  CHECK(number.Get().value() == 5);
  CHECK(text.Get().value() == "5");
  CHECK(cluster.Submit<Split>(6).Get().value() == std::tuple<int, std::string>(6, "6"));
  auto [with, options] = cluster.With(TaskOptions{.cpus = 2}).SubmitAll<Split>(1);
  CHECK(with.Get().value() == 1);
  CHECK(runtime.last_options->cpus == 2);
}

TEST_CASE_METHOD(Fixture, "TasksSubmitTasks") { CHECK(cluster.Submit<Nested>(10).Get().value() == 10); }

TEST_CASE_METHOD(Fixture, "LargeValuesGoThroughTheStore") {
  const std::string large(500'000, 'y');
  CHECK(cluster.Submit<Greet>(large).Get().value().size() == large.size() + 6);
  CHECK(runtime.last_call.dependencies.size() == 1);
  CHECK(runtime.last_call.payload.size() < 20);
  CHECK(cluster.Submit<Large>(300'000u).Get().value() == std::string(300'000, 'x'));
  CHECK(cluster.Put(large).Get().value() == large);
}

TEST_CASE_METHOD(Fixture, "AFullStoreIsTheReferencesError") {
  runtime.store_full = true;
  const std::string large(500'000, 'y');
  CHECK(CauseOf(cluster.Put(large).Get().status()) == Cause::kStoreFull);
  CHECK(CauseOf(cluster.Submit<Greet>(large).Get().status()) == Cause::kStoreFull);
  CHECK(CauseOf(cluster.Submit<Large>(300'000u).Get().status()) == Cause::kStoreFull);
}

TEST_CASE_METHOD(Fixture, "DamagedArgumentsAreAnErrorThatNamesTheArgument") {
  cluster.Submit<Greet>("Ada");
  const internal::Call good = runtime.last_call;
  for (size_t i = 0; i < good.payload.size(); ++i) {
    for (const int value : {0, 1, 2, 3, 0x7f, 0xff}) {
      internal::Call call = good;
      call.payload[i] = static_cast<char>(value);
      internal::Invocation invocation;
      runtime.Run(call, nullptr, invocation);
    }
    internal::Call call = good;
    call.payload.resize(i);
    internal::Invocation invocation;
    const auto result = ObjectRef<std::string>(runtime.Run(call, nullptr, invocation).front());
    CHECK(CauseOf(result.Get().status()) == Cause::kTypeMismatch);
  }
  internal::Call call = good;
  call.payload[4] = 1;  // a dependency; the next bytes are its number
  internal::Invocation invocation;
  const auto result = ObjectRef<std::string>(runtime.Run(call, nullptr, invocation).front());
  CHECK(Says(result.Get().status(), "argument 1 of "));
}

TEST_CASE_METHOD(Fixture, "CancelledAsksTheRuntime") {
  CHECK_FALSE(Cancelled());
  runtime.cancel_requested = true;
  CHECK(Cancelled());
  internal::SetCurrentRuntime(nullptr);
  CHECK_FALSE(Cancelled());
}

}  // namespace ioc

// Two clusters in one process: what belongs to one is an error in the other, and harms neither.
#include <absl/time/time.h>

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;

int Add(int a, int b) { return a + b; }
int Sum(const std::vector<int>& numbers) { return numbers.empty() ? 0 : numbers.front(); }
int Read(const ObjectRef<int>& number) { return number.Get().value(); }
size_t Length(const Array<uint8_t>& bytes) { return bytes.size(); }

class Cell {
 public:
  explicit Cell(int value) : value_(value) {}
  int Swap(int value) { return std::exchange(value_, value); }

 private:
  int value_;
};

int SwapIn(const ActorHandle<Cell>& cell, int value) { return cell.Call<&Cell::Swap>(value).Get().value(); }

// A worker may have a cluster of its own, of which the caller's knows nothing.
const Cluster& ClusterOfWorker() {
  static const Cluster inner = Embedded({.cpus = 1});
  return inner;
}
ObjectRef<int> MakeForeignRef() { return ClusterOfWorker().Put(7); }
Array<uint8_t> MakeForeignArray() { return ClusterOfWorker().NewArray<uint8_t>({500'000}).value(); }

void CheckForeign(const absl::Status& status) {
  INFO(status);
  CHECK(CauseOf(status) == Cause::kInvalidArgument);
  CHECK_THAT(std::string(status.message()), Contains("another cluster"));
}

struct Fixture {
  const Cluster one = Embedded();
  const Cluster two = Embedded();
  const ObjectRef<int> number = one.Put(5);
  const ActorHandle<Cell> cell = one.Create<Cell>(1);

  ~Fixture() {
    CHECK(one.Submit<Add>(number, 1).Get(kPatience).value() == 6);
    CHECK(cell.Call<&Cell::Swap>(2).Get(kPatience).ok());
    CHECK(two.Submit<Add>(1, 2).Get(kPatience).value() == 3);
  }
};

TEST_CASE_METHOD(Fixture, "A dependency of another cluster is refused") {
  CheckForeign(two.Submit<Add>(number, 1).Get(kPatience).status());
  CheckForeign(two.Submit<Add>(1, one.Submit<Add>(1, 1)).Get(kPatience).status());
  CheckForeign(two.Submit<Sum>(std::vector{two.Put(1), number}).Get(kPatience).status());
}

TEST_CASE_METHOD(Fixture, "A reference and a handle of another cluster are refused as arguments") {
  CheckForeign(two.Submit<Read>(number).Get(kPatience).status());
  CheckForeign(two.Submit<SwapIn>(cell, 3).Get(kPatience).status());
}

TEST_CASE_METHOD(Fixture, "An actor's constructor and calls refuse what is of another cluster") {
  CheckForeign(two.Create<Cell>(number).Call<&Cell::Swap>(1).Get(kPatience).status());
  CheckForeign(two.Create<Cell>(1).Call<&Cell::Swap>(number).Get(kPatience).status());
}

TEST_CASE_METHOD(Fixture, "A value that holds a reference of another cluster is not put") {
  CheckForeign(two.Put(number).Get(kPatience).status());
  CheckForeign(two.Put(std::vector{two.Put(1), number, two.Put(3)}).Get(kPatience).status());
  const std::vector<ObjectRef<int>> many(100'000, number);
  CheckForeign(two.Put(many).Get(kPatience).status());
}

TEST_CASE_METHOD(Fixture, "An array in another cluster's memory is not put") {
  CheckForeign(two.Put(one.NewArray<uint8_t>({500'000}).value()).Get(kPatience).status());
  CheckForeign(two.Submit<Length>(one.NewArray<uint8_t>({500'000}).value()).Get(kPatience).status());
}

TEST_CASE_METHOD(Fixture, "Another cluster's references are neither ready nor to be cancelled here") {
  const WaitResult<int> result = two.Wait({number, two.Put(1)}, 2, kPatience);
  CHECK(result.pending == std::vector{number});
  CHECK(result.ready.size() == 1);
  CheckForeign(two.Cancel(number));
}

TEST_CASE_METHOD(Fixture, "A task that returns what is of a cluster of its own fails") {
  CheckForeign(two.Submit<MakeForeignRef>().Get(kPatience).status());
  CheckForeign(two.Submit<MakeForeignArray>().Get(kPatience).status());
}

}  // namespace
}  // namespace ioc

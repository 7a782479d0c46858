#include "iocluster/array.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "iocluster/iocluster.h"
#include "tests/unit/api/fake_runtime.h"

namespace ioc {
namespace {

constexpr size_t kMany = 100'000;

uintptr_t AddressOf(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

double Mean(const Array<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
uintptr_t Where(const Array<float>& values) { return AddressOf(values.data()); }
Array<float> Make(size_t size) {
  Array<float> array = Cluster::Current().NewArray<float>({size}).value();
  std::fill(array.begin(), array.end(), 2.0f);
  return array;
}

struct Batch {
  std::string name;
  Array<float> inputs;
};

struct Fixture {
  FakeRuntime runtime;
  bool shut_down = false;
  Cluster cluster{std::make_unique<FakeState>(runtime, shut_down)};

  Array<float> NewOnes(std::vector<size_t> shape) {
    Array<float> array = cluster.NewArray<float>(std::move(shape)).value();
    std::fill(array.begin(), array.end(), 1.0f);
    return array;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "PutSealsTheMemoryThatTheArrayWasWrittenIn") {
  Array<float> array = NewOnes({100, 1000});
  const uintptr_t written = AddressOf(array.data());
  CHECK(written % kArrayAlignment == 0);
  CHECK(array.writable());
  const ObjectRef<Array<float>> ref = cluster.Put(std::move(array));
  CHECK(runtime.allocations == 1);
  CHECK(array.empty());

  const Array<float> view = ref.Get().value();
  CHECK(AddressOf(view.data()) == written);
  CHECK(view.shape() == std::vector<size_t>{100, 1000});
  CHECK(view(99, 999) == 1.0f);
  CHECK_FALSE(view.writable());
  CHECK(cluster.Submit<Where>(ref).Get().value() == written);
  CHECK(cluster.Submit<Mean>(ref).Get().value() == 1.0);
}

TEST_CASE_METHOD(Fixture, "AViewOutlivesItsReference") {
  Array<float> view;
  {
    const ObjectRef<Array<float>> ref = cluster.Put(NewOnes({kMany}));
    view = ref.Get().value();
  }
  CHECK(runtime.live_targets == 0);
  CHECK(view[kMany - 1] == 1.0f);
}

TEST_CASE_METHOD(Fixture, "AReturnedArrayIsNotCopied") {
  const Array<float> made = cluster.Submit<Make>(kMany).Get().value();
  CHECK(made.size() == kMany);
  CHECK(made[7] == 2.0f);
  CHECK(runtime.allocations == 1);
}

TEST_CASE_METHOD(Fixture, "AnArrayThatIsMovedToACallIsNotCopied") {
  Array<float> array = NewOnes({kMany});
  const uintptr_t written = AddressOf(array.data());
  CHECK(cluster.Submit<Where>(std::move(array)).Get().value() == written);
  CHECK(runtime.allocations == 1);
}

TEST_CASE_METHOD(Fixture, "AnArrayThatOthersMayWriteIsCopied") {
  Array<float> array = NewOnes({kMany});
  Array<float> other = array;
  const ObjectRef<Array<float>> ref = cluster.Put(std::move(array));
  other[0] = 5.0f;
  CHECK(ref.Get().value()[0] == 1.0f);
  CHECK(cluster.Put(other).Get().value()[0] == 5.0f);
}

TEST_CASE_METHOD(Fixture, "ASmallArrayIsReadAsACopyOfItsOwn") {
  const ObjectRef<Array<float>> ref = cluster.Put(NewOnes({2, 2}));
  Array<float> first = ref.Get().value();
  first[0] = 9.0f;
  CHECK(ref.Get().value()[0] == 1.0f);
}

TEST_CASE_METHOD(Fixture, "AnArrayInsideAnotherValueIsSharedTooWhenItIsRead") {
  const ObjectRef<Batch> ref = cluster.Put(Batch{"first", NewOnes({kMany})});
  const Batch a = ref.Get().value();
  const Batch b = ref.Get().value();
  CHECK(a.name == "first");
  CHECK(a.inputs.data() == b.inputs.data());
  CHECK(a.inputs[kMany - 1] == 1.0f);
}

TEST_CASE_METHOD(Fixture, "ShapesAreChecked") {
  CHECK(cluster.NewArray<float>({}).value().size() == 1);
  CHECK(cluster.NewArray<float>({0, 5}).value().empty());
  CHECK(CauseOf(cluster.NewArray<double>({size_t{1} << 62, 8}).status()) == Cause::kInvalidArgument);
  CHECK(CauseOf(cluster.NewArray<char>(std::vector<size_t>(33, 1)).status()) == Cause::kInvalidArgument);
  CHECK(CauseOf(Array<int>::Copy({3}, std::vector<int>{1}).status()) == Cause::kInvalidArgument);
  CHECK(Array<int>::Copy({2}, std::vector<int>{1, 2}).value()[1] == 2);
}

}  // namespace ioc

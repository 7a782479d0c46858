// Objects in shared memory: read in place, held by whoever refers to them, deleted when nobody does.
#include <absl/time/time.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Bytes = Array<uint8_t>;

double Mean(const Array<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Array<int> Squares(int n) {
  Array<int> squares = Cluster::Current().NewArray<int>({static_cast<size_t>(n)}).value();
  for (int i = 0; i < n; ++i) squares[i] = i * i;
  return squares;
}

Array<int> FirstThree() { return Array<int>::Copy({3}, std::vector<int>{7, 8, 9}).value(); }
int Sum(const Array<int>& values) { return std::accumulate(values.begin(), values.end(), 0); }

struct Labelled {
  std::string label;
  ObjectRef<std::string> text;
  std::optional<ObjectRef<std::string>> more;
};

std::string ReadLabelled(const Labelled& labelled) {
  std::string text = labelled.label + "=" + labelled.text.Get().value();
  if (labelled.more) text += "+" + labelled.more->Get().value();
  return text;
}

std::string MakeText(size_t size) { return std::string(size, 't'); }

// The reference inside the result refers to a task of the worker's own.
Labelled MakeLabelled(size_t size) {
  return {.label = "made", .text = Cluster::Current().Submit<MakeText>(size), .more = std::nullopt};
}

class Keeper {
 public:
  void Keep(const Labelled& labelled) { kept_ = labelled; }
  size_t Size() { return kept_.text.Get(absl::Seconds(20)).value().size(); }
  void Drop() { kept_ = {}; }

 private:
  Labelled kept_;
};

size_t Length(const Bytes& bytes) { return bytes.size(); }
Bytes Make(size_t bytes) {
  Bytes made = Cluster::Current().NewArray<uint8_t>({bytes}).value();
  std::memset(made.data(), 1, made.size());
  return made;
}

TEST_CASE("An array is written in place, sealed without a copy, and every reader sees the same memory") {
  const Cluster cluster = Embedded();
  Array<float> array = cluster.NewArray<float>({512, 1024}).value();
  std::fill(array.begin(), array.end(), 0.25f);
  const float* written = array.data();
  const ObjectRef<Array<float>> ref = cluster.Put(std::move(array));
  const Array<float> first = ref.Get(kPatience).value();
  const Array<float> second = ref.Get(kPatience).value();
  CHECK(first.data() == written);
  CHECK(second.data() == written);
  CHECK(first.shape() == std::vector<size_t>{512, 1024});
  CHECK_FALSE(first.writable());
  CHECK(cluster.Submit<Mean>(ref).Get(kPatience).value() == 0.25);
}

TEST_CASE("An array that a task made is read where the task wrote it") {
  const Cluster cluster = Embedded();
  const Array<int> squares = cluster.Submit<Squares>(46000).Get(kPatience).value();
  REQUIRE(squares.size() == 46000);
  CHECK(squares[40000] == 1600000000);
}

TEST_CASE("A small copy of an array is put, passed and returned like any other") {
  const Cluster cluster = Embedded();
  CHECK(Sum(cluster.Submit<FirstThree>().Get(kPatience).value()) == 24);
  ObjectRef<Array<int>> put = cluster.Put(FirstThree());
  CHECK(Sum(put.Get(kPatience).value()) == 24);
  CHECK(cluster.Submit<Sum>(put).Get(kPatience).value() == 24);
  CHECK(cluster.Submit<Sum>(FirstThree()).Get(kPatience).value() == 24);
}

TEST_CASE("References inside values go and come") {
  const Cluster cluster = Embedded();
  const Labelled labelled{.label = "a", .text = cluster.Put("small"), .more = cluster.Submit<MakeText>(200 * kKiB)};
  CHECK(cluster.Submit<ReadLabelled>(labelled).Get(kPatience).value() == "a=small+" + MakeText(200 * kKiB));
  for (size_t size : {size_t{10}, 300 * kKiB}) {
    const Labelled made = cluster.Submit<MakeLabelled>(size).Get(kPatience).value();
    CHECK(made.text.Get(kPatience).value().size() == size);
    CHECK(cluster.Submit<ReadLabelled>(made).Get(kPatience).value().size() == size + 5);
  }
}

TEST_CASE("A reference in an actor's state keeps the object after the call and after the caller's own") {
  const Cluster cluster = Embedded();
  const ActorHandle<Keeper> keeper = cluster.Create<Keeper>();
  for (size_t size : {size_t{10}, 300 * kKiB}) {
    ObjectRef<std::string> text = cluster.Put(MakeText(size));
    REQUIRE(keeper.Call<&Keeper::Keep>(Labelled{.label = "k", .text = text, .more = std::nullopt}).Get(kPatience).ok());
    text = {};
    CHECK(keeper.Call<&Keeper::Size>().Get(kPatience).value() == size);
  }
  CHECK(keeper.Call<&Keeper::Drop>().Get(kPatience).ok());
}

TEST_CASE("Sixteen times the store's size goes through it, as nobody keeps what was put") {
  const Cluster cluster = Embedded();
  for (int i = 0; i < 64; ++i) {
    Bytes bytes = cluster.NewArray<uint8_t>({16 * kMiB}).value();
    bytes[0] = static_cast<uint8_t>(i);
    const ObjectRef<Bytes> ref = cluster.Put(std::move(bytes));
    if (i % 8 == 0) REQUIRE(cluster.Submit<Length>(ref).Get(kPatience).value() == 16 * kMiB);
    REQUIRE(ref.Get(kPatience).value()[0] == i);
  }
}

TEST_CASE("Results of tasks go when their references do") {
  const Cluster cluster = Embedded();
  for (int i = 0; i < 24; ++i) {
    const absl::StatusOr<Bytes> made = cluster.Submit<Make>(16 * kMiB).Get(kPatience);
    INFO(made.status());
    REQUIRE(made.ok());
    REQUIRE((*made)[16 * kMiB - 1] == 1);
  }
}

TEST_CASE("More than the store holds is an error that says so, and what is there stays readable") {
  const Cluster cluster = Embedded();
  CHECK(CauseOf(cluster.NewArray<uint8_t>({1 * kGiB}).status()) == Cause::kStoreFull);
  const ObjectRef<std::string> large = cluster.Put(MakeText(40 * kMiB));
  REQUIRE(large.Get(kPatience).ok());
  const absl::Status full = cluster.Put(MakeText(100 * kMiB)).Get(kPatience).status();
  CHECK(CauseOf(full) == Cause::kStoreFull);
  for (const char* words :
       {"an object of 100 MiB can never be in an object store of 64 MiB", "IOCLUSTER_OBJECT_STORE_MEMORY"}) {
    CHECK_THAT(std::string(full.message()), Catch::Contains(words));
  }
  CHECK(large.Get(kPatience).value().size() == 40 * kMiB);
}

TEST_CASE("A view of shared memory outlives its reference and its cluster") {
  std::optional<Cluster> cluster = Embedded();
  Bytes bytes = cluster->NewArray<uint8_t>({8 * kMiB}).value();
  std::memset(bytes.data(), 0x5a, bytes.size());
  const Bytes view = cluster->Put(std::move(bytes)).Get(kPatience).value();
  // The room that the object had may not be given to others while it is seen.
  for (int i = 0; i < 8; ++i) REQUIRE(cluster->Put(MakeText(20 * kMiB)).Get(kPatience).ok());
  cluster.reset();
  CHECK(std::all_of(view.begin(), view.end(), [](uint8_t byte) { return byte == 0x5a; }));
}

}  // namespace
}  // namespace ioc

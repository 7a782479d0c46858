// Streams and split results, in real worker processes.
#include <unistd.h>

#include <absl/time/time.h>

#include <catch2/catch.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

void Count(int from, int to, Yield<int>& yield) {
  for (int n = from; n < to; ++n) {
    if (!yield(n)) return;
  }
}

absl::Status CountThenFail(int count, Yield<int>& yield) {
  Count(0, count, yield);
  return absl::DataLossError("the tape ends here");
}

void CountThenThrow(int count, Yield<std::string>& yield) {
  for (int i = 0; i < count; ++i) yield("item " + std::to_string(i));
  throw std::runtime_error("thrown after the items");
}

class Progress {
 public:
  int Set(int made) { return made_ = made; }
  int made() const { return made_; }
  bool Finish() { return finished_ = true; }
  bool finished() const { return finished_; }

 private:
  int made_ = 0;
  bool finished_ = false;
};

// Tells how far it is before each item.
void CountAloud(int count, ActorHandle<Progress> progress, Yield<int>& yield) {
  int n = 0;
  for (; n < count; ++n) {
    // What a cancelled task has called is cancelled with it.
    if (!progress.Call<&Progress::Set>(n).Get(kPatience).ok() || !yield(n)) break;
  }
  progress.Call<&Progress::Finish>().Get(kPatience).value();
}

void Blocks(int count, size_t elements, Yield<Array<int>>& yield) {
  for (int i = 0; i < count; ++i) {
    Array<int> block = Cluster::Current().NewArray<int>({elements}).value();
    std::fill(block.begin(), block.end(), i);
    if (!yield(std::move(block))) return;
  }
}

void CountOrDie(int count, ActorHandle<Progress> progress, Yield<int>& yield) {
  const bool first = progress.Call<&Progress::made>().Get(kPatience).value() == 0;
  progress.Call<&Progress::Set>(1).Get(kPatience).value();
  for (int n = 0; n < count; ++n) {
    if (first && n == count / 2) _exit(9);
    if (!yield(n)) return;
  }
}

void References(int count, Yield<ObjectRef<int>>& yield) {
  for (int i = 0; i < count; ++i) {
    if (!yield(Cluster::Current().Put(i * i))) return;
  }
}

class Source {
 public:
  explicit Source(int start) : next_(start) {}
  void Some(int count, Yield<int>& yield) {
    for (int i = 0; i < count; ++i) yield(next_++);
  }
  std::tuple<int, std::string> Both() { return {next_, std::to_string(next_)}; }

 private:
  int next_;
};

std::vector<std::string> Words(int count) {
  std::vector<std::string> words;
  for (int i = 0; i < count; ++i) words.push_back("word " + std::to_string(i));
  return words;
}

std::vector<int> AllOf(ObjectStream<int>& stream) {
  std::vector<int> items;
  while (const std::optional<int> item = stream.Next(kPatience).value()) items.push_back(*item);
  return items;
}

std::vector<int> Range(int from, int to) {
  std::vector<int> range(to - from);
  std::iota(range.begin(), range.end(), from);
  return range;
}

TEST_CASE("A stream's items come in order, more of them than its window, and then its end") {
  const Cluster cluster = Embedded();
  ObjectStream<int> numbers = cluster.Submit<Count>(0, 5000);
  CHECK(AllOf(numbers) == Range(0, 5000));
  CHECK(numbers.Next(kPatience).value() == std::nullopt);
  CHECK(numbers.end_of_task().Get(kPatience).ok());
}

TEST_CASE("A range-for reads a stream to its end, or to its error") {
  const Cluster cluster = Embedded();
  int sum = 0;
  ObjectStream<int> numbers = cluster.Submit<Count>(0, 100);
  for (const absl::StatusOr<int>& number : numbers) sum += number.value();
  CHECK(sum == 4950);

  std::vector<absl::StatusOr<int>> read;
  ObjectStream<int> failing = cluster.Submit<CountThenFail>(3);
  for (const absl::StatusOr<int>& number : failing) read.push_back(number);
  REQUIRE(read.size() == 4);
  CHECK(read[2].value() == 2);
  CHECK(CauseOf(read[3].status()) == Cause::kTaskThrew);
  CHECK_THAT(std::string(read[3].status().message()), Catch::Contains("the tape ends here"));
}

TEST_CASE("What was made before a stream's exception is read before its error") {
  const Cluster cluster = Embedded();
  ObjectStream<std::string> items = cluster.Submit<CountThenThrow>(2);
  CHECK(items.Next(kPatience).value() == "item 0");
  CHECK(items.Next(kPatience).value() == "item 1");
  const absl::Status error = items.Next(kPatience).status();
  CHECK(CauseOf(error) == Cause::kTaskThrew);
  CHECK_THAT(std::string(error.message()), Catch::Contains("thrown after the items"));
}

TEST_CASE("A stream waits when its reader is behind by its window") {
  const Cluster cluster = Embedded();
  const auto progress = cluster.Create<Progress>();
  ObjectStream<int> numbers = cluster.With(TaskOptions{.stream_window = 4}).Submit<CountAloud>(100, progress);
  const auto made = [&] { return progress.Call<&Progress::made>().Get(kPatience).value(); };
  CHECK(WaitUntil([&] { return made() == 4; }));
  CHECK(numbers.Next(kPatience).value() == 0);
  CHECK(WaitUntil([&] { return made() == 5; }));
  CHECK_FALSE(progress.Call<&Progress::finished>().Get(kPatience).value());
  CHECK(AllOf(numbers) == Range(1, 100));
}

TEST_CASE("Dropping a stream ends the function that makes it") {
  const Cluster cluster = Embedded();
  const auto progress = cluster.Create<Progress>();
  {
    ObjectStream<int> numbers = cluster.Submit<CountAloud>(1'000'000'000, progress);
    CHECK(numbers.Next(kPatience).value() == 0);
  }
  CHECK(WaitUntil([&] { return progress.Call<&Progress::finished>().Get(kPatience).value(); }));
}

TEST_CASE("A cancelled stream ends with kCancelled after the items that have come") {
  const Cluster cluster = Embedded();
  const auto progress = cluster.Create<Progress>();
  ObjectStream<int> numbers = cluster.Submit<CountAloud>(1'000'000'000, progress);
  CHECK(numbers.Next(kPatience).value() == 0);
  CHECK(cluster.Cancel(numbers.end_of_task()).ok());
  absl::StatusOr<std::optional<int>> next = numbers.Next(kPatience);
  while (next.ok()) next = numbers.Next(kPatience);
  CHECK(CauseOf(next.status()) == Cause::kCancelled);
}

TEST_CASE("Next ends at its deadline and can be called again") {
  const Cluster cluster = Embedded();
  const auto progress = cluster.Create<Progress>();
  ObjectStream<int> numbers = cluster.Submit<CountAloud>(3, progress);
  CHECK(AllOf(numbers) == Range(0, 3));
  ObjectStream<int> never = cluster.With(TaskOptions{.resources = {{"unobtainium", 1}}}).Submit<Count>(0, 1);
  CHECK(CauseOf(never.Next(absl::Milliseconds(20)).status()) == Cause::kDeadline);
  CHECK(CauseOf(never.Next(absl::Milliseconds(20)).status()) == Cause::kDeadline);
}

TEST_CASE("A stream may be much larger than the store that its blocks go through") {
  const Cluster cluster = Embedded({.object_store_memory = 64 * kMiB});
  constexpr size_t kElements = 1 << 20;  // 4 MiB a block
  ObjectStream<Array<int>> blocks = cluster.Submit<Blocks>(100, kElements);
  int expected = 0;
  while (std::optional<Array<int>> block = blocks.Next(kPatience).value()) {
    REQUIRE(block->size() == kElements);
    REQUIRE((*block)[0] == expected);
    REQUIRE((*block)[kElements - 1] == expected);
    ++expected;
  }
  CHECK(expected == 100);
}

TEST_CASE("A stream whose worker dies goes on where its reader is") {
  const Cluster cluster = Embedded();
  const auto progress = cluster.Create<Progress>();
  ObjectStream<int> numbers = cluster.Submit<CountOrDie>(1000, progress);
  CHECK(AllOf(numbers) == Range(0, 1000));
}

TEST_CASE("Items that are references live as long as somebody holds them") {
  const Cluster cluster = Embedded();
  ObjectStream<ObjectRef<int>> references = cluster.Submit<References>(200);
  std::vector<ObjectRef<int>> held;
  while (auto item = references.Next(kPatience).value()) held.push_back(*item);
  REQUIRE(held.size() == 200);
  for (int i = 0; i < 200; ++i) CHECK(held[i].Get(kPatience).value() == i * i);
}

TEST_CASE("An item can be passed on without being fetched") {
  const Cluster cluster = Embedded();
  ObjectStream<Array<int>> blocks = cluster.Submit<Blocks>(2, size_t{100'000});
  const ObjectRef<Array<int>> first = blocks.NextRef(kPatience).value().value();
  const ObjectRef<Array<int>> second = blocks.NextRef(kPatience).value().value();
  CHECK(blocks.NextRef(kPatience).value() == std::nullopt);
  CHECK(second.Get(kPatience).value()[5] == 1);
  CHECK(first.Get(kPatience).value()[5] == 0);
}

TEST_CASE("An actor's method can make a stream, in order with its other calls") {
  const Cluster cluster = Embedded();
  const auto source = cluster.Create<Source>(10);
  ObjectStream<int> some = source.Call<&Source::Some>(500);
  const auto [number, text] = source.CallAll<&Source::Both>();
  CHECK(AllOf(some) == Range(10, 510));
  CHECK(number.Get(kPatience).value() == 510);
  CHECK(text.Get(kPatience).value() == "510");
}

TEST_CASE("num_returns splits a vector into references") {
  const Cluster cluster = Embedded();
  const auto words = cluster.With(TaskOptions{.num_returns = 3}).SubmitAll<Words>(3);
  REQUIRE(words.size() == 3);
  CHECK(words[0].Get(kPatience).value() == "word 0");
  CHECK(words[2].Get(kPatience).value() == "word 2");

  const auto single = cluster.With(TaskOptions{.num_returns = 1}).SubmitAll<Words>(1);
  REQUIRE(single.size() == 1);
  CHECK(single[0].Get(kPatience).value() == "word 0");
}

TEST_CASE("num_returns that does not fit is an error of each result that says so") {
  const Cluster cluster = Embedded();
  for (const auto& word : cluster.With(TaskOptions{.num_returns = 2}).SubmitAll<Words>(3)) {
    const absl::Status error = word.Get(kPatience).status();
    CHECK(CauseOf(error) == Cause::kInvalidArgument);
    CHECK_THAT(std::string(error.message()), Catch::Contains("a vector of 3 elements") && Catch::Contains("is 2"));
  }
  CHECK_THAT(std::string(cluster.SubmitAll<Words>(3).front().Get(kPatience).status().message()),
             Catch::Contains("num_returns"));
  CHECK_THAT(
      std::string(cluster.With(TaskOptions{.num_returns = 2}).Submit<Words>(2).Get(kPatience).status().message()),
      Catch::Contains("SubmitAll"));
  CHECK_THAT(
      std::string(
          cluster.With(TaskOptions{.num_returns = -2}).SubmitAll<Words>(2).front().Get(kPatience).status().message()),
      Catch::Contains("num_returns is -2"));
  ObjectStream<int> stream = cluster.With(TaskOptions{.stream_window = 0}).Submit<Count>(0, 2);
  CHECK_THAT(std::string(stream.Next(kPatience).status().message()), Catch::Contains("stream_window is 0"));
  stream = cluster.With(TaskOptions{.stream_window = 2'000'000'000}).Submit<Count>(0, 2);
  CHECK_THAT(std::string(stream.Next(kPatience).status().message()), Catch::Contains("it must be from 1 to 1000000"));
}

}  // namespace
}  // namespace ioc

#include "tests/cluster/scenarios.h"

#include <absl/time/time.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "iocluster/asio.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;

int Add(int a, int b) { return a + b; }
int Sum(const std::vector<int>& numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0); }
std::tuple<int, std::string> Both(int n) { return {n, std::to_string(n)}; }
std::vector<int> Squares(int count) {
  std::vector<int> squares;
  for (int i = 0; i < count; ++i) squares.push_back(i * i);
  return squares;
}
int Fibonacci(int n) {
  if (n < 2) return n;
  const Cluster cluster = Cluster::Current();
  const ObjectRef<int> a = cluster.Submit<Fibonacci>(n - 1);
  return cluster.Submit<Fibonacci>(n - 2).Get().value() + a.Get().value();
}
int Throw(const std::string& why) { throw std::runtime_error(why); }
absl::StatusOr<int> Refuse(const std::string& why) { return absl::NotFoundError(why); }
void Nothing() {}
std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}
double Mean(const Array<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
Array<int> Range(int n) {
  Array<int> range = Cluster::Current().NewArray<int>({static_cast<size_t>(n)}).value();
  std::iota(range.begin(), range.end(), 0);
  return range;
}

struct Holder {
  std::string label;
  ObjectRef<std::string> text;
};
std::string ReadHolder(const Holder& holder) { return holder.label + "=" + holder.text.Get().value(); }
Holder MakeHolder(const std::string& text) {
  return {.label = "made", .text = Cluster::Current().Submit<Repeat>(text, 2)};
}

class Counter {
 public:
  explicit Counter(int start) : value_(start) {
    if (start < 0) throw std::invalid_argument("a counter can't be negative");
  }
  int Increment(int by) { return value_ += by; }
  int Throw(const std::string& why) { throw std::runtime_error(why); }
  std::tuple<int, int> Twice() const { return {value_, 2 * value_}; }
  void CountTo(int limit, Yield<int>& yield) {
    while (value_ < limit && yield(value_)) ++value_;
  }

 private:
  int value_;
};

class Log {
 public:
  void Append(const std::string& line) { lines_.push_back(line); }
  std::vector<std::string> Lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

int IncrementTwice(const ActorHandle<Counter>& counter) {
  counter.Call<&Counter::Increment>(1);
  return counter.Call<&Counter::Increment>(1).Get().value();
}
int ThrowUntil(const ActorHandle<Counter>& tries, int wanted) {
  const int tried = tries.Call<&Counter::Increment>(1).Get().value();
  if (tried < wanted) throw std::runtime_error("not yet");
  return tried;
}

absl::Status CountThenFail(int count, Yield<int>& yield) {
  for (int i = 0; i < count; ++i) yield(i);
  return absl::DataLossError("the tape ends here");
}
void CountForEver(Yield<int>& yield) {
  for (int i = 0; i < 500'000 && yield(i); ++i) {
  }
}
void Blocks(int count, Yield<Array<int>>& yield) {
  for (int i = 0; i < count; ++i) {
    Array<int> block = Cluster::Current().NewArray<int>({50'000}).value();
    std::fill(block.begin(), block.end(), i);
    if (!yield(std::move(block))) return;
  }
}

void CheckError(const absl::Status& status, Cause cause, const std::vector<std::string>& words) {
  INFO(status);
  CHECK(CauseName(CauseOf(status)) == CauseName(cause));
  for (const std::string& word : words) CHECK_THAT(std::string(status.message()), Contains(word));
}

// --- scenarios ---

void TasksAndReferences(const Connect& connect) {
  const Cluster cluster = connect();
  const ObjectRef<int> three = cluster.Submit<Add>(1, 2);
  CHECK(cluster.Submit<Add>(three, cluster.Put(40)).Get(kPatience).value() == 43);
  std::vector<ObjectRef<int>> parts;
  for (int i = 0; i < 100; ++i) parts.push_back(cluster.Submit<Add>(i, i));
  CHECK(cluster.Submit<Sum>(parts).Get(kPatience).value() == 99 * 100);
  CHECK(cluster.Get(parts, kPatience).value()[99] == 198);
  CHECK(cluster.Wait(parts, 100, kPatience).pending.empty());
  CHECK(cluster.Submit<Fibonacci>(8).Get(kPatience).value() == 21);
  CHECK(cluster.Submit<[](int x) { return 10 * x; }>(4).Get(kPatience).value() == 40);
  CHECK(cluster.Submit<Nothing>().Get(kPatience).ok());
}

void SeveralResults(const Connect& connect) {
  const Cluster cluster = connect();
  const auto [number, text] = cluster.SubmitAll<Both>(7);
  CHECK(number.Get(kPatience).value() == 7);
  CHECK(text.Get(kPatience).value() == "7");
  const auto squares = cluster.With(TaskOptions{.num_returns = 3}).SubmitAll<Squares>(3);
  REQUIRE(squares.size() == 3);
  CHECK(squares[2].Get(kPatience).value() == 4);
  for (const auto& square : cluster.With(TaskOptions{.num_returns = 2}).SubmitAll<Squares>(3)) {
    CheckError(square.Get(kPatience).status(), Cause::kInvalidArgument, {"a vector of 3 elements", "is 2"});
  }
}

void ValuesAndArrays(const Connect& connect) {
  const Cluster cluster = connect();
  for (const int times : {1, 20'000, 100'000}) {
    const ObjectRef<std::string> text = cluster.Submit<Repeat>("0123456789", times);
    CHECK(cluster.Submit<Repeat>(text, 2).Get(kPatience).value().size() == static_cast<size_t>(times) * 20);
  }
  Array<float> array = cluster.NewArray<float>({256, 256}).value();
  std::fill(array.begin(), array.end(), 0.25f);
  const float* written = array.data();
  const ObjectRef<Array<float>> ref = cluster.Put(std::move(array));
  CHECK(ref.Get(kPatience).value().data() == written);
  CHECK_FALSE(ref.Get(kPatience).value().writable());
  CHECK(cluster.Submit<Mean>(ref).Get(kPatience).value() == 0.25);
  CHECK(cluster.Submit<Range>(40'000).Get(kPatience).value()[39'999] == 39'999);

  const Holder made = cluster.Submit<MakeHolder>("ab").Get(kPatience).value();
  CHECK(cluster.Submit<ReadHolder>(made).Get(kPatience).value() == "made=abab");
  CHECK(cluster.Submit<ReadHolder>(Holder{.label = "put", .text = cluster.Put("x")}).Get(kPatience).value() == "put=x");
  CHECK(CauseOf(cluster.NewArray<uint8_t>({1 * kGiB}).status()) == Cause::kStoreFull);
}

void Exceptions(const Connect& connect) {
  const Cluster cluster = connect();
  CheckError(cluster.Submit<Throw>("no luck today").Get(kPatience).status(), Cause::kTaskThrew,
             {"Throw threw: no luck today (on node local, attempt 1)"});
  CheckError(cluster.Submit<Refuse>("not there").Get(kPatience).status(), Cause::kTaskThrew,
             {"Refuse returned: not there"});
  const ObjectRef<int> failed = cluster.Submit<Throw>("rotten");
  CheckError(cluster.Submit<Add>(cluster.Submit<Add>(failed, 1), 2).Get(kPatience).status(), Cause::kTaskThrew,
             {"an argument of ", "Add failed: an argument of ", "Throw threw: rotten (on node local, attempt 1)"});
  const auto tries = cluster.Create<Counter>(0);
  const auto stubborn = cluster.With(TaskOptions{.max_retries = 5, .retry_on_exception = true});
  CHECK(stubborn.Submit<ThrowUntil>(tries, 3).Get(kPatience).value() == 3);
  const auto weak = cluster.With(TaskOptions{.max_retries = 1, .retry_on_exception = true});
  CheckError(weak.Submit<ThrowUntil>(tries, 100).Get(kPatience).status(), Cause::kTaskThrew, {"not yet", "attempt 2"});
}

void WrongCalls(const Connect& connect) {
  const Cluster cluster = connect();
  CheckError(cluster.With(TaskOptions{.cpus = -1}).Submit<Add>(1, 1).Get(kPatience).status(), Cause::kInvalidArgument,
             {"task ", "Add: the resource CPU is -1"});
  CheckError(cluster.With(TaskOptions{.max_retries = -2}).Submit<Add>(1, 1).Get(kPatience).status(),
             Cause::kInvalidArgument, {"max_retries is -2"});
  CheckError(ObjectRef<int>().Get().status(), Cause::kInvalidArgument, {"refers to nothing"});
  CheckError(cluster.Submit<Add>(ObjectRef<int>(), 1).Get(kPatience).status(), Cause::kInvalidArgument,
             {"Add is an ObjectRef that refers to nothing"});
  CHECK(cluster.Cancel(cluster.Put(1)).ok());
  CheckError(cluster.With(ActorOptions{.max_concurrency = 0})
                 .Create<Counter>(1)
                 .Call<&Counter::Increment>(1)
                 .Get(kPatience)
                 .status(),
             Cause::kInvalidArgument, {"actor", "Counter", "max_concurrency is 0"});
}

void Foreigners(const Connect& connect) {
  const Cluster one = connect();
  const Cluster two = connect();
  const ObjectRef<int> number = one.Put(5);
  const auto foreign = [](const absl::Status& status) {
    CheckError(status, Cause::kInvalidArgument, {"another cluster"});
  };
  foreign(two.Submit<Add>(number, 1).Get(kPatience).status());
  foreign(two.Put(std::vector{number}).Get(kPatience).status());
  foreign(two.Create<Counter>(number).Call<&Counter::Increment>(1).Get(kPatience).status());
  foreign(two.Cancel(number));
  CHECK(two.Wait({number, two.Put(1)}, 2, kPatience).pending == std::vector{number});
  CHECK(one.Submit<Add>(number, 1).Get(kPatience).value() == 6);
}

void ActorsAndNames(const Connect& connect) {
  const Cluster cluster = connect();
  const auto log = cluster.Create<Log>();
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    expected.push_back(std::to_string(i) + std::string(i % 7 == 0 ? 150 * kKiB : 1, 'x'));
    log.Call<&Log::Append>(expected.back());
  }
  CHECK(log.Call<&Log::Lines>().Get(kPatience).value() == expected);

  const auto counter = cluster.With(ActorOptions{.name = "steps"}).Create<Counter>(cluster.Put(10));
  CHECK(cluster.Submit<IncrementTwice>(counter).Get(kPatience).value() == 12);
  CHECK(counter.Call<&Counter::Increment>(cluster.Submit<Add>(1, 2)).Get(kPatience).value() == 15);
  CHECK(cluster.FindActor<Counter>("steps").value() == counter);
  CheckError(cluster.FindActor<Log>("steps").status(), Cause::kTypeMismatch, {"\"steps\"", "Counter", "Log"});
  CheckError(cluster.FindActor<Counter>("stepps").status(), Cause::kActorDied, {"no actor is named \"stepps\""});
  const auto second = cluster.With(ActorOptions{.name = "steps"}).Create<Counter>(0);
  CheckError(second.Call<&Counter::Increment>(1).Get(kPatience).status(), Cause::kInvalidArgument,
             {"actor", "Counter \"steps\" can't be made: the name \"steps\"", "is taken"});
  const auto [value, twice] = counter.CallAll<&Counter::Twice>();
  CHECK(value.Get(kPatience).value() == 15);
  CHECK(twice.Get(kPatience).value() == 30);
  CheckError(counter.Call<&Counter::Throw>("oh no").Get(kPatience).status(), Cause::kTaskThrew,
             {"Counter::Throw threw: oh no", "on node local"});
  CHECK(counter.Call<&Counter::Increment>(1).Get(kPatience).value() == 16);
  CheckError(counter.With(CallOptions{.concurrency_group = "io"}).Call<&Counter::Increment>(1).Get(kPatience).status(),
             Cause::kInvalidArgument, {"the actor has no concurrency group \"io\"; it has the default one"});
  const auto grouped = cluster.With(ActorOptions{.concurrency_groups = {{"io", 2}}}).Create<Counter>(1);
  CHECK(grouped.With(CallOptions{.concurrency_group = "io"}).Call<&Counter::Increment>(1).Get(kPatience).value() == 2);
}

void EndsOfActors(const Connect& connect) {
  const Cluster cluster = connect();
  CheckError(cluster.Create<Counter>(-1).Call<&Counter::Increment>(1).Get(kPatience).status(), Cause::kActorDied,
             {"Counter could not be made: ", "threw: a counter can't be negative"});
  CheckError(
      cluster.Create<Counter>(cluster.Submit<Throw>("rotten")).Call<&Counter::Increment>(1).Get(kPatience).status(),
      Cause::kActorDied, {"could not be made", "rotten"});
  {
    const auto counter = cluster.With(ActorOptions{.name = "short"}).Create<Counter>(1);
    REQUIRE(counter.Call<&Counter::Increment>(1).Get(kPatience).ok());
  }
  CHECK(WaitUntil([&] { return !cluster.FindActor<Counter>("short").ok(); }));

  const auto victim = cluster.With(ActorOptions{.name = "victim"}).Create<Counter>(1);
  REQUIRE(victim.Call<&Counter::Increment>(1).Get(kPatience).ok());
  CHECK(cluster.Kill(victim).ok());
  CheckError(victim.Call<&Counter::Increment>(1).Get(kPatience).status(), Cause::kActorDied,
             {"Counter \"victim\" was killed"});
  CHECK(cluster.Kill(victim).ok());
  CHECK_FALSE(cluster.FindActor<Counter>("victim").ok());

  const auto again = cluster.With(ActorOptions{.max_restarts = 1}).Create<Counter>(7);
  CHECK(again.Call<&Counter::Increment>(1).Get(kPatience).value() == 8);
  CHECK(cluster.Kill(again, {.no_restart = false}).ok());
  CHECK(WaitUntil([&] {
    const auto value = again.Call<&Counter::Increment>(0).Get(kPatience);
    return value.ok() && *value == 7;
  }));
}

void Streams(const Connect& connect) {
  const Cluster cluster = connect();
  std::vector<absl::StatusOr<int>> read;
  ObjectStream<int> failing = cluster.Submit<CountThenFail>(100);
  for (const absl::StatusOr<int>& item : failing) read.push_back(item);
  REQUIRE(read.size() == 101);
  CHECK(read[99].value() == 99);
  CheckError(read[100].status(), Cause::kTaskThrew, {"the tape ends here"});
  {
    ObjectStream<int> dropped = cluster.Submit<CountForEver>();
    CHECK(dropped.Next(kPatience).value() == 0);
    CHECK(dropped.Next(kPatience).value() == 1);
  }
  ObjectStream<Array<int>> blocks = cluster.Submit<Blocks>(3);
  for (int i = 0; i < 2; ++i) CHECK((*blocks.Next(kPatience).value())[49'999] == i);
  CHECK(blocks.NextRef(kPatience).value()->Get(kPatience).value()[1] == 2);
  CHECK(blocks.NextRef(kPatience).value() == std::nullopt);
  CHECK(blocks.end_of_task().Get(kPatience).ok());

  const auto counter = cluster.Create<Counter>(5);
  ObjectStream<int> counted = counter.Call<&Counter::CountTo>(8);
  std::vector<int> items;
  while (const std::optional<int> item = counted.Next(kPatience).value()) items.push_back(*item);
  CHECK(items == std::vector<int>{5, 6, 7});
}

boost::asio::awaitable<int> Tree(int depth) {
  if (depth == 0) co_return 1;
  const Cluster cluster = Cluster::Current();
  const ObjectRef<int> left = cluster.Submit<Tree>(depth - 1);
  const ObjectRef<int> right = cluster.Submit<Tree>(depth - 1);
  const int sum = (co_await left).value();
  co_return sum + (co_await right).value();
}
boost::asio::awaitable<absl::StatusOr<int>> GetInside(ObjectRef<int> ref) { co_return ref.Get(); }

void Coroutines(const Connect& connect) {
  const Cluster cluster = connect();
  CHECK(cluster.Submit<Tree>(4).Get(kPatience).value() == 16);
  CheckError(cluster.Submit<GetInside>(cluster.Put(1)).Get(kPatience).status(), Cause::kTaskThrew,
             {"GetInside returned: Get in ", "co_await"});
}

boost::asio::awaitable<int> AwaitAll(const Cluster& cluster) {
  const ObjectRef<int> three = cluster.Submit<Add>(1, 2);
  int sum = (co_await three).value();
  ObjectStream<int> stream = cluster.Submit<CountThenFail>(10);
  while (true) {
    const auto item = co_await stream.Next(boost::asio::use_awaitable);
    if (!item.ok()) break;
    sum += item->value();
  }
  co_return sum;
}

void Awaiting(const Connect& connect) {
  const Cluster cluster = connect();
  boost::asio::io_context context;
  auto sum = boost::asio::co_spawn(context, AwaitAll(cluster), boost::asio::use_future);
  context.run();
  CHECK(sum.get() == 48);
}

void Shutdowns(const Connect& connect) {
  std::optional<Cluster> cluster = connect();
  const ObjectRef<int> done = cluster->Submit<Add>(1, 2);
  REQUIRE(done.Get(kPatience).ok());
  const auto counter = cluster->Create<Counter>(1);
  const TaskSubmitter submitter = cluster->With(TaskOptions{});
  cluster->Shutdown();
  CheckError(cluster->Submit<Add>(1, 2).Get(kPatience).status(), Cause::kDisconnected, {"shut down"});
  CheckError(cluster->Put(1).Get(kPatience).status(), Cause::kDisconnected, {"shut down"});
  CheckError(cluster->FindActor<Counter>("x").status(), Cause::kDisconnected, {});
  CheckError(cluster->NodesJson().status(), Cause::kDisconnected, {});
  cluster.reset();
  CheckError(counter.Call<&Counter::Increment>(1).Get(kPatience).status(), Cause::kDisconnected, {});
  CheckError(submitter.Submit<Add>(1, 2).Get(kPatience).status(), Cause::kDisconnected, {});
  const Cluster next = connect();
  CHECK(next.Submit<Add>(1, 2).Get(kPatience).value() == 3);
}

}  // namespace

const std::vector<ProgramScenario>& ProgramScenarios() {
  static const std::vector<ProgramScenario> scenarios = {
      {"tasks and references", TasksAndReferences},
      {"several results", SeveralResults},
      {"values and arrays", ValuesAndArrays},
      {"exceptions and retries", Exceptions},
      {"wrong calls", WrongCalls},
      {"what is of another cluster", Foreigners},
      {"actors and names", ActorsAndNames},
      {"ends of actors", EndsOfActors},
      {"streams", Streams},
      {"awaiting", Awaiting},
      {"coroutines", Coroutines},
      {"shutdowns", Shutdowns},
  };
  return scenarios;
}

}  // namespace ioc

// Waiting in coroutines, on io_contexts of the user's own, for what real worker processes make.
#include <absl/time/time.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "iocluster/asio.h"
#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace asio = boost::asio;

namespace ioc {
namespace {

using asio::awaitable;
using asio::use_awaitable;
using Catch::Contains;

int Add(int a, int b) { return a + b; }
int Throw(const std::string& why) { throw std::runtime_error(why); }
std::string MakeText(size_t size) { return std::string(size, 't'); }
void Count(int to, Yield<int>& yield) {
  for (int n = 0; n < to && yield(n); ++n) {
  }
}
void Texts(int count, size_t size, Yield<std::string>& yield) {
  for (int n = 0; n < count && yield(std::string(size, static_cast<char>('a' + n))); ++n) {
  }
}
int RunUntilCancelled() {
  WaitUntil(Cancelled);
  return 0;
}

// Runs a coroutine to its end on a context of this thread's.
template <typename T>
T RunHere(awaitable<T> coroutine) {
  asio::io_context context;
  auto result = asio::co_spawn(context, std::move(coroutine), asio::use_future);
  context.run();
  return result.get();
}

awaitable<int> Chain(const Cluster& cluster, int length) {
  int sum = 0;
  for (int i = 0; i < length; ++i) {
    const ObjectRef<int> ref = cluster.Submit<Add>(sum, 1);
    sum = (co_await ref).value();
  }
  co_return sum;
}

TEST_CASE("References are awaited on a context of the user's, small ones, large ones and errors") {
  const Cluster cluster = Embedded();
  CHECK(RunHere(Chain(cluster, 50)) == 50);
  const auto all = [](const Cluster& cluster) -> awaitable<std::vector<std::string>> {
    std::vector<std::string> seen;
    const ObjectRef<std::string> text = cluster.Submit<MakeText>(300 * kKiB);
    seen.push_back(std::to_string((co_await text).value().size()));
    const ObjectRef<int> failed = cluster.Submit<Throw>("no luck today");
    const absl::StatusOr<int> error = co_await failed;
    seen.emplace_back(error.status().message());
    co_return seen;
  };
  const std::vector<std::string> seen = RunHere(all(cluster));
  CHECK(seen[0] == "307200");
  CHECK_THAT(seen[1], Contains("Throw threw: no luck today (on node local, attempt 1)"));
}

TEST_CASE("A wait ends at its deadline or when it is cancelled, and the task goes on") {
  using boost::asio::experimental::awaitable_operators::operator||;
  const Cluster cluster = Embedded();
  const ObjectRef<int> running = cluster.Submit<RunUntilCancelled>();
  const auto late = [](const ObjectRef<int>& ref) -> awaitable<absl::Status> {
    co_return (co_await AsyncGet(ref, absl::Milliseconds(20), use_awaitable)).status();
  };
  CHECK(CauseOf(RunHere(late(running))) == Cause::kDeadline);
  const auto first = [](const ObjectRef<int>& ref) -> awaitable<size_t> {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(20));
    const auto ended = co_await (AsyncGet(ref, use_awaitable) || timer.async_wait(use_awaitable));
    co_return ended.index();
  };
  CHECK(RunHere(first(running)) == 1);
  CHECK_FALSE(running.ready());
  CHECK(cluster.Cancel(running).ok());
  CHECK(CauseOf(RunHere(late(running))) == Cause::kCancelled);
}

TEST_CASE("A stream's items are awaited, small ones and large ones, to their end") {
  const Cluster cluster = Embedded();
  const auto read = [](ObjectStream<int> numbers, ObjectStream<std::string> texts) -> awaitable<std::vector<int>> {
    std::vector<int> items;
    while (true) {
      const auto number = co_await numbers.Next(use_awaitable);
      if (!number.value().has_value()) break;
      items.push_back(**number);
    }
    while (true) {
      const auto text = co_await AsyncNext(texts, kPatience, use_awaitable);
      if (!text.value().has_value()) break;
      items.push_back(static_cast<int>((*text)->size()) + (*text)->front());
    }
    co_return items;
  };
  std::vector<int> expected(500);
  std::iota(expected.begin(), expected.end(), 0);
  for (int i = 0; i < 3; ++i) expected.push_back(200'000 + 'a' + i);
  CHECK(RunHere(read(cluster.Submit<Count>(500), cluster.Submit<Texts>(3, size_t{200'000}))) == expected);
}

TEST_CASE("Several threads await on contexts of their own, while others block") {
  const Cluster cluster = Embedded();
  std::vector<int> sums(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < sums.size(); ++i) {
    threads.emplace_back([&, i] {
      if (i % 2 == 0) {
        sums[i] = RunHere(Chain(cluster, 50));
      } else {
        for (int n = 0; n < 50; ++n) sums[i] = cluster.Submit<Add>(sums[i], 1).Get(kPatience).value();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(sums == std::vector<int>(4, 50));
}

TEST_CASE("Waits end when the cluster is shut down") {
  Cluster cluster = Embedded();
  const ObjectRef<int> running = cluster.Submit<RunUntilCancelled>();
  asio::io_context context;
  std::optional<absl::Status> ended;
  AsyncGet(running, asio::bind_executor(context, [&](const absl::StatusOr<int>& v) { ended = v.status(); }));
  cluster.Shutdown();
  context.run();
  REQUIRE(ended.has_value());
  CHECK(CauseOf(*ended) == Cause::kDisconnected);
}

}  // namespace
}  // namespace ioc

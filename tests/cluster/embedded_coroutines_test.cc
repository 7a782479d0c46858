// Tasks and methods that are coroutines, in real worker processes.
#include <absl/time/time.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
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

awaitable<int> Tree(int depth) {
  if (depth == 0) co_return 1;
  const Cluster cluster = Cluster::Current();
  const ObjectRef<int> left = cluster.Submit<Tree>(depth - 1);
  const ObjectRef<int> right = cluster.Submit<Tree>(depth - 1);
  const int sum = (co_await left).value();
  co_return sum + (co_await right).value();
}

awaitable<size_t> LengthOf(const std::string& text, const Array<int>& numbers) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await timer.async_wait(use_awaitable);
  co_return text.size() + numbers.size();
}

awaitable<std::string> BlockInside() {
  const ObjectRef<int> ref = Cluster::Current().Submit<Add>(1, 2);
  const std::string refused(ref.Get().status().message());
  const bool none = Cluster::Current().Wait({ref}, 1).ready.empty();  // just looks: the task can't have ended yet
  const int sum = (co_await ref).value();
  co_return refused + " " + std::to_string(sum) + (none ? "" : " at once");
}

awaitable<void> ThrowInside() {
  throw std::runtime_error("thrown inside");
  co_return;
}

// Says in the actor when it was cancelled.
class Witness {
 public:
  void Say(const std::string& word) { words_.push_back(word); }
  std::vector<std::string> Words() const { return words_; }

 private:
  std::vector<std::string> words_;
};

awaitable<void> WaitLong(ActorHandle<Witness> witness) {
  const ObjectRef<void> told = witness.Call<&Witness::Say>("waits");
  co_await told;
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  try {
    co_await timer.async_wait(use_awaitable);
  } catch (const boost::system::system_error& error) {
    if (Cancelled() && error.code() == asio::error::operation_aborted) witness.Call<&Witness::Say>("cancelled");
  }
}

// Calls that meet: each waits for all others.
class Meeting {
 public:
  awaitable<int> Join(int wanted) {
    ++here_;
    while (here_ < wanted) {
      asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
      co_await timer.async_wait(use_awaitable);
    }
    co_return here_;
  }
  // Not while another call runs, if calls come one by one.
  awaitable<int> Alone() {
    const int before = ++inside_;
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(use_awaitable);
    --inside_;
    co_return before;
  }
  int Plain(int x) const { return x; }

 private:
  int here_ = 0;
  int inside_ = 0;
};

TEST_CASE("Tasks that are coroutines await tasks of their own, on one CPU") {
  const Cluster cluster = Embedded({.cpus = 1});
  CHECK(cluster.Submit<Tree>(4).Get(kPatience).value() == 16);
}

TEST_CASE("A coroutine's arguments live as long as it does") {
  const Cluster cluster = Embedded();
  Array<int> numbers = cluster.NewArray<int>({100'000}).value();
  const ObjectRef<std::string> text = cluster.Put(std::string(200'000, 'x'));
  CHECK(cluster.Submit<LengthOf>(text, cluster.Put(std::move(numbers))).Get(kPatience).value() == 300'000);
}

TEST_CASE("A Get in a coroutine is refused, and its exceptions arrive with node and attempt") {
  const Cluster cluster = Embedded();
  const std::string told = cluster.Submit<BlockInside>().Get(kPatience).value();
  CHECK_THAT(told, Contains("BlockInside") && Contains("co_await") && Contains(" 3"));
  const absl::Status thrown = cluster.Submit<ThrowInside>().Get(kPatience);
  CHECK(CauseOf(thrown) == Cause::kTaskThrew);
  CHECK_THAT(std::string(thrown.message()), Contains("ThrowInside threw: thrown inside (on node local, attempt 1)"));
}

TEST_CASE("Cancelling a coroutine ends what it waits for") {
  const Cluster cluster = Embedded();
  const auto witness = cluster.Create<Witness>();
  const ObjectRef<void> waiting = cluster.With(TaskOptions{.max_retries = 0}).Submit<WaitLong>(witness);
  CHECK(WaitUntil([&] { return !witness.Call<&Witness::Words>().Get(kPatience).value().empty(); }));
  CHECK(cluster.Cancel(waiting).ok());
  CHECK(CauseOf(waiting.Get(kPatience)) == Cause::kCancelled);
  CHECK(WaitUntil([&] { return witness.Call<&Witness::Words>().Get(kPatience).value().size() == 2; }));
  CHECK(cluster.Submit<Add>(1, 2).Get(kPatience).value() == 3);
}

TEST_CASE("An actor's coroutines run at once, as many as max_concurrency says, and one by one otherwise") {
  const Cluster cluster = Embedded();
  const auto meeting = cluster.With(ActorOptions{.max_concurrency = 100}).Create<Meeting>();
  std::vector<ObjectRef<int>> joined;
  for (int i = 0; i < 100; ++i) joined.push_back(meeting.Call<&Meeting::Join>(100));
  CHECK(cluster.Get(joined, kPatience).value() == std::vector<int>(100, 100));
  CHECK(meeting.Call<&Meeting::Plain>(5).Get(kPatience).value() == 5);

  const auto single = cluster.Create<Meeting>();
  std::vector<ObjectRef<int>> alone;
  for (int i = 0; i < 20; ++i) alone.push_back(single.Call<&Meeting::Alone>());
  CHECK(cluster.Get(alone, kPatience).value() == std::vector<int>(20, 1));
}

}  // namespace
}  // namespace ioc

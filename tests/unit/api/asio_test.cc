// Waiting by way of Asio, on a runtime that settles references when the test says so.
#include "iocluster/asio.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "iocluster/cluster.h"
#include "tests/unit/api/fake_runtime.h"

namespace asio = boost::asio;

namespace ioc {
namespace {

using asio::awaitable;

// A value as the runtime has it.
template <typename T>
std::string Encoded(const T& value) {
  std::string bytes;
  Encoder out(bytes, internal::kMaxInlineBytes);
  internal::WriteTop(out, value);
  out.Finish();
  return bytes;
}

struct Fixture {
  ~Fixture() { CHECK(runtime.live_targets == 0); }

  FakeRuntime runtime;
  bool shut_down = false;
  Cluster cluster{std::make_unique<FakeState>(runtime, shut_down)};
};

awaitable<int> Double(const std::string& text, int x) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await timer.async_wait(asio::use_awaitable);
  co_return static_cast<int>(text.size()) * 2 * x;
}
awaitable<void> Fail() {
  throw std::runtime_error("no luck in here");
  co_return;
}
awaitable<absl::StatusOr<std::string>> Refuse() { co_return absl::NotFoundError("not here"); }
awaitable<std::tuple<int, std::string>> Both() { co_return std::tuple<int, std::string>(1, "one"); }
awaitable<std::string> GetInside() {
  const ObjectRef<int> ref = Cluster::Current().Put(1);
  const int awaited = (co_await ref).value();
  co_return std::to_string(awaited) + std::string(ref.Get().status().message());
}

struct Cell {
  awaitable<int> Add(int by) {
    value += by;
    co_return value;
  }
  int value = 1;
};

awaitable<std::vector<std::string>> ReadThrice(ObjectRef<std::string> text) {
  std::vector<std::string> seen;
  seen.push_back((co_await text).value());
  seen.push_back((co_await ObjectRef<std::string>(text)).value());
  seen.push_back((co_await AsyncGet(text, asio::use_awaitable)).value());
  co_return seen;
}

TEST_CASE_METHOD(Fixture, "A reference that is there already is awaited") {
  asio::io_context context;
  auto seen = asio::co_spawn(context, ReadThrice(cluster.Put("here")), asio::use_future);
  context.run();
  CHECK(seen.get() == std::vector<std::string>{"here", "here", "here"});
}

TEST_CASE_METHOD(Fixture,
                 "A reference is awaited until another thread settles it, and the context has work until then") {
  asio::io_context context;
  const internal::Ref pending = runtime.MakePending();
  std::optional<absl::StatusOr<int>> got;
  AsyncGet(ObjectRef<int>(pending), asio::bind_executor(context, [&](absl::StatusOr<int> value) { got = value; }));
  CHECK(context.poll() == 0);
  CHECK_FALSE(context.stopped());
  std::thread([&] { runtime.Settle(pending, Encoded(7)); }).join();
  CHECK_FALSE(got.has_value());  // the handler runs where it belongs
  context.run();
  REQUIRE(got.has_value());
  CHECK(got->value() == 7);
}

TEST_CASE_METHOD(Fixture, "A value that had to make room before it was taken is waited for anew") {
  asio::io_context context;
  runtime.evictions = 2;
  auto seen = asio::co_spawn(context, ReadThrice(cluster.Put("here")), asio::use_future);
  context.run();
  CHECK(seen.get() == std::vector<std::string>{"here", "here", "here"});
  CHECK(runtime.evictions == 0);
}

TEST_CASE_METHOD(Fixture, "Any completion token will do") {
  asio::io_context context;
  std::future<absl::StatusOr<int>> future = AsyncGet(cluster.Put(3), asio::bind_executor(context, asio::use_future));
  context.run();
  CHECK(future.get().value() == 3);
}

TEST_CASE_METHOD(Fixture, "The timeout goes to the runtime, and an error is the result") {
  asio::io_context context;
  std::optional<absl::Status> got;
  const ObjectRef<void> failed(runtime.PutError(MakeError(Cause::kActorDied, "it fell")));
  AsyncGet(failed, absl::Seconds(5), asio::bind_executor(context, [&](const absl::Status& status) { got = status; }));
  CHECK(runtime.last_deadline == absl::UnixEpoch() + absl::Seconds(5));
  context.run();
  REQUIRE(got.has_value());
  CHECK(CauseOf(*got) == Cause::kActorDied);
}

TEST_CASE_METHOD(Fixture, "An empty reference is an error") {
  asio::io_context context;
  std::optional<absl::Status> got;
  AsyncGet(ObjectRef<int>(), asio::bind_executor(context, [&](const absl::StatusOr<int>& v) { got = v.status(); }));
  context.run();
  REQUIRE(got.has_value());
  CHECK(CauseOf(*got) == Cause::kInvalidArgument);
}

TEST_CASE_METHOD(Fixture, "A cancellation slot ends the wait, and nothing else") {
  asio::io_context context;
  const internal::Ref pending = runtime.MakePending();
  asio::cancellation_signal signal;
  std::vector<absl::Status> got;
  const auto wait = [&] {
    AsyncGet(
        ObjectRef<int>(pending),
        asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(context, [&](const absl::StatusOr<int>& value) {
                                       got.push_back(value.status());
                                     })));
  };
  wait();
  signal.emit(asio::cancellation_type::terminal);
  CHECK(runtime.listening() == 0);
  context.run();
  REQUIRE(got.size() == 1);
  CHECK(CauseOf(got[0]) == Cause::kCancelled);

  // One that comes too late changes nothing.
  context.restart();
  wait();
  runtime.Settle(pending, Encoded(7));
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  signal.emit(asio::cancellation_type::terminal);
  REQUIRE(got.size() == 2);
  CHECK(got[1].ok());
}

TEST_CASE_METHOD(Fixture, "A context that is destroyed takes its waits along") {
  const internal::Ref pending = runtime.MakePending();
  const auto witness = std::make_shared<int>(1);
  {
    asio::io_context context;
    AsyncGet(ObjectRef<int>(pending), asio::bind_executor(context, [witness](const absl::StatusOr<int>&) { FAIL(); }));
    auto await = [](internal::Ref ref, std::shared_ptr<int> kept) -> awaitable<void> {
      co_await ObjectRef<int>(ref);
      kept = nullptr;
    };
    asio::co_spawn(context, await(pending, witness), [](const std::exception_ptr&) { FAIL(); });
    context.poll();
    CHECK(runtime.listening() == 2);
    CHECK(witness.use_count() > 2);
  }
  CHECK(runtime.listening() == 0);
  CHECK(witness.use_count() == 1);
  runtime.Settle(pending, Encoded(7));
}

TEST_CASE_METHOD(Fixture, "Waits of many threads on many contexts end where they began") {
  constexpr int kThreads = 4;
  constexpr int kWaits = 200;
  std::vector<internal::Ref> pending;
  for (int i = 0; i < kWaits; ++i) pending.push_back(runtime.MakePending());
  std::vector<int> sums(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      asio::io_context context;
      const std::thread::id here = std::this_thread::get_id();
      for (const internal::Ref& ref : pending) {
        AsyncGet(ObjectRef<int>(ref), asio::bind_executor(context, [&, t, here](const absl::StatusOr<int>& value) {
                   if (std::this_thread::get_id() == here) sums[t] += value.value();
                 }));
      }
      context.run();
    });
  }
  for (int i = 0; i < kWaits; ++i) runtime.Settle(pending[i], Encoded(i));
  for (std::thread& thread : threads) thread.join();
  CHECK(sums == std::vector<int>(kThreads, kWaits * (kWaits - 1) / 2));
  CHECK(runtime.listening() == 0);
}

TEST_CASE_METHOD(Fixture, "A function that returns an awaitable runs to its end") {
  CHECK(cluster.Submit<Double>("abc", cluster.Put(5)).Get().value() == 30);
  const auto [one, text] = cluster.SubmitAll<Both>();
  CHECK(one.Get().value() == 1);
  CHECK(text.Get().value() == "one");
  const auto cell = cluster.Create<Cell>();
  CHECK(cell.Call<&Cell::Add>(2).Get().value() == 3);
}

TEST_CASE_METHOD(Fixture, "What a coroutine throws or returns as an error is its reference's error") {
  const absl::Status thrown = cluster.Submit<Fail>().Get();
  CHECK(CauseOf(thrown) == Cause::kTaskThrew);
  CHECK_THAT(std::string(thrown.message()), Catch::Contains("Fail threw: no luck in here"));
  const absl::Status refused = cluster.Submit<Refuse>().Get().status();
  CHECK(CauseOf(refused) == Cause::kTaskThrew);
  CHECK_THAT(std::string(refused.message()), Catch::Contains("not here"));
}

TEST_CASE_METHOD(Fixture, "A Get that waits in a coroutine is refused with what to write instead") {
  CHECK_THAT(cluster.Submit<GetInside>().Get().value(), Catch::StartsWith("1Get in ") && Catch::Contains("co_await"));
}

}  // namespace
}  // namespace ioc

#include "runtime/local/local_runtime.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "iocluster/asio.h"
#include "iocluster/cluster.h"
#include "iocluster/internal/cluster_state.h"
#include "lib/env_asio/asio_env.h"

namespace asio = boost::asio;

namespace ioc {
namespace {

using Catch::Contains;

constexpr absl::Duration kPatience = absl::Seconds(60);

class State final : public internal::ClusterState {
 public:
  explicit State(LocalRuntime* runtime) : runtime_(runtime) {}
  ~State() override { runtime_->Release(); }
  internal::Runtime& runtime() override { return *runtime_; }
  void Shutdown() override {
    internal::SetCurrentRuntime(nullptr);
    runtime_->Shutdown();
  }

 private:
  LocalRuntime* const runtime_;
};

struct Fixture {
  Fixture() { internal::SetCurrentRuntime(runtime); }
  // Nothing is left of what a test has made.
  ~Fixture() { CHECK(runtime->objects() == 0); }

  LocalRuntime* const runtime = new LocalRuntime(std::make_shared<AsioEnv>(AsioEnvOptions{.background_thread = false}),
                                                 LocalOptions{.store_bytes = 64 * kMiB});
  Cluster cluster{std::make_unique<State>(runtime)};
};

size_t Threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

thread_local int runs = 0;  // of Run, on this thread

int Run(int x) {
  ++runs;
  return x;
}

class Cell {
 public:
  explicit Cell(int value) : value_(value) {}
  int Add(int by) { return value_ += by; }
  // Calls itself, and says what the value was then; the call's result goes to another actor.
  int AddLater(const ActorHandle<Cell>& self, int by, const ActorHandle<Cell>& witness) {
    witness.Call<&Cell::Add>(self.Call<&Cell::Add>(by));
    return value_;
  }
  std::string GetOfItself(const ActorHandle<Cell>& self) {
    const absl::StatusOr<int> got = self.Call<&Cell::Add>(1).Get();
    return got.ok() ? std::to_string(*got) : std::string(got.status().message());
  }
  std::string CancelBehind(const ActorHandle<Cell>& self) {
    const ObjectRef<int> behind = self.Call<&Cell::Add>(1000);
    const Cluster cluster = Cluster::Current();
    static_cast<void>(cluster.Cancel(behind));
    return std::string(behind.Get(absl::ZeroDuration()).status().message());
  }
  int KillItself(const ActorHandle<Cell>& self) {
    static_cast<void>(Cluster::Current().Kill(self));
    return value_;
  }
  asio::awaitable<int> AddSlowly(int by) {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    const ObjectRef<int> more = Cluster::Current().Submit<Run>(by);
    co_return value_ += (co_await more).value();
  }

 private:
  int value_;
};

int Fail() { throw std::runtime_error("no luck"); }
void Endless(Yield<int>& yield) {
  for (int i = 0; yield(i); ++i) {
  }
}
// A call that is being run on another thread, and one that waits behind it.
struct Latches {
  std::promise<void> begun;
  std::promise<void> awaited;
  std::promise<void> got;
};
Latches* latches = nullptr;

class Gate {
 public:
  // Ends when another thread waits for the call behind this one.
  int Hold() {
    latches->begun.set_value();
    latches->awaited.get_future().wait();
    for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
    return 1;
  }
  int Next() { return 2; }
};

// Goes on in the middle of its task until the other thread has what it waits for.
int HoldAndWait(const ActorHandle<Gate>& gate) {
  const int held = gate.Call<&Gate::Hold>().Get().value();
  latches->got.get_future().wait();
  return held;
}

asio::awaitable<int> AwaitTwice(int x) {
  const ObjectRef<int> first = Cluster::Current().Submit<Run>(x);
  const int got = (co_await first).value();
  const ObjectRef<int> second = Cluster::Current().Submit<Run>(got + 1);
  co_return (co_await second).value();
}
asio::awaitable<std::string> BlockInside() {
  const ObjectRef<int> ref = Cluster::Current().Submit<Run>(1);
  co_return std::string(ref.Get().status().message());
}

struct Link {
  int number = 0;
  ObjectRef<std::vector<Link>> next;
};

TEST_CASE_METHOD(Fixture, "A task runs inside Submit, on the caller's thread, and nothing else is started") {
  const size_t threads = Threads();
  runs = 0;
  const ObjectRef<int> ref = cluster.Submit<Run>(5);
  CHECK(runs == 1);
  CHECK(ref.ready());
  CHECK(ref.Get().value() == 5);
  const auto cell = cluster.Create<Cell>(1);
  CHECK(cell.Call<&Cell::Add>(2).Get().value() == 3);
  CHECK(Threads() == threads);
  CHECK(cluster.node_name() == "local");
  CHECK_THAT(cluster.NodesJson().value(), Contains("\"local\""));
}

TEST_CASE_METHOD(Fixture, "A call of an actor that is in the middle of another runs after that one") {
  const auto cell = cluster.Create<Cell>(1);
  const auto witness = cluster.Create<Cell>(100);
  CHECK(cell.Call<&Cell::AddLater>(cell, 10, witness).Get().value() == 1);
  CHECK(cell.Call<&Cell::Add>(0).Get().value() == 11);
  CHECK(witness.Call<&Cell::Add>(0).Get().value() == 111);
}

TEST_CASE_METHOD(Fixture, "An actor that waits for itself is told so, unless its calls may run within each other") {
  const auto cell = cluster.Create<Cell>(1);
  CHECK_THAT(cell.Call<&Cell::GetOfItself>(cell).Get().value(),
             Contains("Cell::Add") && Contains("Cell::GetOfItself") && Contains("a circular wait"));
  CHECK(cell.Call<&Cell::Add>(0).Get().value() == 2);  // it ran afterwards
  const auto wide = cluster.With(ActorOptions{.max_concurrency = 2}).Create<Cell>(1);
  CHECK(wide.Call<&Cell::GetOfItself>(wide).Get().value() == "2");
}

TEST_CASE_METHOD(Fixture, "A call that has not begun can be cancelled") {
  const auto cell = cluster.Create<Cell>(1);
  CHECK_THAT(cell.Call<&Cell::CancelBehind>(cell).Get().value(), Contains("call of") && Contains("was cancelled"));
  CHECK(cell.Call<&Cell::Add>(0).Get().value() == 1);
}

TEST_CASE_METHOD(Fixture, "An actor that kills itself ends when its call has") {
  const auto cell = cluster.Create<Cell>(1);
  const absl::Status during = cell.Call<&Cell::KillItself>(cell).Get().status();
  CHECK(CauseOf(during) == Cause::kActorDied);
  CHECK_THAT(std::string(during.message()), Contains("was killed"));
  CHECK(CauseOf(cell.Call<&Cell::Add>(1).Get().status()) == Cause::kActorDied);
}

TEST_CASE_METHOD(Fixture, "A detached actor lives without handles, until it is killed") {
  cluster.With(ActorOptions{.name = "kept", .lifetime = Lifetime::kDetached}).Create<Cell>(1);
  auto found = cluster.FindActor<Cell>("kept");
  if (found.ok()) {  // refused by releases without detached actors
    CHECK(found->Call<&Cell::Add>(1).Get().value() == 2);
    CHECK(cluster.Kill(*found).ok());
  }
  CHECK_FALSE(cluster.FindActor<Cell>("kept").ok());
}

TEST_CASE_METHOD(Fixture, "A stream that does not end is told so after a million items, and may be dropped") {
  ObjectStream<int> endless = cluster.Submit<Endless>();
  CHECK(endless.Next().value() == 0);
  ObjectStream<int> whole = cluster.Submit<Endless>();
  absl::StatusOr<std::optional<int>> item;
  size_t count = 0;
  while ((item = whole.Next()).ok()) ++count;
  CHECK(count == kMaxLocalStreamItems);
  CHECK(CauseOf(item.status()) == Cause::kStoreFull);
  CHECK_THAT(std::string(item.status().message()), Contains("Endless") && Contains("in local mode"));
}

TEST_CASE_METHOD(Fixture, "Chains of 100,000 values and of failures take no stack") {
  ObjectRef<std::vector<Link>> last;
  for (int i = 0; i < 100'000; ++i) last = cluster.Put(std::vector<Link>{Link{.number = i, .next = last}});
  last = {};
  CHECK(runtime->objects() == 0);
  ObjectRef<int> failed = cluster.Submit<Fail>();
  for (int i = 0; i < 100'000; ++i) failed = cluster.Submit<Run>(failed);
  CHECK_THAT(std::string(failed.Get().status().message()), Contains("Fail threw: no luck"));
  CHECK(failed.Get().status().message().size() < 8192);
}

TEST_CASE_METHOD(Fixture, "Large values are counted, and given back when nobody refers to them") {
  std::vector<ObjectRef<std::string>> kept;
  for (int i = 0; i < 6; ++i) kept.push_back(cluster.Put(std::string(10 * kMiB, 'x')));
  const absl::Status full = cluster.Put(std::string(10 * kMiB, 'x')).Get().status();
  CHECK(CauseOf(full) == Cause::kStoreFull);
  CHECK_THAT(std::string(full.message()), Contains("60 MiB of its 64 MiB are in use"));
  kept.clear();
  CHECK(cluster.Put(std::string(50 * kMiB, 'x')).Get().value().size() == 50 * kMiB);
}

TEST_CASE_METHOD(Fixture, "Coroutines run to their end inside Submit") {
  CHECK(cluster.Submit<AwaitTwice>(4).Get().value() == 5);
  const auto cell = cluster.Create<Cell>(1);
  CHECK(cell.Call<&Cell::AddSlowly>(3).Get().value() == 4);
  CHECK_THAT(cluster.Submit<BlockInside>().Get().value(), Contains("BlockInside") && Contains("co_await"));
}

TEST_CASE_METHOD(Fixture, "Threads share a cluster, and an actor's calls stay one by one") {
  constexpr int kThreads = 4;
  constexpr int kCalls = 300;
  const auto cell = cluster.Create<Cell>(0);
  std::vector<int> wrong(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const ObjectRef<int> own = cluster.Submit<Run>(i);
        const absl::StatusOr<int> sum = cell.Call<&Cell::Add>(1).Get(kPatience);
        if (own.Get(kPatience).value() != i || !sum.ok()) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(kThreads));
  CHECK(cell.Call<&Cell::Add>(0).Get().value() == kThreads * kCalls);
}

TEST_CASE_METHOD(Fixture, "A handle in an actor's own state, and a shutdown, leave nothing") {
  const auto cell = cluster.Create<Cell>(1);
  const ObjectRef<int> value = cell.Call<&Cell::Add>(1);
  CHECK(value.Get().value() == 2);
  cluster.Shutdown();
  CHECK(CauseOf(cell.Call<&Cell::Add>(1).Get().status()) == Cause::kDisconnected);
  CHECK(value.Get().value() == 2);
}

TEST_CASE_METHOD(Fixture, "A call that may run at last is run by who waits for it, if nobody else does") {
  Latches here;
  latches = &here;
  const auto gate = cluster.Create<Gate>();
  std::thread other([&] { CHECK(cluster.Submit<HoldAndWait>(gate).Get(kPatience).value() == 1); });
  here.begun.get_future().wait();
  const ObjectRef<int> next = gate.Call<&Gate::Next>();
  here.awaited.set_value();
  const absl::StatusOr<int> got = next.Get(kPatience);
  here.got.set_value();
  other.join();
  CHECK(got.value() == 2);
}

TEST_CASE_METHOD(Fixture, "A thread whose cluster was destroyed on another one is told so") {
  std::thread([moved = std::move(cluster)] {}).join();
  CHECK(CauseOf(Cluster::Current().Submit<Run>(1).Get().status()) == Cause::kDisconnected);
}

TEST_CASE("Current is what it was before when a later runtime is given up") {
  internal::RunContext task{.job = 7};
  internal::SetCurrentContext(&task);
  {
    Fixture inside;
    CHECK(internal::CurrentRuntime() == inside.runtime);
    inside.cluster.Shutdown();
    CHECK(internal::CurrentContext() == &task);
  }
  internal::SetCurrentContext(nullptr);
}

}  // namespace
}  // namespace ioc

// One cluster, used from many threads at once with every call that it has. For ThreadSanitizer as much as for the
// answers.
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "iocluster/asio.h"
#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

int Add(int a, int b) { return a + b; }
std::tuple<int, std::string> Both(int n) { return {n, std::to_string(n)}; }
std::vector<int> Three(int n) { return {n, n + 1, n + 2}; }
int64_t Sum(const Array<int>& numbers) { return std::accumulate(numbers.begin(), numbers.end(), int64_t{0}); }
int ReadOther(const std::vector<ObjectRef<int>>& refs) { return refs.front().Get().value(); }
void Count(int to, Yield<int>& yield) {
  for (int n = 0; n < to && yield(n); ++n) {
  }
}
int RunUntilCancelled() {
  WaitUntil(Cancelled);
  return 0;
}

class Cell {
 public:
  explicit Cell(int value) : value_(value) {}
  int Add(int by) { return value_ += by; }

 private:
  int value_;
};

// What all threads use; their own is named by the thread's number.
struct Shared {
  const Cluster cluster = Embedded();
  const ActorHandle<Cell> cell = cluster.With(ActorOptions{.name = "shared"}).Create<Cell>(0);
  const ObjectRef<int> number = cluster.Submit<Add>(20, 1);
  const TaskSubmitter plain = cluster.With(TaskOptions{.name = "plain"});
};

boost::asio::awaitable<int> AwaitSum(const Shared& shared) {
  const ObjectRef<int> one = shared.cluster.Submit<Add>(1, 2);
  const int sum = (co_await one).value() + (co_await shared.number).value();
  ObjectStream<int> stream = shared.cluster.Submit<Count>(3);
  const auto first = co_await stream.Next(boost::asio::use_awaitable);
  co_return sum + first->value_or(-1);
}

using Use = std::function<bool(const Shared&, int thread)>;  // whether the answers were right

const std::vector<Use>& Uses() {
  static const std::vector<Use> uses = {
      [](const Shared& shared, int thread) {
        const ObjectRef<int> a = shared.cluster.Submit<Add>(thread, 1);
        return shared.plain.Submit<Add>(a, shared.number).Get(kPatience).value() == thread + 22;
      },
      [](const Shared& shared, int thread) {
        const auto [number, text] = shared.cluster.SubmitAll<Both>(thread);
        const auto three = shared.cluster.With(TaskOptions{.num_returns = 3}).SubmitAll<Three>(thread);
        return shared.cluster.Get(three, kPatience).value()[2] == thread + 2 &&
               number.Get(kPatience).value() == thread && text.Get(kPatience).value() == std::to_string(thread);
      },
      [](const Shared& shared, int) {
        Array<int> array = shared.cluster.NewArray<int>({50'000}).value();
        std::fill(array.begin(), array.end(), 2);
        const ObjectRef<Array<int>> ref = shared.cluster.Put(std::move(array));
        return shared.cluster.Submit<Sum>(ref).Get(kPatience).value() == 100'000 &&
               ref.Get(kPatience).value()[49'999] == 2;
      },
      [](const Shared& shared, int) {
        std::vector<ObjectRef<int>> refs = {shared.number, shared.cluster.Put(1), shared.cluster.Submit<Add>(1, 1)};
        const bool read = shared.cluster.Submit<ReadOther>(refs).Get(kPatience).value() == 21;
        return read && shared.cluster.Wait(refs, refs.size(), kPatience).pending.empty() && refs[1].ready();
      },
      [](const Shared& shared, int) {
        const auto named = shared.cluster.FindActor<Cell>("shared");
        return named->Call<&Cell::Add>(1).Get(kPatience).ok() && shared.cell.Call<&Cell::Add>(1).Get(kPatience).ok();
      },
      [](const Shared& shared, int thread) {
        const std::string name = absl::StrCat("of thread ", thread);
        const auto own = shared.cluster.With(ActorOptions{.name = name}).Create<Cell>(thread);
        const bool right = own.Call<&Cell::Add>(1).Get(kPatience).value() == thread + 1;
        return shared.cluster.Kill(own).ok() && right &&
               CauseOf(own.Call<&Cell::Add>(1).Get(kPatience).status()) == Cause::kActorDied;
      },
      [](const Shared& shared, int) {
        const ObjectRef<int> running = shared.cluster.Submit<RunUntilCancelled>();
        return shared.cluster.Cancel(running).ok() && CauseOf(running.Get(kPatience).status()) == Cause::kCancelled;
      },
      [](const Shared& shared, int) {
        ObjectStream<int> stream = shared.cluster.Submit<Count>(100);
        int sum = 0;
        for (int i = 0; i < 50; ++i) sum += stream.Next(kPatience).value().value_or(-1000);
        return sum == 49 * 25;  // and the rest is dropped
      },
      [](const Shared& shared, int) {
        boost::asio::io_context context;
        auto sum = boost::asio::co_spawn(context, AwaitSum(shared), boost::asio::use_future);
        context.run();
        return sum.get() == 24;
      },
      [](const Shared& shared, int) {
        return shared.cluster.NodesJson().ok() && shared.cluster.node_name() == "local" &&
               CauseOf(ObjectRef<int>(shared.number).Get(absl::ZeroDuration()).status()) != Cause::kDisconnected;
      },
  };
  return uses;
}

TEST_CASE("Many threads use one cluster with all its calls at once") {
  constexpr int kThreads = 6;
  constexpr int kRounds = 3;
  const Shared shared;
  std::vector<std::string> wrong(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Each begins elsewhere, so that all calls meet all others.
      for (size_t i = 0; i < kRounds * Uses().size(); ++i) {
        const size_t use = (i + static_cast<size_t>(t) * 2) % Uses().size();
        if (!Uses()[use](shared, t)) absl::StrAppend(&wrong[t], use, " ");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<std::string>(kThreads));
  CHECK(shared.cell.Call<&Cell::Add>(0).Get(kPatience).value() == 2 * kThreads * kRounds);
}

}  // namespace
}  // namespace ioc

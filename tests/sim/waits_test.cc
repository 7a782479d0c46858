// Waiting without a thread (Runtime::WhenReady, on which iocluster/asio.h is built) in simulated clusters.
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/programs.h"
#include "tests/sim/scenario.h"

namespace ioc::sim {
namespace {

class Told final : public internal::ReadyListener {
 public:
  explicit Told(Executor& executor) : executor_(executor) {}
  void OnReady(const absl::Status& told) override {
    CHECK_FALSE(status.has_value());
    status = told;
    executor_.Notify(waiter);
  }

  std::optional<absl::Status> status;
  Waiter waiter;

 private:
  Executor& executor_;
};

std::shared_ptr<Told> Ask(Driver& driver, const internal::Ref& ref, absl::Duration timeout, bool for_item = false) {
  auto told = std::make_shared<Told>(driver.env.executor());
  const absl::Time deadline = driver.client.Deadline(timeout);
  if (for_item) {
    driver.client.WhenItemReady(ref, deadline, told);
  } else {
    driver.client.WhenReady(ref, deadline, told);
  }
  return told;
}

// What the listener was told, once it was.
absl::Status Await(Driver& driver, Told& told) {
  MutexLock lock(driver.env.executor().mutex());
  if (!told.status.has_value()) driver.env.executor().Await(told.waiter, driver.client.Deadline(absl::Minutes(5)));
  return told.status.value_or(absl::DeadlineExceededError("it was told nothing"));
}

TaskSubmitter Elsewhere(Driver& driver) {
  return driver.cluster.With(TaskOptions{.where = {.nodes = {SimCluster::NodeName(1)}}, .max_retries = 0});
}

TEST_CASE("what was awaited can be read at once, small values and large ones of another node") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const ObjectRef<int> small = Elsewhere(driver).Submit<WorkFor>(500, 7);
        const ObjectRef<Array<uint32_t>> large = Elsewhere(driver).Submit<MakeNumbersLater>(300, 200'000u);
        const auto small_told = Ask(driver, small.ref(), absl::Minutes(1));
        const auto large_told = Ask(driver, large.ref(), absl::Minutes(1));
        CHECK(Await(driver, *large_told).ok());
        CHECK(large.GetUntil(absl::InfinitePast()).value().size() == 200'000);
        CHECK(Await(driver, *small_told).ok());
        CHECK(small.GetUntil(absl::InfinitePast()).value() == 7);
        CHECK(Await(driver, *Ask(driver, large.ref(), absl::Minutes(1))).ok());
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("a wait ends at its deadline or when it is stopped, and may begin anew") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        const ObjectRef<int> slow = Elsewhere(driver).Submit<WorkFor>(20'000, 7);
        const auto late = Ask(driver, slow.ref(), absl::Seconds(1));
        const auto stopped = Ask(driver, slow.ref(), absl::InfiniteDuration());
        CHECK(CauseOf(Await(driver, *late)) == Cause::kDeadline);
        CHECK(driver.client.StopListening(*stopped));
        CHECK_FALSE(driver.client.StopListening(*stopped));
        CHECK(Await(driver, *Ask(driver, slow.ref(), absl::Minutes(1))).ok());
        CHECK_FALSE(stopped->status.has_value());
      }
      CheckQuiet(driver);
    });
  });
}

TEST_CASE("those who wait for what dies on the way are told, and Get says how") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([&](Driver& driver) {
      const ObjectRef<int> lost = Elsewhere(driver).Submit<WorkFor>(60'000, 7);
      const auto told = Ask(driver, lost.ref(), absl::InfiniteDuration());
      AwaitWork(driver, 1);
      for (SimEnv* worker : cluster.Workers(1)) cluster.world().Crash(*worker);
      CHECK(CauseOf(Await(driver, *told)) == Cause::kWorkerDied);
      CHECK(CauseOf(lost.GetUntil(absl::InfinitePast()).status()) == Cause::kWorkerDied);
    });
  });
}

TEST_CASE("a stream's items are awaited one by one, to its end") {
  RunSeeds({.nodes = 2}, [](SimCluster& cluster) {
    cluster.Drive([](Driver& driver) {
      {
        ObjectStream<int> numbers = Elsewhere(driver).Submit<CountSlowly>(50, 20);
        for (int expected = 0; expected < 50; ++expected) {
          REQUIRE(Await(driver, *Ask(driver, numbers.end_ref(), absl::Minutes(1), /*for_item=*/true)).ok());
          REQUIRE(numbers.Next(absl::ZeroDuration()).value() == expected);
        }
        REQUIRE(Await(driver, *Ask(driver, numbers.end_ref(), absl::Minutes(1), /*for_item=*/true)).ok());
        REQUIRE(numbers.Next(absl::ZeroDuration()).value() == std::nullopt);
      }
      CheckQuiet(driver);
    });
  });
}

}  // namespace
}  // namespace ioc::sim

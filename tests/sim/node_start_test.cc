// How a node begins where its head is late, or not there: in virtual time, so that how long it waits can be checked.
#include <absl/time/time.h>

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iocluster/status.h"
#include "lib/base/mutex.h"
#include "runtime/head/head.h"
#include "runtime/node/node.h"
#include "tests/sim/sim_env.h"
#include "tests/sim/world.h"

namespace ioc::sim {
namespace {

constexpr absl::Duration kLimit = absl::Minutes(1);

// A node whose head is to be at head:7000.
struct Scenario {
  Scenario() : head_machine(world.AddMachine({.name = "head"})) {
    SimMachine& machine = world.AddMachine({.name = "m0"});
    world.Start(machine, "node", [this](SimEnv& env, const std::vector<std::string>&) {
      Waiter never;
      MutexLock lock(env.executor().mutex());
      const Node node(
          env, {.head_address = "head:7000"}, [this](absl::Status status) { ready = std::move(status); },
          [](const absl::Status&) {});
      env.executor().Await(never, absl::InfiniteFuture());
      return 0;
    });
  }

  void StartHead() {
    world.Start(head_machine, "head", [](SimEnv& env, const std::vector<std::string>&) {
      Waiter never;
      MutexLock lock(env.executor().mutex());
      const auto head = Head::Start(env, {.listen_address = "0.0.0.0:7000", .insecure = true}, [] {});
      env.executor().Await(never, absl::InfiniteFuture());
      return head.ok() ? 0 : 1;
    });
  }

  World world{1};
  SimMachine& head_machine;
  std::optional<absl::Status> ready;
};

TEST_CASE("a node gives up soon where nothing listens") {
  Scenario scenario;
  const absl::Time start = scenario.world.Now();
  REQUIRE(scenario.world.RunUntil([&] { return scenario.ready.has_value(); }, kLimit));
  CHECK(scenario.world.Now() - start < absl::Seconds(3));
  CHECK(CauseOf(*scenario.ready) == Cause::kDisconnected);
  CHECK_THAT(std::string(scenario.ready->message()), Catch::Contains("head:7000"));
}

TEST_CASE("a node finds a head that is started together with it") {
  Scenario scenario;
  scenario.world.At(absl::Seconds(1), [&] { scenario.StartHead(); });
  REQUIRE(scenario.world.RunUntil([&] { return scenario.ready.has_value(); }, kLimit));
  CHECK(scenario.ready->ok());
}

}  // namespace
}  // namespace ioc::sim

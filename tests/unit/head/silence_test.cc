// Which nodes a head takes for dead, as time goes by.
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/head/head.h"
#include "tests/unit/rpc/channel_fixture.h"

namespace ioc {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);

// A head and one node, in a time that stands still between the test's steps.
class Fixture {
 public:
  Fixture() : head_(Head::Start(env, {.listen_address = "", .node_timeout = kTimeout}, [] {}).value()) {
    auto [near, far] = env.Connect();
    head_->Accept(std::move(far));
    node.channel = std::make_unique<Channel>(env, std::move(near), Channel::Side::kDialler,
                                             Hello{.role = Role::kNode, .name = "node n"}, node);
    RegisterNode request;
    request.info.address.node = NodeId(1);
    request.info.name = "n";
    node.channel->Call(request, absl::Seconds(1), [](const auto& reply) { REQUIRE(reply.ok()); });
    env.executor().RunUntilIdle();
  }
  ~Fixture() { node.channel.reset(); }

  LoopEnv env;
  Side node;

 private:
  const std::unique_ptr<Head> head_;
};

TEST_CASE("A node that says nothing for long is taken for dead") {
  Fixture f;
  f.env.executor().AdvanceBy(2 * kTimeout);
  CHECK(f.node.closed());
}

TEST_CASE("A head that itself stood still for long takes no node for dead that it has not listened to since") {
  Fixture f;
  f.env.executor().StandStill(2 * kTimeout);
  f.env.executor().RunUntilIdle();
  CHECK_FALSE(f.node.closed());
  f.node.channel->Notify(ReportResources{.version = 1});
  f.env.executor().AdvanceBy(kTimeout / 2);
  CHECK_FALSE(f.node.closed());
  f.env.executor().AdvanceBy(kTimeout);
  CHECK(f.node.closed());
}

}  // namespace
}  // namespace ioc

// Two processes that dial each other, over real sockets.
#include "runtime/client/peers.h"

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/env_asio/asio_env.h"

namespace ioc {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// A process with a door of its own.
class Process final : PeerHooks {
 public:
  Process(Env& env, uint64_t id) : table(env, *this) {
    address.process = ProcessId(id);
    listener_ = env.network()
                    .Listen("127.0.0.1:0", [this](std::unique_ptr<Connection> connection,
                                                  const Preamble&) { table.Accept(std::move(connection)); })
                    .value();
    address.node_address = listener_->address();
    table.SetSelf(Hello{.role = Role::kDriver, .process = address.process, .name = "a test"}, /*machine=*/id);
  }

  PeerTable table;
  ProcessAddress address;
  std::vector<ProcessId> gone;

 private:
  absl::Status OnPeerMessage(PeerLink&, FrameView) override { return absl::OkStatus(); }
  void OnPeerGone(Peer& peer, const absl::Status&) override { gone.push_back(peer.process); }

  std::unique_ptr<Listener> listener_;
};

class Fixture {
 public:
  Fixture() : env_({.log_sink = [](LogLevel, std::string_view) {}}) {
    env_.executor().mutex().lock();
    a = std::make_unique<Process>(env_, 1);
    b = std::make_unique<Process>(env_, 2);
  }
  ~Fixture() {
    a.reset();
    b.reset();
    env_.executor().mutex().unlock();
  }

  void Eventually(const std::function<bool()>& condition) {
    const absl::Time deadline = env_.executor().Now() + kPatience;
    while (!condition() && env_.executor().Now() < deadline) {
      Waiter waiter;
      env_.executor().Await(waiter, env_.executor().Now() + absl::Milliseconds(1));
    }
    REQUIRE(condition());
  }

  // Both have dialled before either was reached.
  void DialEachOther() {
    int reached = 0;
    a->table.With(b->address, [&](absl::StatusOr<Peer*> peer) { reached += peer.ok(); });
    b->table.With(a->address, [&](absl::StatusOr<Peer*> peer) { reached += peer.ok(); });
    Eventually([&] { return reached == 2 && LinksOf(*a, *b) == 2 && LinksOf(*b, *a) == 2; });
  }

  static size_t LinksOf(Process& process, const Process& other) {
    const Peer* peer = process.table.Find(other.address.process);
    return peer == nullptr ? 0 : peer->links.size();
  }

  std::unique_ptr<Process> a;
  std::unique_ptr<Process> b;

 private:
  AsioEnv env_;
};

TEST_CASE_METHOD(Fixture, "a peer is gone once, for both, when one of two connections breaks", "[peers]") {
  DialEachOther();
  const Peer* peer = b->table.Find(a->address.process);
  peer->links.back()->channel->Close(absl::InternalError("this one breaks"));
  Eventually([&] { return !a->gone.empty() && !b->gone.empty(); });
  CHECK(LinksOf(*a, *b) == 0);
  CHECK(LinksOf(*b, *a) == 0);
  CHECK(a->gone == std::vector<ProcessId>{b->address.process});
  CHECK(b->gone == std::vector<ProcessId>{a->address.process});
}

TEST_CASE_METHOD(Fixture, "a peer that is gone can be dialled again", "[peers]") {
  DialEachOther();
  a->table.Find(b->address.process)->channel().Close(absl::InternalError("this one breaks"));
  Eventually([&] { return !a->gone.empty() && !b->gone.empty(); });
  bool reached = false;
  a->table.With(b->address, [&](absl::StatusOr<Peer*> again) { reached = again.ok(); });
  Eventually([&] { return reached && LinksOf(*b, *a) == 1; });
}

TEST_CASE_METHOD(Fixture, "who waits for a process without a door is told when the table goes before that", "[peers]") {
  absl::Status told;
  a->table.With({.process = ProcessId(3)}, [&](const absl::StatusOr<Peer*>& peer) { told = peer.status(); });
  a.reset();
  CHECK(CauseOf(told) == Cause::kDisconnected);
  bool later = false;
  b->table.With({.process = ProcessId(4)}, [&](const absl::StatusOr<Peer*>&) { later = true; });
  Eventually([&] { return later; });  // what was put off for the table that is gone has run, and did nothing
}

}  // namespace
}  // namespace ioc

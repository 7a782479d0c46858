// Connections in the simulated world.
#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>

#include "iocluster/status.h"
#include "tests/sim/sim_link.h"
#include "tests/sim/test_peer.h"

namespace ioc::sim {
namespace {

// Two machines with a process each; `right` listens, `left` has dialled.
struct TwoPeers {
  explicit TwoPeers(uint64_t seed, WorldOptions options = {}) : world(seed, options) {
    MutexLock lock_right(right_env.executor().mutex());
    MutexLock lock_left(left_env.executor().mutex());
    right.Listen("0.0.0.0:7000");
    left.Dial(right.listener->address());
  }
  bool Connect() {
    return world.RunUntil([&] { return left.connection != nullptr && right.connection != nullptr; }, absl::Seconds(5));
  }

  World world;
  SimMachine& a = world.AddMachine({.name = "a"});
  SimMachine& b = world.AddMachine({.name = "b"});
  SimEnv& left_env = world.AddProcess(a, "left");
  SimEnv& right_env = world.AddProcess(b, "right");
  TestPeer left{left_env};
  TestPeer right{right_env};
};

struct Outcome {
  uint64_t hash = 0;
  std::vector<absl::Time> times;
};

// Both sides send at random times.
Outcome Chat(uint64_t seed) {
  TwoPeers t(seed);
  REQUIRE(t.Connect());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(t.left.Send(absl::StrCat("left ", i)).ok());
    REQUIRE(t.right.Send(absl::StrCat("right ", i)).ok());
    t.world.RunFor(t.world.random().Between({absl::ZeroDuration(), absl::Milliseconds(5)}));
  }
  REQUIRE(
      t.world.RunUntil([&] { return t.left.frames.size() == 100 && t.right.frames.size() == 100; }, absl::Seconds(5)));
  for (int i = 0; i < 100; ++i) CHECK(t.right.frames[i] == absl::StrCat("left ", i));
  return {t.world.trace_hash(), t.right.times};
}

TEST_CASE("SameSeedSameTrace") {
  const Outcome first = Chat(1);
  const Outcome again = Chat(1);
  const Outcome other = Chat(2);
  CHECK(first.hash == again.hash);
  CHECK(first.times == again.times);
  CHECK(first.hash != other.hash);
  CHECK(first.times != other.times);
}

TEST_CASE("DialDeliversThePreamble") {
  TwoPeers t(3);
  REQUIRE(t.Connect());
  CHECK(t.right.wanted.target == Target::kHead);
  CHECK(t.right.wanted.id == 7);
  CHECK(t.right.listener->address() == "10.0.0.2:7000");
  CHECK(t.left.connection->peer().description == "10.0.0.2:7000");
  CHECK_FALSE(t.left.connection->peer().same_machine);
}

TEST_CASE("FramesTakeTheLinksLatency") {
  TwoPeers t(4);
  t.world.SetLink(t.a, t.b, {.latency = absl::Milliseconds(50), .bytes_per_second = 1e6});
  REQUIRE(t.Connect());
  const absl::Time start = t.world.Now();
  REQUIRE(t.left.Send(std::string(100'000, 'x')).ok());
  REQUIRE(t.world.RunUntil([&] { return t.right.frames.size() == 1; }, absl::Seconds(1)));
  // 100 ms of serialisation, 50 ms of latency, 5 ms of jitter, 1 ms until the flush.
  CHECK(t.world.Now() - start >= absl::Milliseconds(150));
  CHECK(t.world.Now() - start <= absl::Milliseconds(157));
}

TEST_CASE("PartitionHoldsFramesUntilItHeals") {
  TwoPeers t(5);
  REQUIRE(t.Connect());
  t.world.PartitionOneWay(t.a, t.b);
  for (int i = 0; i < 10; ++i) REQUIRE(t.left.Send(absl::StrCat(i)).ok());
  REQUIRE(t.right.Send("back").ok());
  t.world.RunFor(absl::Seconds(5));
  CHECK(t.right.frames.empty());
  CHECK(t.left.frames == std::vector<std::string>{"back"});
  CHECK(t.left.connection->unsent_bytes() > 0);
  // What is under way when it heals does not overtake what was held.
  REQUIRE(t.left.Send("10").ok());
  {
    MutexLock lock(t.left_env.executor().mutex());
    t.left.connection->Flush();
  }
  t.world.Heal(t.a, t.b);
  REQUIRE(t.left.Send("11").ok());
  REQUIRE(t.world.RunUntil([&] { return t.right.frames.size() == 12; }, absl::Seconds(1)));
  for (int i = 0; i < 12; ++i) CHECK(t.right.frames[i] == absl::StrCat(i));
  t.world.RunFor(absl::Seconds(60));
  CHECK(t.left.closed.ok());
}

TEST_CASE("LongPartitionBreaksConnections") {
  TwoPeers t(6);
  REQUIRE(t.Connect());
  t.world.Partition(t.a, t.b);
  t.world.RunFor(absl::Seconds(14));
  CHECK(t.left.closed.ok());
  t.world.RunFor(absl::Seconds(2));
  CHECK(CauseOf(t.left.closed) == Cause::kDisconnected);
  CHECK(CauseOf(t.right.closed) == Cause::kDisconnected);
  CHECK(t.left.closed.message() == "the connection to 10.0.0.2:7000 timed out: the network is cut");
}

TEST_CASE("DialDuringPartitionEndsByItsTimeoutOrSucceedsAfterIt") {
  TwoPeers t(7);
  t.world.Partition(t.a, t.b);
  SECTION("timeout") {
    t.world.RunFor(absl::Seconds(11));
    CHECK(CauseOf(t.left.dialled) == Cause::kDeadline);
    CHECK(t.right.connection == nullptr);
  }
  SECTION("healed") {
    t.world.RunFor(absl::Seconds(5));
    t.world.HealAll();
    CHECK(t.Connect());
  }
}

TEST_CASE("DisconnectIsSeenByBothSides") {
  TwoPeers t(8);
  REQUIRE(t.Connect());
  t.world.Disconnect(t.a, t.b);
  CHECK(t.left.closed.ok());  // not from within a function of the connection's
  t.world.RunFor(absl::Milliseconds(1));
  CHECK(CauseOf(t.left.closed) == Cause::kDisconnected);
  CHECK(CauseOf(t.right.closed) == Cause::kDisconnected);
}

TEST_CASE("ClosingLosesWhatIsNotFlushed") {
  TwoPeers t(9);
  REQUIRE(t.Connect());
  REQUIRE(t.left.Send("flushed").ok());
  {
    MutexLock lock(t.left_env.executor().mutex());
    t.left.connection->Flush();
    REQUIRE(t.left.connection->Send({}, Bytes("lost"), {}, {}).ok());
    t.left.connection = nullptr;
  }
  t.world.RunFor(absl::Seconds(1));
  CHECK(t.right.frames == std::vector<std::string>{"flushed"});
  CHECK(t.right.closed.message() == "the connection to 10.0.0.1:40000 was closed by the peer");
}

TEST_CASE("FramesBeforeStartAreKept") {
  TwoPeers t(10);
  REQUIRE(t.Connect());
  SimEnv& other = t.world.AddProcess(t.b, "other");
  auto [ours, theirs] = SimLink::Connect(t.world, t.right_env, other);
  TestPeer peer(other);
  TestPeer sender(t.right_env);
  sender.connection = std::move(ours);
  REQUIRE(sender.Send("early").ok());
  t.world.RunFor(absl::Seconds(1));
  {
    MutexLock lock(other.executor().mutex());
    peer.Use(std::move(theirs));
  }
  CHECK(peer.frames.empty());
  t.world.RunFor(absl::Seconds(1));
  CHECK(peer.frames == std::vector<std::string>{"early"});
}

TEST_CASE("AddressesAreChecked") {
  World world(11);
  SimMachine& a = world.AddMachine();
  SimMachine& b = world.AddMachine();
  SimEnv& env = world.AddProcess(a, "p");
  SimEnv& other = world.AddProcess(b, "q");
  TestPeer peer(env);
  TestPeer dialler(other);
  MutexLock lock(env.executor().mutex());
  peer.Listen("127.0.0.1:7000");
  const auto listen = [&](std::string_view address) { return env.network().Listen(address, nullptr).status(); };
  CHECK(listen("m1:7000").message() == "can't listen on m1:7000 of m1: it is in use");
  CHECK(listen("10.0.0.2:1").message() == "can't listen on 10.0.0.2:1: 10.0.0.2 is not an address of m1");
  CHECK(CauseOf(listen("nonsense")) == Cause::kInvalidArgument);
  CHECK(env.network().Listen("m1:0", nullptr).value()->address() == "m1:40000");
  peer.listener = nullptr;
  peer.Listen("127.0.0.1:7000");

  const auto dial = [&](std::string_view address) {
    dialler.dialled = absl::OkStatus();
    dialler.Dial(address);
    world.RunFor(absl::Seconds(1));
    return std::string(dialler.dialled.message());
  };
  env.executor().mutex().unlock();
  CHECK(dial("m1:7000") == "can't dial m1:7000: nobody listens there");
  CHECK(dial("m9:7000") == "can't dial m9:7000: there is no such host");
  CHECK(dial("unix:x") == "can't dial unix:x: nobody listens there");
  CHECK(dial("m1") == "'m1' is no address; use HOST:PORT or unix:NAME");
  env.executor().mutex().lock();
}

TEST_CASE("CancelledDialCallsNobody") {
  TwoPeers t(12);
  t.left.dialling = nullptr;
  t.world.RunFor(absl::Seconds(20));
  CHECK(t.left.connection == nullptr);
  CHECK(t.left.dialled.ok());
}

TEST_CASE("BadFramesAreRefused") {
  TwoPeers t(13);
  REQUIRE(t.Connect());
  CHECK_FALSE(t.left.Send(std::string(kMaxBodyBytes + 8, 'x')).ok());
  std::vector<Attachment> attachments;
  attachments.emplace_back(t.left_env.CreateSharedMemory("m", 4096).value());
  CHECK(t.left.Send("x", std::move(attachments)).message() ==
        "a frame to 10.0.0.2:7000 has 1 attachments; 0 are allowed");
  t.world.RunFor(absl::Seconds(1));
  CHECK(t.right.frames.empty());
}

TEST_CASE("SlowReaderEndsTheConnection") {
  TwoPeers t(14);
  REQUIRE(t.Connect());
  t.world.Partition(t.a, t.b);
  const std::string big(kMaxBodyBytes, 'x');
  for (int i = 0; i < 16; ++i) REQUIRE(t.left.Send(big).ok());
  t.world.RunFor(absl::Seconds(1));
  CHECK(t.left.closed.message() ==
        "the connection to 10.0.0.2:7000 is ended: more than 268435456 bytes wait to be sent");
}

TEST_CASE("AttachmentsMoveBetweenProcessesOfAMachine") {
  World world(15);
  SimMachine& machine = world.AddMachine();
  SimMachine& far_away = world.AddMachine();
  SimEnv& node = world.AddProcess(machine, "node");
  SimEnv& worker = world.AddProcess(machine, "worker");
  SimEnv& client = world.AddProcess(far_away, "client");
  TestPeer to_worker(node);
  TestPeer to_node(worker);
  TestPeer handed_over(worker);
  TestPeer dialler(client);
  auto [ours, theirs] = SimLink::Connect(world, node, worker);
  std::unique_ptr<Connection> accepted;
  std::unique_ptr<Listener> listener;
  {
    MutexLock lock(node.executor().mutex());
    to_worker.Use(std::move(ours));
    listener = node.network()
                   .Listen("m1:0", [&](std::unique_ptr<Connection> connection,
                                       const Preamble&) { accepted = std::move(connection); })
                   .value();
  }
  {
    MutexLock lock(worker.executor().mutex());
    to_node.Use(std::move(theirs));
  }
  {
    MutexLock lock(client.executor().mutex());
    dialler.Dial(listener->address());
  }
  REQUIRE(world.RunUntil([&] { return accepted != nullptr && dialler.connection != nullptr; }, absl::Seconds(5)));
  REQUIRE(dialler.Send("for the worker").ok());
  world.RunFor(absl::Seconds(1));

  const auto memory = node.CreateSharedMemory("store", 1 << 20).value();
  REQUIRE(memory->Commit(0, 4096).ok());
  memory->data()[17] = std::byte{42};
  std::vector<Attachment> attachments;
  attachments.emplace_back(memory);
  attachments.emplace_back(std::move(accepted));
  REQUIRE(to_worker.Send("take these", std::move(attachments)).ok());
  REQUIRE(world.RunUntil([&] { return to_node.attachments.size() == 2; }, absl::Seconds(1)));
  CHECK(std::get<std::shared_ptr<SharedMemory>>(to_node.attachments[0])->data()[17] == std::byte{42});
  {
    MutexLock lock(worker.executor().mutex());
    handed_over.Use(std::move(std::get<std::unique_ptr<Connection>>(to_node.attachments[1])));
  }
  REQUIRE(world.RunUntil([&] { return handed_over.frames.size() == 1; }, absl::Seconds(1)));
  CHECK(handed_over.frames[0] == "for the worker");
  // The connection belongs to the worker now: it outlives the node and dies with the worker.
  world.Crash(node);
  world.RunFor(absl::Seconds(1));
  CHECK(dialler.closed.ok());
  CHECK_FALSE(to_node.closed.ok());
  world.Crash(worker);
  world.RunFor(absl::Seconds(1));
  CHECK_FALSE(dialler.closed.ok());
}

TEST_CASE("PowerCutIsNoticedByTimeout") {
  TwoPeers t(16);
  REQUIRE(t.Connect());
  t.world.CrashMachine(t.b);
  t.world.RunFor(absl::Seconds(14));
  CHECK(t.left.closed.ok());
  t.world.RunFor(absl::Seconds(2));
  CHECK(CauseOf(t.left.closed) == Cause::kDisconnected);
  t.world.RestartMachine(t.b);
  SimEnv& again_env = t.world.AddProcess(t.b, "again");
  TestPeer again(again_env);
  {
    MutexLock lock(again_env.executor().mutex());
    again.Listen("b:7000");
  }
  {
    MutexLock lock(t.left_env.executor().mutex());
    t.left.Dial("b:7000");
  }
  CHECK(t.world.RunUntil([&] { return again.connection != nullptr; }, absl::Seconds(5)));
}

}  // namespace
}  // namespace ioc::sim

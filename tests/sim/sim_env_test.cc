// Time, fibres, processes, files and memory of the simulated world.
#include "tests/sim/sim_env.h"

#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "iocluster/status.h"
#include "tests/sim/test_peer.h"

namespace ioc::sim {
namespace {

// Waits without end, unless somebody notifies `waiter`.
void AwaitForever(SimEnv& env) {
  MutexLock lock(env.executor().mutex());
  Waiter waiter;
  env.executor().Await(waiter, absl::InfiniteFuture());
}

void SleepFor(SimEnv& env, absl::Duration duration) {
  MutexLock lock(env.executor().mutex());
  Waiter waiter;
  env.executor().Await(waiter, env.executor().Now() + duration);
}

// Counts how often it is destroyed.
class Witness {
 public:
  explicit Witness(int& count) : count_(&count) {}
  Witness(const Witness&) = delete;
  ~Witness() { ++*count_; }

 private:
  int* const count_;
};

struct OneProcess {
  explicit OneProcess(uint64_t seed) : world(seed) {}
  World world;
  SimMachine& machine = world.AddMachine();
  SimEnv& env = world.AddProcess(machine, "p");
};

TEST_CASE("TimersRunInOrderOfVirtualTime") {
  OneProcess t(1);
  SimExecutor& executor = t.env.executor();
  std::vector<int> order;
  const absl::Time start = executor.Now();
  TimerId cancelled = 0;
  {
    MutexLock lock(executor.mutex());
    executor.Schedule(absl::Hours(2), [&] { order.push_back(3); });
    executor.Schedule(absl::Seconds(1), [&] {
      order.push_back(2);
      CHECK(executor.Now() == start + absl::Seconds(1));
    });
    cancelled = executor.Schedule(absl::Seconds(2), [&] { order.push_back(4); });
    executor.Post([&] { order.push_back(1); });
    executor.CancelTimer(cancelled);
    executor.CancelTimer(0);
  }
  t.world.RunFor(absl::Hours(3));
  CHECK(order == std::vector<int>{1, 2, 3});
  CHECK(executor.Now() == start + absl::Hours(3));
}

TEST_CASE("ClocksOfMachinesDiffer") {
  World world(2);
  SimEnv& a = world.AddProcess(world.AddMachine(), "a");
  SimEnv& b = world.AddProcess(world.AddMachine({.clock_offset = absl::Seconds(3)}), "b");
  CHECK(b.executor().Now() - a.executor().Now() == absl::Seconds(3));
  SleepFor(b, absl::Seconds(1));
  CHECK(b.executor().Now() - a.executor().Now() == absl::Seconds(3));
}

TEST_CASE("DeferredWorkRunsAtTheEndOfTheTurn") {
  struct Note final : Deferred {
    explicit Note(std::vector<std::string>& notes) : notes(notes) {}
    void RunDeferred() override { notes.push_back("deferred"); }
    std::vector<std::string>& notes;
  };
  OneProcess t(3);
  std::vector<std::string> notes;
  Note first(notes);
  Note second(notes);
  Note third(notes);
  SimExecutor& executor = t.env.executor();
  executor.Post([&] {
    for (Note* note : {&first, &second, &third, &first}) executor.Defer(*note);
    executor.Undefer(second);
    notes.push_back("turn");
  });
  executor.Post([&] { notes.push_back("next turn"); });
  t.world.RunFor(absl::Seconds(1));
  CHECK(notes == std::vector<std::string>{"turn", "deferred", "deferred", "next turn"});
  {
    MutexLock lock(executor.mutex());
    executor.Defer(third);
  }
  t.world.RunFor(absl::Milliseconds(1));
  CHECK(notes.size() == 5);
}

TEST_CASE("FibresWaitForEachOther") {
  OneProcess t(4);
  SimExecutor& executor = t.env.executor();
  std::vector<std::string> notes;
  Waiter ping;
  Waiter pong;
  const auto player = [&](std::string name, Waiter& mine, Waiter& other, bool begins) {
    return [&, name, begins] {
      MutexLock lock(executor.mutex());
      if (begins) executor.Notify(other);
      for (int i = 0; i < 3; ++i) {
        REQUIRE(executor.Await(mine, absl::InfiniteFuture()));
        mine.notified = false;
        notes.push_back(absl::StrCat(name, i));
        executor.Notify(other);
      }
    };
  };
  auto a = executor.StartThread("a", player("a", ping, pong, false));
  auto b = executor.StartThread("b", player("b", pong, ping, true));
  a = nullptr;  // runs the world until they have ended
  b = nullptr;
  CHECK(notes == std::vector<std::string>{"a0", "b0", "a1", "b1", "a2", "b2"});
}

TEST_CASE("AwaitEndsByItsDeadline") {
  OneProcess t(5);
  SimExecutor& executor = t.env.executor();
  bool done = false;
  const auto thread = executor.StartThread("t", [&] {
    MutexLock lock(executor.mutex());
    Waiter waiter;
    const absl::Time deadline = executor.Now() + absl::Minutes(10);
    CHECK_FALSE(executor.Await(waiter, deadline));
    CHECK(executor.Now() == deadline);
    CHECK_FALSE(executor.Await(waiter, deadline));  // past already
    done = true;
  });
  CHECK(t.world.RunUntil([&] { return done; }, absl::Minutes(11)));
}

TEST_CASE("TheTestItselfMayWait") {
  OneProcess t(6);
  SimExecutor& executor = t.env.executor();
  MutexLock lock(executor.mutex());
  Waiter waiter;
  executor.Schedule(absl::Seconds(5), [&] { executor.Notify(waiter); });
  CHECK_FALSE(executor.Await(waiter, executor.Now() + absl::Seconds(1)));
  CHECK(executor.Await(waiter, absl::InfiniteFuture()));
}

TEST_CASE("ExceptionsOfAFibreAreItsOwn") {
  OneProcess t(7);
  int caught = 0;
  const auto body = [&](std::string text) {
    return [&, text] {
      try {
        throw std::runtime_error(text);
      } catch (const std::runtime_error& error) {
        SleepFor(t.env, absl::Seconds(1));  // the other fibre throws meanwhile
        CHECK(error.what() == text);
        try {
          throw;
        } catch (const std::runtime_error& again) {
          CHECK(again.what() == text);
          ++caught;
        }
      }
    };
  };
  {
    const auto a = t.env.executor().StartThread("a", body("a"));
    const auto b = t.env.executor().StartThread("b", body("b"));
  }
  CHECK(caught == 2);
}

thread_local void* user_context = nullptr;

TEST_CASE("FibresHaveTheirOwnThreadLocals") {
  WorldOptions options;
  options.fibers.thread_local_hooks = {.get = [] { return user_context; },
                                       .set = [](void* value) { user_context = value; }};
  World world(8, options);
  SimEnv& env = world.AddProcess(world.AddMachine(), "p");
  int values[2] = {};
  const auto body = [&](int& value) {
    return [&] {
      CHECK(user_context == nullptr);
      user_context = &value;
      SleepFor(env, absl::Seconds(1));
      CHECK(user_context == &value);
    };
  };
  {
    const auto a = env.executor().StartThread("a", body(values[0]));
    const auto b = env.executor().StartThread("b", body(values[1]));
  }
  CHECK(user_context == nullptr);
}

TEST_CASE("CrashIsSeenByThePeerAndRunsNoFurtherCode") {
  World world(9);
  SimMachine& a = world.AddMachine({.name = "a"});
  SimMachine& b = world.AddMachine({.name = "b"});
  SimEnv& watcher_env = world.AddProcess(b, "watcher");
  TestPeer watcher(watcher_env);
  {
    MutexLock lock(watcher_env.executor().mutex());
    watcher.Listen("b:1");
  }
  int destroyed = 0;
  int ran_on = 0;
  int ticks = 0;
  SimEnv& victim = world.Start(a, "victim", [&](SimEnv& env, const std::vector<std::string>&) {
    const Witness witness(destroyed);
    TestPeer peer(env);
    struct SendsAtTheEnd {
      TestPeer& peer;
      ~SendsAtTheEnd() { static_cast<void>(peer.Send("last words")); }
    } last_words{peer};
    {
      MutexLock lock(env.executor().mutex());
      peer.Dial("b:1");
      for (int i = 1; i < 100; ++i) env.executor().Schedule(absl::Seconds(i), [&] { ++ticks; });
    }
    const auto thread = env.executor().StartThread("t", [&] {
      const Witness witness(destroyed);
      AwaitForever(env);
      ++ran_on;
    });
    AwaitForever(env);
    ++ran_on;
    return 0;
  });
  world.RunFor(absl::Milliseconds(1500));
  REQUIRE(watcher.connection != nullptr);
  CHECK(ticks == 1);
  world.Crash(victim);
  CHECK(destroyed == 2);
  world.RunFor(absl::Minutes(10));
  CHECK(ticks == 1);
  CHECK(ran_on == 0);
  CHECK(watcher.frames.empty());
  CHECK(watcher.closed.message() == "the connection to 10.0.0.1:40000 broke: the process there has ended");
  CHECK(Describe(*victim.exit_status()) == "was killed by signal 9 (Killed)");
}

TEST_CASE("CrashDuringAWaitInADestructor") {
  World world(10);
  int after = 0;
  int destroyed = 0;
  SimEnv& victim = world.Start(world.AddMachine(), "victim", [&](SimEnv& env, const std::vector<std::string>&) {
    auto kept = std::make_unique<std::string>("reachable from the abandoned stack only, yet no leak");
    struct Waits {
      SimEnv& env;
      ~Waits() { AwaitForever(env); }
    };
    const auto thread = env.executor().StartThread("other", [&] {
      const Witness witness(destroyed);
      AwaitForever(env);
    });
    { const Waits waits{env}; }
    ++after;
    return static_cast<int>(kept->size());
  });
  world.RunFor(absl::Seconds(1));
  world.Crash(victim);
  CHECK(after == 0);
  CHECK(destroyed == 1);
}

TEST_CASE("DestructorsThatWaitWhileUnwindingGoOn") {
  World world(11);
  int waited = 0;
  SimEnv& victim = world.Start(world.AddMachine(), "victim", [&](SimEnv& env, const std::vector<std::string>&) {
    struct Waits {
      SimEnv& env;
      int& waited;
      ~Waits() {
        const absl::Time deadline = env.executor().Now() + absl::Seconds(10);
        while (env.executor().Now() < deadline) SleepFor(env, absl::Seconds(1));
        ++waited;
      }
    } waits{env, waited};
    AwaitForever(env);
    return 0;
  });
  world.RunFor(absl::Seconds(1));
  world.Crash(victim);
  CHECK(waited == 1);
}

TEST_CASE("CrashBeforeAFibreHasRun") {
  World world(12);
  int destroyed = 0;
  bool ran = false;
  SimEnv& env = world.AddProcess(world.AddMachine(), "p");
  const auto thread =
      env.executor().StartThread("t", [&, witness = std::make_unique<Witness>(destroyed)] { ran = true; });
  world.Crash(env);
  CHECK(destroyed == 1);
  world.RunFor(absl::Seconds(1));
  CHECK_FALSE(ran);
}

// A node that starts one worker and notes how it ends.
struct NodeAndWorker {
  explicit NodeAndWorker(uint64_t seed) : world(seed) {}

  absl::Status Spawn(std::string program, std::vector<std::string> arguments = {}) {
    MutexLock lock(node.executor().mutex());
    auto spawned = node.processes().Spawn(
        {.program = std::move(program), .arguments = std::move(arguments), .environment = {{"KEY", "value"}}},
        [this](const ExitStatus& status) { exit = status; });
    if (!spawned.ok()) return spawned.status();
    child = *std::move(spawned);
    to_worker.Use(child->TakeConnection());
    return absl::OkStatus();
  }
  // What a worker does in these tests: greets, then obeys.
  static int Worker(SimEnv& env, const std::vector<std::string>& arguments) {
    TestPeer parent(env);
    Waiter waiter;
    std::string order;
    {
      MutexLock lock(env.executor().mutex());
      parent.Use(env.TakeParent());
      parent.on_frame = [&](const std::string& text) {
        order = text;
        env.executor().Notify(waiter);
      };
    }
    REQUIRE(parent.Send(absl::StrCat("hello ", arguments.at(0), " ", env.environment("KEY"))).ok());
    MutexLock lock(env.executor().mutex());
    env.executor().Await(waiter, env.executor().Now() + absl::Seconds(30));
    env.Log(LogLevel::kWarning, "about to end");
    if (order.starts_with("exit")) env.Exit(41);
    if (order.starts_with("throw")) throw std::runtime_error("unhandled");
    return parent.closed.ok() ? 3 : 4;
  }

  World world;
  SimMachine& machine = world.AddMachine({.name = "m"});
  SimEnv& node = world.AddProcess(machine, "node");
  TestPeer to_worker{node};
  std::optional<ExitStatus> exit;
  std::unique_ptr<Child> child;
};

TEST_CASE("ATemplatesChildrenAreItsProgramEachWithItsOwnEnvironment") {
  NodeAndWorker t(14);
  std::vector<std::string> seen;
  t.world.RegisterProgram("/bin/program", [&](SimEnv& env, const std::vector<std::string>& arguments) {
    seen.push_back(absl::StrCat(arguments.at(0), env.environment("OWN"), env.environment("DEFAULT")));
    return 3;
  });
  std::vector<int> codes;
  std::vector<std::unique_ptr<Child>> children;
  {
    MutexLock lock(t.node.executor().mutex());
    const auto processes = t.node.processes().MakeTemplate(
        {.program = "/bin/program", .arguments = {"x"}, .defaults = {{"DEFAULT", "d"}}});
    for (const char* own : {"1", "2", "3"}) {
      children.push_back(
          processes->Fork({{"OWN", own}}, [&](const ExitStatus& exit) { codes.push_back(exit.code); }).value());
    }
  }
  REQUIRE(t.world.RunUntil([&] { return codes.size() == 3; }, absl::Seconds(1)));
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::string>{"x1d", "x2d", "x3d"});
  CHECK(codes == std::vector<int>{3, 3, 3});
  MutexLock lock(t.node.executor().mutex());
  CHECK_FALSE(t.node.processes().MakeTemplate({.program = "/no/such"})->Fork({}, nullptr).ok());
}

TEST_CASE("SpawnedProgramTalksToItsParentAndEnds") {
  NodeAndWorker t(13);
  t.world.RegisterProgram("/bin/worker", NodeAndWorker::Worker);
  REQUIRE(t.Spawn("/bin/worker", {"there"}).ok());
  REQUIRE(t.world.RunUntil([&] { return t.to_worker.frames.size() == 1; }, absl::Seconds(1)));
  CHECK(t.to_worker.frames[0] == "hello there value");
  const auto run_on = [&] { return t.world.RunUntil([&] { return t.exit.has_value(); }, absl::Minutes(1)); };
  SECTION("by returning") {
    REQUIRE(run_on());
    CHECK(t.exit->code == 3);
    CHECK(t.exit->stderr_tail == "about to end\n");
  }
  SECTION("by exit") {
    REQUIRE(t.to_worker.Send("exit").ok());
    REQUIRE(run_on());
    CHECK(Describe(*t.exit) == "exited with code 41");
  }
  SECTION("by an exception") {
    REQUIRE(t.to_worker.Send("throw").ok());
    REQUIRE(run_on());
    CHECK(t.exit->signal == 6);
    CHECK(t.exit->stderr_tail == "about to end\nterminate called: unhandled\n");
  }
  SECTION("by being killed") {
    {
      MutexLock lock(t.node.executor().mutex());
      t.child->Kill();
    }
    REQUIRE(run_on());
    CHECK(t.exit->signal == 9);
  }
  SECTION("by a crash") {
    CHECK(t.world.Crash(t.child->pid()));
    REQUIRE(run_on());
    CHECK(t.exit->signal == 9);
  }
  SECTION("unnoticed, as its handle is gone") {
    SimEnv& worker = *t.world.FindProcess(t.child->pid());
    {
      MutexLock lock(t.node.executor().mutex());
      t.child = nullptr;
    }
    CHECK_FALSE(worker.alive());
    CHECK_FALSE(run_on());
  }
  t.world.RunFor(absl::Seconds(1));
  CHECK_FALSE(t.to_worker.closed.ok());
}

TEST_CASE("ChildrenOfADeadParentNotice") {
  NodeAndWorker t(14);
  t.world.RegisterProgram("/bin/worker", NodeAndWorker::Worker);
  REQUIRE(t.Spawn("/bin/worker", {"there"}).ok());
  t.world.RunFor(absl::Seconds(1));
  SimEnv& worker = *t.world.FindProcess(t.child->pid());
  t.world.Crash(t.node);
  t.child = nullptr;  // a dead process kills nobody
  CHECK(worker.alive());
  t.world.RunFor(absl::Minutes(1));
  REQUIRE_FALSE(worker.alive());
  CHECK(worker.exit_status()->code == 4);
  CHECK_FALSE(t.exit.has_value());
}

TEST_CASE("CopiesOfAProgramAreThatProgram") {
  NodeAndWorker t(15);
  SimMachine& elsewhere = t.world.AddMachine();
  t.world.RegisterProgram("/home/a/program", NodeAndWorker::Worker, &elsewhere);
  CHECK(CauseOf(t.Spawn("/home/a/program")) == Cause::kProgramMissing);

  SimEnv& driver = t.world.AddProcess(elsewhere, "driver");
  const auto reader = driver.files().Open("/home/a/program").value();
  const auto writer = t.node.files().Create(t.node.files().CacheDirectory() + "/program").value();
  for (uint64_t offset = 0; offset < reader->size(); offset += 10) {
    const std::string piece = reader->Read(offset, 10).value();
    REQUIRE(writer->Append(std::as_bytes(std::span(piece))).ok());
  }
  const std::string path = t.node.files().CacheDirectory() + "/program";
  CHECK_FALSE(t.node.files().Exists(path));
  REQUIRE(writer->Commit(true).ok());
  CHECK(t.node.files().Exists(path));
  REQUIRE(t.Spawn(path, {"copy"}).ok());
  REQUIRE(t.world.RunUntil([&] { return t.to_worker.frames.size() == 1; }, absl::Seconds(1)));
}

TEST_CASE("FilesOfAMachine") {
  OneProcess t(16);
  SimFiles& files = t.env.files();
  const auto writer = files.Create("/data/x").value();
  REQUIRE(writer->Append(std::as_bytes(std::span("hello", 5))).ok());
  REQUIRE(writer->Commit(false).ok());
  const auto reader = files.Open("/data/x").value();
  CHECK(reader->size() == 5);
  CHECK(reader->Read(3, 100).value() == "lo");
  CHECK(reader->Read(5, 100).value().empty());
  SimEnv& other = t.world.AddProcess(t.world.AddMachine(), "other");
  CHECK_FALSE(other.files().Exists("/data/x"));
  CHECK(other.files().Open("/data/x").status().message() == "there is no file /data/x on m2");
  MutexLock lock(t.env.executor().mutex());
  CHECK(CauseOf(t.env.processes().Spawn({.program = "/data/x"}, nullptr).status()) == Cause::kProgramMissing);
  REQUIRE(files.Remove("/data/x").ok());
  CHECK_FALSE(files.Exists("/data/x"));
  CHECK(reader->Read(0, 5).value() == "hello");
  CHECK_FALSE(files.Create("relative").ok());
}

TEST_CASE("SharedMemoryHasALimitAMachine") {
  World world(17);
  SimMachine& machine = world.AddMachine({.memory_bytes = uint64_t{1} << 38, .shared_memory_limit_bytes = 16 << 10});
  SimEnv& env = world.AddProcess(machine, "p");
  const auto store = env.CreateSharedMemory("store", size_t{1} << 36).value();  // costs nothing
  REQUIRE(store->Commit(size_t{1} << 35, 8 << 10).ok());
  REQUIRE(store->Commit(size_t{1} << 35, 8 << 10).ok());  // is committed already
  store->data()[size_t{1} << 35] = std::byte{1};
  CHECK(CauseOf(store->Commit(0, 9 << 10)) == Cause::kStoreFull);
  auto other = env.CreateSharedMemory("other", 8 << 10).value();
  REQUIRE(other->Commit(0, 8 << 10).ok());
  CHECK(CauseOf(store->Commit(0, 1)) == Cause::kStoreFull);
  other = nullptr;
  REQUIRE(store->Commit(0, 1).ok());
  store->Decommit(size_t{1} << 35, 8 << 10);
  CHECK(store->data()[size_t{1} << 35] == std::byte{0});
  CHECK(machine.memory->committed_bytes == 4 << 10);
  CHECK_FALSE(store->Commit(size_t{1} << 36, 1).ok());
}

TEST_CASE("LogSaysWhenAndWho") {
  OneProcess t(18);
  t.world.RunFor(absl::Milliseconds(1500));
  t.env.Log(LogLevel::kWarning, "something");
  std::ostringstream out;
  t.world.WriteLog(out);
  CHECK(out.str() == "      1.500000 W p: something\n");
}

// A run with all kinds of faults, for the hash.
uint64_t Turmoil(uint64_t seed) {
  World world(seed);
  std::vector<SimMachine*> machines;
  for (int i = 0; i < 5; ++i) machines.push_back(&world.AddMachine());
  world.RegisterProgram("/bin/worker", NodeAndWorker::Worker);
  const auto node = [&](SimEnv& env, const std::vector<std::string>&) {
    std::vector<std::unique_ptr<TestPeer>> peers;
    std::vector<std::unique_ptr<Child>> children;
    for (;;) {
      {
        MutexLock lock(env.executor().mutex());
        auto& peer = peers.emplace_back(std::make_unique<TestPeer>(env));
        const uint64_t machine = 1 + env.Random() % 5;
        if (peers.size() == 1)
          peer->Listen("0.0.0.0:7000");
        else
          peer->Dial(absl::StrCat("m", machine, ":7000"));
        if (env.Random() % 4 == 0) {
          children.push_back(env.processes().Spawn({.program = "/bin/worker", .arguments = {"x"}}, nullptr).value());
        }
      }
      SleepFor(env, absl::Seconds(1));
      for (auto& peer : peers) {
        if (peer->connection != nullptr) static_cast<void>(peer->Send(absl::StrCat(peer->frames.size())));
      }
    }
    return 0;
  };
  for (SimMachine* machine : machines) world.Start(*machine, "node", node);
  Random& random = world.random();
  for (int i = 0; i < 50; ++i) {
    world.RunFor(random.Between({absl::ZeroDuration(), absl::Seconds(5)}));
    SimMachine& a = *machines[random.Below(5)];
    SimMachine& b = *machines[random.Below(5)];
    switch (random.Below(4)) {
      case 0:
        world.Partition(a, b);
        break;
      case 1:
        world.HealAll();
        break;
      case 2:
        world.Disconnect(a, b);
        break;
      default: {
        SimEnv& victim = *world.processes()[random.Below(world.processes().size())];
        world.Crash(victim);
        if (victim.name() == "node") world.Start(victim.machine(), "node", node);
      }
    }
  }
  return world.trace_hash();
}

TEST_CASE("TurmoilReplays") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const uint64_t hash = Turmoil(seed);
    CHECK(hash == Turmoil(seed));
    CHECK(hash != Turmoil(seed + 1000));
  }
}

}  // namespace
}  // namespace ioc::sim

// The node as processes, other nodes and tools see it: a head and nodes over real channels on one machine.
#include "runtime/node/node.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/status.h"
#include "lib/base/mutex.h"
#include "lib/env_asio/asio_env.h"
#include "lib/rpc/channel.h"
#include "runtime/head/head.h"

namespace ioc {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// A process as the node sees it: a channel and what came on it.
class FakeProcess final : public ChannelDelegate {
 public:
  FakeProcess(Env& env, const std::string& address, Role role) : env_(env) {
    dialling_ = env.network().Dial(address, {.target = Target::kNode}, kPatience, [this, role](auto connection) {
      if (!connection.ok()) return;
      channel_ = std::make_unique<Channel>(env_, *std::move(connection), Channel::Side::kDialler,
                                           Hello{.role = role, .name = "a test"}, *this);
    });
  }

  Channel* channel() { return channel_.get(); }
  bool ready() const { return channel_ != nullptr && channel_->ready(); }

  std::vector<LeaseGranted> grants;
  std::vector<DemandRefused> refusals;
  std::optional<absl::Status> closed;

 private:
  void OnReady(Channel&, const Hello&) override {}
  absl::Status OnMessage(Channel&, FrameView frame) override {
    switch (static_cast<Method>(frame.header.method)) {
      case Method::kLeaseGranted:
        return Take<LeaseGranted>(frame, [&](const LeaseGranted& m) { grants.push_back(m); });
      case Method::kDemandRefused:
        return Take<DemandRefused>(frame, [&](const DemandRefused& m) { refusals.push_back(m); });
      default:
        return absl::OkStatus();
    }
  }
  void OnClosed(Channel&, const absl::Status& why) override { closed = why; }

  Env& env_;
  std::unique_ptr<Dialling> dialling_;
  std::unique_ptr<Channel> channel_;
};

// A head behind the first node's door, and as many nodes as asked for. The test holds the mutex, except in its waits.
class Fixture {
 public:
  explicit Fixture(int nodes = 1, NodeOptions options = {})
      : env_({.log_sink = [this](LogLevel, std::string_view line) { log.append(line).append("\n"); }}) {
    env_.executor().mutex().lock();
    head_ = Head::Start(env_, {.listen_address = "127.0.0.1:0"}, [this] { stop_requested = true; }).value();
    options.store_bytes = 16 << 20;
    options.store_patience = absl::Milliseconds(500);
    options.prestart_workers = 0;
    options.head_address = head_->address();
    for (int i = 0; i < nodes; ++i) {
      options.declared.name = absl::StrCat("node-", i);
      std::optional<absl::Status> ready;
      nodes_.push_back(std::make_unique<Node>(
          env_, options, [&](const absl::Status& status) { ready = status; },
          [this](const absl::Status& status) { stopped = status; }));
      REQUIRE(Eventually([&] { return ready.has_value(); }));
      REQUIRE(ready->ok());
    }
  }
  ~Fixture() {
    processes_.clear();
    nodes_.clear();
    head_.reset();
    env_.executor().mutex().unlock();
  }

  template <typename Condition>
  bool Eventually(Condition condition) {
    const absl::Time deadline = env_.executor().Now() + kPatience;
    while (!condition()) {
      if (env_.executor().Now() >= deadline) return false;
      Waiter turn;
      const TimerId timer = env_.executor().Schedule(absl::Milliseconds(1), [&] { env_.executor().Notify(turn); });
      env_.executor().Await(turn, absl::InfiniteFuture());
      env_.executor().CancelTimer(timer);
    }
    return true;
  }

  template <Request R>
  absl::StatusOr<typename R::Reply> Call(FakeProcess& process, const R& request) {
    std::optional<absl::StatusOr<typename R::Reply>> answer;
    process.channel()->Call(request, kPatience, [&](auto reply) { answer = std::move(reply); });
    if (!Eventually([&] { return answer.has_value(); })) return absl::InternalError("never answered");
    return *std::move(answer);
  }

  FakeProcess& Dial(Role role, int node = 0) {
    processes_.push_back(std::make_unique<FakeProcess>(env_, nodes_[node]->address().local_address, role));
    REQUIRE(Eventually([&] { return processes_.back()->ready(); }));
    return *processes_.back();
  }

  // A driver that has registered; sets `memory`.
  FakeProcess& Driver(uint64_t id, int node = 0, const ProgramInfo& program = {.path = "/nowhere/program"}) {
    FakeProcess& driver = Dial(Role::kDriver, node);
    bool done = false;
    driver.channel()->CallRaw(RegisterProcess{.process = ProcessId(id), .role = Role::kDriver, .program = program},
                              kPatience, [&](absl::StatusOr<RawReply> reply) {
                                done = true;
                                if (!reply.ok() || reply->attachments.size() != 1) return;
                                memory = std::get<std::shared_ptr<SharedMemory>>(std::move(reply->attachments[0]));
                              });
    REQUIRE(Eventually([&] { return done; }));
    REQUIRE(memory != nullptr);
    return driver;
  }

  std::vector<NodeStatus> Nodes(FakeProcess& asker) { return Call(asker, ListNodes{}).value().nodes; }

  // As a process does that uses nothing of the store any more.
  static void Leave(FakeProcess& process) {
    process.channel()->Notify(LeaveCluster{});
    process.channel()->Close(absl::OkStatus());
  }

  Node& node(int i) { return *nodes_[i]; }
  void HangUp() { processes_.clear(); }
  void EndNodes() { nodes_.clear(); }
  void EndHead() { head_.reset(); }
  void StopCluster(FakeProcess& asker) {
    asker.channel()->Call(Stop{}, kPatience, [](const absl::StatusOr<Stop::Reply>&) {});
  }

  std::shared_ptr<SharedMemory> memory;
  std::optional<absl::Status> stopped;
  bool stop_requested = false;  // of the head's host
  std::string log;

 private:
  AsioEnv env_;
  std::unique_ptr<Head> head_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<FakeProcess>> processes_;
};

constexpr ObjectId kObject{ProcessId(1), 1};

// Seals an object of `size` bytes of `letter`.
void WriteObject(Fixture& f, FakeProcess& process, size_t size, char letter, ObjectId id = kObject) {
  const auto extent = f.Call(process, AllocateExtent{.length = size}).value();
  std::memset(f.memory->data() + extent.offset, letter, size);
  process.channel()->Notify(SealObject{.id = id, .offset = extent.offset, .size = size});
  process.channel()->Notify(ReleaseExtent{.offset = extent.offset});
}

SchedulingClass ClassOf(uint64_t job, const Node& node) {
  SchedulingClass spec{.job = JobId(job), .job_origin = node.address()};
  spec.resources.Set(kCpu, 1);
  return spec;
}

}  // namespace

TEST_CASE("a process writes an object that another one reads in place") {
  Fixture f;
  FakeProcess& writer = f.Driver(1);
  WriteObject(f, writer, 200000, 'w');
  FakeProcess& reader = f.Driver(2);
  const auto pin = f.Call(reader, PinObject{.id = kObject});
  REQUIRE(pin.ok());
  CHECK(pin->size == 200000);
  CHECK(static_cast<char>(f.memory->data()[pin->offset + 199999]) == 'w');
}

TEST_CASE("a freed object's memory comes back, and its pin is then an error") {
  Fixture f;
  FakeProcess& writer = f.Driver(1);
  WriteObject(f, writer, 200000, 'w');
  writer.channel()->Notify(UnpinObjects{.ids = {kObject}});
  writer.channel()->Notify(FreeObjects{.node = f.node(0).address(), .ids = {kObject}});
  CHECK(CauseOf(f.Call(writer, PinObject{.id = kObject}).status()) == Cause::kObjectLost);
  CHECK(f.Eventually([&] { return f.Nodes(writer)[0].report.store_used == 0; }));
}

TEST_CASE("an object is pulled from another node in chunks, and freed there with its original") {
  Fixture f(2);
  FakeProcess& writer = f.Driver(1, 0);
  const size_t size = (5 << 20) + 17;
  WriteObject(f, writer, size, 'p');
  FakeProcess& reader = f.Driver(2, 1);
  const auto pin = f.Call(reader, PinObject{.id = kObject, .size = size, .copies = {{f.node(0).address()}}});
  REQUIRE(pin.ok());
  CHECK(pin->size == size);
  bool same = true;
  for (size_t i = 0; i < size; ++i) same = same && static_cast<char>(f.memory->data()[pin->offset + i]) == 'p';
  CHECK(same);
  const auto all_use = [&](auto expected) {
    return f.Eventually([&] {
      const std::vector<NodeStatus> nodes = f.Nodes(writer);
      return std::all_of(nodes.begin(), nodes.end(),
                         [&](const auto& node) { return expected(node.report.store_used); });
    });
  };
  REQUIRE(all_use([](uint64_t used) { return used > 0; }));

  reader.channel()->Notify(UnpinObjects{.ids = {kObject}});
  writer.channel()->Notify(UnpinObjects{.ids = {kObject}});
  writer.channel()->Notify(FreeObjects{.node = f.node(0).address(), .ids = {kObject}});
  CHECK(all_use([](uint64_t used) { return used == 0; }));
}

TEST_CASE("an object whose copies are gone is lost, and the error says so") {
  Fixture f(2);
  FakeProcess& reader = f.Driver(2, 1);
  const auto pin = f.Call(reader, PinObject{.id = kObject, .size = 10, .copies = {{f.node(0).address()}}});
  CHECK(CauseOf(pin.status()) == Cause::kObjectLost);
}

TEST_CASE("of the copies that nobody reads, the one that was read longest ago makes room") {
  Fixture f(2);
  constexpr ObjectId kOther{ProcessId(1), 2};
  FakeProcess& writer = f.Driver(1, 0);
  WriteObject(f, writer, 4 << 20, 'a');
  WriteObject(f, writer, 4 << 20, 'b', kOther);
  FakeProcess& reader = f.Driver(2, 1);
  const auto read = [&](ObjectId id, std::vector<ObjectCopy> copies) {
    const bool is_read = f.Call(reader, PinObject{.id = id, .size = 4 << 20, .copies = std::move(copies)}).ok();
    if (is_read) reader.channel()->Notify(UnpinObjects{.ids = {id}});
    return is_read;
  };
  REQUIRE(read(kObject, {{f.node(0).address()}}));
  REQUIRE(read(kOther, {{f.node(0).address()}}));
  REQUIRE(read(kObject, {}));
  REQUIRE(f.Call(reader, AllocateExtent{.length = 12 << 20}).ok());
  CHECK(read(kObject, {}));
  CHECK_FALSE(read(kOther, {}));
}

TEST_CASE("what a process owned goes with it, a copy on another node as well") {
  Fixture f(2);
  FakeProcess& owner = f.Driver(1, 0);
  WriteObject(f, owner, 200000, 'o');
  FakeProcess& reader = f.Driver(2, 1);
  REQUIRE(f.Call(reader, PinObject{.id = kObject, .size = 200000, .copies = {{f.node(0).address()}}}).ok());
  const auto used = [&](int node) { return f.Nodes(reader)[node].report.store_used; };
  REQUIRE(f.Eventually([&] { return used(0) > 0 && used(1) > 0; }));
  f.Leave(owner);
  REQUIRE(f.Eventually([&] { return used(0) == 0; }));
  CHECK(used(1) > 0);  // what is read stays as long as it is
  reader.channel()->Notify(UnpinObjects{.ids = {kObject}});
  CHECK(f.Eventually([&] { return used(1) == 0; }));
}

TEST_CASE("an allocation larger than the store fails at once, one that must wait fails in a while") {
  Fixture f;
  FakeProcess& writer = f.Driver(1);
  CHECK(CauseOf(f.Call(writer, AllocateExtent{.length = 1 << 30}).status()) == Cause::kStoreFull);
  REQUIRE(f.Call(writer, AllocateExtent{.length = 12 << 20}).ok());
  CHECK(CauseOf(f.Call(writer, AllocateExtent{.length = 12 << 20}).status()) == Cause::kStoreFull);
}

TEST_CASE("an allocation that waits is served when the holder of the memory goes") {
  Fixture f;
  FakeProcess& holder = f.Driver(1);
  REQUIRE(f.Call(holder, AllocateExtent{.length = 12 << 20}).ok());
  FakeProcess& waiter = f.Driver(2);
  std::optional<absl::StatusOr<AllocateExtent::Reply>> answer;
  waiter.channel()->Call(AllocateExtent{.length = 12 << 20}, kPatience, [&](auto reply) { answer = std::move(reply); });
  f.Leave(holder);
  REQUIRE(f.Eventually([&] { return answer.has_value(); }));
  CHECK(answer->ok());
}

TEST_CASE("what a process that has left the cluster holds in the store is nobody else's until it closes") {
  Fixture f;
  FakeProcess& leaver = f.Driver(1);
  WriteObject(f, leaver, 6 << 20, 'v');
  REQUIRE(f.Call(leaver, AllocateExtent{.length = 6 << 20}).ok());  // still being written
  leaver.channel()->Notify(LeaveCluster{});
  FakeProcess& other = f.Driver(2);
  CHECK(CauseOf(f.Call(other, AllocateExtent{.length = 6 << 20}).status()) == Cause::kStoreFull);
  CHECK_FALSE(leaver.closed.has_value());
  leaver.channel()->Close(absl::OkStatus());
  CHECK(f.Eventually([&] { return f.Call(other, AllocateExtent{.length = 12 << 20}).ok(); }));
}

TEST_CASE("what a driver that its node has cut off holds in the store is nobody else's as long as it runs") {
  Fixture f;
  FakeProcess& driver = f.Driver(1);
  REQUIRE(f.Call(driver, AllocateExtent{.length = 12 << 20}).ok());
  driver.channel()->Notify(ProcessGone{});  // not a driver's to say
  REQUIRE(f.Eventually([&] { return driver.closed.has_value(); }));
  FakeProcess& other = f.Driver(2);
  const auto refused = f.Call(other, AllocateExtent{.length = 12 << 20}).status();
  CHECK(CauseOf(refused) == Cause::kStoreFull);
  CHECK(std::string(refused.message()).find("not connected any more") != std::string::npos);
  CHECK(f.Call(other, AllocateExtent{.length = 2 << 20}).ok());
}

TEST_CASE("a job whose program is not there is refused with its path") {
  Fixture f;
  FakeProcess& driver = f.Driver(1);
  driver.channel()->Notify(SetDemand{.class_id = 3, .spec = ClassOf(1, f.node(0)), .wanted = 2});
  REQUIRE(f.Eventually([&] { return !driver.refusals.empty(); }));
  CHECK(driver.refusals[0].class_id == 3);
  CHECK(CauseOf(driver.refusals[0].error) == Cause::kProgramMissing);
  CHECK(std::string(driver.refusals[0].error.message()).find("/nowhere/program") != std::string::npos);
}

TEST_CASE("a program that ends before it connects is refused after a few tries, with its exit code") {
  Fixture f;
  FakeProcess& driver = f.Driver(1, 0, {.path = "/bin/false"});
  driver.channel()->Notify(SetDemand{.class_id = 3, .spec = ClassOf(1, f.node(0)), .wanted = 1});
  REQUIRE(f.Eventually([&] { return !driver.refusals.empty(); }));
  CHECK(std::string(driver.refusals[0].error.message()).find("exited with code 1") != std::string::npos);
}

TEST_CASE("a program that can't be forked for want of something is not to blame, and the log says of what") {
  Fixture f;
  FakeProcess& driver = f.Driver(1, 0, {.path = FORKING_PROGRAM, .arguments = {"can't fork"}});
  driver.channel()->Notify(SetDemand{.class_id = 3, .spec = ClassOf(1, f.node(0)), .wanted = 1});
  REQUIRE(f.Eventually([&] { return f.log.find("can't fork it") != std::string::npos; }));
  CHECK(f.log.find("ulimit -u") != std::string::npos);
  CHECK(f.log.find("call it first thing in main") == std::string::npos);
}

TEST_CASE("a program that never connects is told apart") {
  Fixture f(1, {.worker_start_timeout = absl::Milliseconds(50)});
  FakeProcess& driver = f.Driver(1, 0, {.path = "/usr/bin/tail", .arguments = {"-f", "/dev/null"}});
  driver.channel()->Notify(SetDemand{.class_id = 3, .spec = ClassOf(1, f.node(0)), .wanted = 1});
  REQUIRE(f.Eventually([&] { return !driver.refusals.empty(); }));
  CHECK(std::string(driver.refusals[0].error.message()).find("call it first thing in main") != std::string::npos);
}

TEST_CASE("the fate of a worker that never was is not known") {
  Fixture f(2);
  FakeProcess& driver = f.Driver(1);
  for (int i : {0, 1}) {
    const auto fate = f.Call(driver, GetWorkerFate{.node = f.node(i).address(), .process = ProcessId(99)});
    REQUIRE(fate.ok());
    CHECK_FALSE(fate->known);
  }
}

TEST_CASE("a process that asks before it registers, or twice, hears why not") {
  Fixture f;
  FakeProcess& hasty = f.Dial(Role::kDriver);
  hasty.channel()->Notify(SetDemand{.class_id = 1, .wanted = 1});
  REQUIRE(f.Eventually([&] { return hasty.closed.has_value(); }));
  CHECK(std::string(hasty.closed->message()).find("must register") != std::string::npos);

  FakeProcess& driver = f.Driver(1);
  CHECK_FALSE(f.Call(driver, RegisterProcess{.process = ProcessId(1)}).ok());
  FakeProcess& stranger = f.Dial(Role::kWorker);
  CHECK(CauseOf(f.Call(stranger, RegisterProcess{.process = ProcessId(5), .role = Role::kWorker}).status()) ==
        Cause::kInvalidArgument);
}

TEST_CASE("a tool lists the nodes through any of them, and stops one") {
  Fixture f(2);
  FakeProcess& tool = f.Dial(Role::kTool, 1);
  CHECK(f.Nodes(tool).size() == 2);
  REQUIRE(f.Call(tool, Stop{}).ok());
  REQUIRE(f.Eventually([&] { return f.stopped.has_value(); }));
  CHECK(f.stopped->ok());
}

TEST_CASE("a driver is told why its node goes") {
  Fixture f;
  FakeProcess& driver = f.Driver(1);
  std::string words;
  SECTION("with the cluster") {
    f.StopCluster(driver);
    words = "the cluster was stopped";
  }
  SECTION("alone, as a tool asked") {
    REQUIRE(f.Call(f.Dial(Role::kTool), Stop{}).ok());
    REQUIRE(f.Eventually([&] { return f.stopped.has_value(); }));
    f.EndNodes();
    words = "node node-0 was stopped";
  }
  SECTION("alone, as its host wants") {
    f.EndNodes();
    words = "node node-0 was stopped";
  }
  REQUIRE(f.Eventually([&] { return driver.closed.has_value(); }));
  CHECK(CauseOf(*driver.closed) == Cause::kDisconnected);
  CHECK(std::string(driver.closed->message()).find(words) != std::string::npos);
}

TEST_CASE("a node that is told to stop waits for its head to end, and does not miss it") {
  Fixture f;
  f.StopCluster(f.Driver(1));
  REQUIRE(f.Eventually([&] { return f.stop_requested; }));
  CHECK_FALSE(f.stopped.has_value());
  f.EndHead();
  REQUIRE(f.Eventually([&] { return f.stopped.has_value(); }));
  CHECK(f.stopped->ok());
  CHECK(f.log.find("lost the head") == std::string::npos);
}

TEST_CASE("a node refuses a store that has no room for slabs, and says how large it must be") {
  CHECK(CheckStoreBytes(kMinStoreBytes).ok());
  const absl::Status refused = CheckStoreBytes(1000);
  CHECK(CauseOf(refused) == Cause::kInvalidArgument);
  for (const char* words : {"1000 B", "16 MiB", "slab"}) {
    CHECK(std::string(refused.message()).find(words) != std::string::npos);
  }
}

TEST_CASE("a node that could not start lets nobody in") {
  AsioEnv env({.log_sink = [](LogLevel, std::string_view) {}});
  MutexLock lock(env.executor().mutex());
  Waiter done;
  std::optional<absl::Status> ready;
  std::optional<absl::Status> dialled;
  Node node(
      env, {.head_address = "127.0.0.1:1", .store_bytes = 1},
      [&](const absl::Status& status) {
        ready = status;
        env.executor().Notify(done);
      },
      [](const absl::Status&) {});
  env.executor().Await(done, env.executor().Now() + kPatience);
  REQUIRE((ready.has_value() && !ready->ok()));
  done.notified = false;
  const auto dialling = env.network().Dial(node.address().local_address, {.target = Target::kNode}, kPatience,
                                           [&](const absl::StatusOr<std::unique_ptr<Connection>>& connection) {
                                             dialled = connection.status();
                                             env.executor().Notify(done);
                                           });
  env.executor().Await(done, env.executor().Now() + kPatience);
  REQUIRE(dialled.has_value());
  CHECK_FALSE(dialled->ok());
}

TEST_CASE("a node whose head does not answer says so") {
  AsioEnv env({.log_sink = [](LogLevel, std::string_view) {}});
  MutexLock lock(env.executor().mutex());
  std::optional<absl::Status> ready;
  Waiter done;
  Node node(
      env, {.head_address = "nonsense", .store_bytes = 16 << 20},
      [&](const absl::Status& status) {
        ready = status;
        env.executor().Notify(done);
      },
      [](const absl::Status&) {});
  env.executor().Await(done, env.executor().Now() + kPatience);
  REQUIRE(ready.has_value());
  CHECK(std::string(ready->message()).find("nonsense") != std::string::npos);
}

}  // namespace ioc

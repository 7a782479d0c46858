// Actors in processes of their own: state, order, handles, names, ends.
#include <absl/time/time.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Increment(int by) { return value_ += by; }
  int64_t Pid() const { return ::getpid(); }
  void Exit(int code) { ::_exit(code); }

 private:
  int value_;
};

class Log {
 public:
  void Append(std::string line) { lines_.push_back(std::move(line)); }
  std::vector<std::string> Lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

class Forever {
 public:
  explicit Forever(std::string name) : name_(std::move(name)) {}
  std::string Name() const { return name_; }
  int Hang() const {
    while (true) ::pause();
  }
  int64_t Pid() const { return ::getpid(); }

 private:
  std::string name_;
};

std::string KillOthers(const ActorHandle<Forever>& actor) {
  return std::string(Cluster::Current().Kill(actor).message());
}

class Broken {
 public:
  Broken() { throw std::runtime_error("no parts"); }
  int Use() { return 1; }
};

int Identity(int x) { return x; }
int Throw(const std::string& why) { throw std::runtime_error(why); }

std::string ErrorOfCall(const ActorHandle<Counter>& counter) {
  const absl::Status status = counter.Call<&Counter::Increment>(1).Get(kPatience).status();
  return std::string(status.message());
}

int IncrementTwice(const ActorHandle<Counter>& counter) {
  counter.Call<&Counter::Increment>(1);
  return counter.Call<&Counter::Increment>(1).Get().value();
}

int IncrementNamed(const std::string& name) {
  const absl::StatusOr<ActorHandle<Counter>> counter = Cluster::Current().FindActor<Counter>(name);
  return counter->Call<&Counter::Increment>(1).Get().value();
}

TEST_CASE("An actor keeps its state in a process of its own, and runs a caller's calls in order") {
  const Cluster cluster = Embedded();
  const ActorHandle<Log> log = cluster.Create<Log>();
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    expected.push_back(std::to_string(i));
    // Every third is larger than a message and takes a longer way.
    if (i % 3 == 0) expected.back() += std::string(i % 9 == 0 ? 150 * kKiB : 10, 'x');
    log.Call<&Log::Append>(expected.back());
  }
  CHECK(log.Call<&Log::Lines>().Get(kPatience).value() == expected);

  const ActorHandle<Counter> one = cluster.Create<Counter>(10);
  const ActorHandle<Counter> other = cluster.Create<Counter>(cluster.Put(20));
  CHECK(one.Call<&Counter::Increment>(1).Get(kPatience).value() == 11);
  CHECK(other.Call<&Counter::Increment>(cluster.Put(2)).Get(kPatience).value() == 22);
  CHECK(one.Call<&Counter::Pid>().Get(kPatience).value() != other.Call<&Counter::Pid>().Get(kPatience).value());
}

TEST_CASE("A handle is an argument, and calls from tasks reach the same actor") {
  const Cluster cluster = Embedded();
  const ActorHandle<Counter> counter = cluster.Create<Counter>(0);
  CHECK(cluster.Submit<IncrementTwice>(counter).Get(kPatience).value() == 2);
  CHECK(cluster.Submit<IncrementTwice>(counter).Get(kPatience).value() == 4);
  CHECK(counter.Call<&Counter::Increment>(1).Get(kPatience).value() == 5);
}

TEST_CASE("A named actor is found, by the driver and by tasks") {
  const Cluster cluster = Embedded();
  const ActorHandle<Counter> counter = cluster.With(ActorOptions{.name = "counter"}).Create<Counter>(7);
  REQUIRE(counter.Call<&Counter::Increment>(0).Get(kPatience).ok());
  CHECK(cluster.FindActor<Counter>("counter").value() == counter);
  CHECK(cluster.Submit<IncrementNamed>("counter").Get(kPatience).value() == 8);

  SECTION("as another class it is refused with both names") {
    const absl::Status status = cluster.FindActor<Log>("counter").status();
    CHECK(CauseOf(status) == Cause::kTypeMismatch);
    CHECK_THAT(std::string(status.message()), Contains("Counter") && Contains("Log") && Contains("\"counter\""));
  }
  SECTION("by another name or in another name space it is not there") {
    const absl::Status status = cluster.FindActor<Counter>("conter").status();
    CHECK(CauseOf(status) == Cause::kActorDied);
    CHECK_THAT(std::string(status.message()), Contains("conter"));
    CHECK_FALSE(cluster.FindActor<Counter>("counter", "elsewhere").ok());
  }
  SECTION("its name is taken") {
    const ActorHandle<Counter> second = cluster.With(ActorOptions{.name = "counter"}).Create<Counter>(0);
    const absl::Status status = second.Call<&Counter::Increment>(1).Get(kPatience).status();
    CHECK_FALSE(status.ok());
    CHECK_THAT(std::string(status.message()), Contains("counter"));
  }
}

TEST_CASE("An actor ends with its last handle, and its name is free again") {
  const Cluster cluster = Embedded();
  int64_t pid = 0;
  {
    const ActorHandle<Counter> counter = cluster.With(ActorOptions{.name = "short"}).Create<Counter>(0);
    pid = counter.Call<&Counter::Pid>().Get(kPatience).value();
  }
  CHECK(WaitUntil([&] { return ::kill(static_cast<pid_t>(pid), 0) != 0; }));
  CHECK(WaitUntil([&] { return !cluster.FindActor<Counter>("short").ok(); }));
}

TEST_CASE("Calls of an actor that has died say how it died") {
  const Cluster cluster = Embedded();
  const ActorHandle<Counter> counter = cluster.Create<Counter>(0);
  const absl::Status during = counter.Call<&Counter::Exit>(3).Get(kPatience);
  CHECK(CauseOf(during) == Cause::kActorDied);
  CHECK_THAT(std::string(during.message()), Contains("exited with code 3") && Contains("Counter"));
  const absl::Status after = counter.Call<&Counter::Increment>(1).Get(kPatience).status();
  CHECK(CauseOf(after) == Cause::kActorDied);
  CHECK_THAT(std::string(after.message()), Contains("exited with code 3"));
}

TEST_CASE("An actor whose constructor throws gives its calls the text") {
  const Cluster cluster = Embedded();
  const absl::Status status = cluster.Create<Broken>().Call<&Broken::Use>().Get(kPatience).status();
  CHECK_FALSE(status.ok());
  CHECK_THAT(std::string(status.message()), Contains("no parts"));
}

// An actor that can't be made, though it has been called often.
void CheckNeverMade(const Cluster& cluster, const ActorOptions& options, const ObjectRef<int>& start, Cause cause,
                    const std::string& words) {
  // Calls that wait for the actor, one whose argument never comes, and calls of another process.
  const ActorHandle<Counter> counter = cluster.With(options).Create<Counter>(start);
  const ObjectRef<int> never = cluster.With(TaskOptions{.resources = {{"tpu", 1}}}).Submit<Identity>(1);
  std::vector<ObjectRef<int>> results = {counter.Call<&Counter::Increment>(never)};
  for (int i = 0; i < 100; ++i) results.push_back(counter.Call<&Counter::Increment>(i));
  const ObjectRef<std::string> told = cluster.Submit<ErrorOfCall>(counter);
  for (const ObjectRef<int>& result : results) {
    const absl::Status status = result.Get(kPatience).status();
    INFO(status);
    CHECK(CauseName(CauseOf(status)) == CauseName(cause));
    CHECK_THAT(std::string(status.message()), Contains(words) && Contains("Counter"));
  }
  CHECK_THAT(told.Get(kPatience).value(), Contains(words));
  const absl::Status after = counter.Call<&Counter::Increment>(1).Get(kPatience).status();
  CHECK_THAT(std::string(after.message()), Contains(words));
  CHECK(cluster.Cancel(never).ok());
}

TEST_CASE("Calls of an actor that is never made say why, whenever they were made") {
  const Cluster cluster = Embedded();
  SECTION("an option makes no sense") {
    CheckNeverMade(cluster, {.max_concurrency = 0}, cluster.Put(1), Cause::kInvalidArgument, "max_concurrency is 0");
  }
  SECTION("a concurrency group makes no sense") {
    CheckNeverMade(cluster, {.concurrency_groups = {{"io", 0}}}, cluster.Put(1), Cause::kInvalidArgument,
                   "group \"io\" is 0");
    CheckNeverMade(cluster, {.concurrency_groups = {{"io", 4000}}}, cluster.Put(1), Cause::kInvalidArgument, "4001");
  }
  SECTION("it asks for resources of its own in a shared process") {
    CheckNeverMade(cluster, {.cpus = 1, .shared_process = true}, cluster.Put(1), Cause::kInvalidArgument,
                   "cpus is 1, but an actor in a shared process");
  }
  SECTION("no node can hold it") {
    CheckNeverMade(cluster, {.gpus = 64, .placement_timeout = absl::Milliseconds(200)}, cluster.Put(1),
                   Cause::kUnschedulable, "64 GPU");
  }
  SECTION("its name is taken") {
    const ActorHandle<Counter> first = cluster.With(ActorOptions{.name = "one"}).Create<Counter>(1);
    REQUIRE(first.Call<&Counter::Increment>(1).Get(kPatience).ok());
    CheckNeverMade(cluster, {.name = "one"}, cluster.Put(1), Cause::kInvalidArgument, "\"one\"");
    CHECK(first.Call<&Counter::Increment>(1).Get(kPatience).value() == 3);
  }
  SECTION("an argument of its constructor fails") {
    CheckNeverMade(cluster, {}, cluster.Submit<Throw>("a rotten start"), Cause::kActorDied, "a rotten start");
  }
  CHECK(cluster.Create<Counter>(1).Call<&Counter::Increment>(1).Get(kPatience).value() == 2);
}

// Meets another call of the same actor.
class Meeting {
 public:
  bool Arrive() {
    ++arrived_;
    return WaitUntil([this] { return arrived_ >= 2; });
  }
  int Count() const { return arrived_; }

 private:
  std::atomic<int> arrived_ = 0;
};

TEST_CASE("Calls of two groups run at the same time, on threads of their own") {
  const Cluster cluster = Embedded();
  const auto meeting = cluster.With(ActorOptions{.concurrency_groups = {{"other", 1}}}).Create<Meeting>();
  const ObjectRef<bool> one = meeting.Call<&Meeting::Arrive>();
  const ObjectRef<bool> other = meeting.With(CallOptions{.concurrency_group = "other"}).Call<&Meeting::Arrive>();
  CHECK(one.Get(kPatience).value());
  CHECK(other.Get(kPatience).value());
  const CallOptions nowhere{.name = "count them", .concurrency_group = "nowhere"};
  const absl::Status refused = meeting.With(nowhere).Call<&Meeting::Count>().Get(kPatience).status();
  CHECK_THAT(std::string(refused.message()), Contains("\"nowhere\"") && Contains("\"other\""));
  CHECK(meeting.Call<&Meeting::Count>().Get(kPatience).value() == 2);
}

TEST_CASE("Actors that share a process live there together, and die together") {
  const Cluster cluster = Embedded();
  const ActorCreator shared = cluster.With(ActorOptions{.shared_process = true});
  std::vector<ActorHandle<Counter>> counters;
  for (int i = 0; i < 200; ++i) counters.push_back(shared.Create<Counter>(i));
  std::set<int64_t> processes;
  for (int i = 0; i < 200; ++i) {
    CHECK(counters[i].Call<&Counter::Increment>(1).Get(kPatience).value() == i + 1);
    processes.insert(counters[i].Call<&Counter::Pid>().Get(kPatience).value());
  }
  CHECK(processes.size() == 1);
  const auto alone = cluster.Create<Counter>(0);
  CHECK(processes.count(alone.Call<&Counter::Pid>().Get(kPatience).value()) == 0);
  CHECK(cluster.Kill(counters[3]).ok());
  CHECK(counters[4].Call<&Counter::Increment>(1).Get(kPatience).value() == 6);

  CHECK(CauseOf(counters[0].Call<&Counter::Exit>(3).Get(kPatience)) == Cause::kActorDied);
  const absl::Status after = counters[5].Call<&Counter::Increment>(1).Get(kPatience).status();
  CHECK_THAT(std::string(after.message()), Contains("exited with code 3"));
  CHECK(alone.Call<&Counter::Increment>(1).Get(kPatience).value() == 1);
}

TEST_CASE("A method of another class is refused, and harms nobody") {
  const Cluster cluster = Embedded();
  const auto counter = cluster.Create<Counter>(1);
  const ActorHandle<Log> forged(counter.ref());
  const absl::Status status = forged.Call<&Log::Lines>().Get(kPatience).status();
  CHECK(CauseOf(status) == Cause::kTypeMismatch);
  CHECK_THAT(std::string(status.message()), Contains("Log::Lines") && Contains("Counter"));
  CHECK(counter.Call<&Counter::Increment>(1).Get(kPatience).value() == 2);
}

class Saved {
 public:
  int Increment(int by) { return value_ += by; }
  int64_t Pid() const { return ::getpid(); }
  int Checkpoint() const { return value_; }
  void Restore(int value) { value_ = value; }

 private:
  int value_ = 0;
};

TEST_CASE("An actor whose process is killed again and again counts every call once") {
  const Cluster cluster = Embedded();
  const ActorOptions options{.max_restarts = -1, .max_task_retries = -1, .checkpoint_every = 1};
  const auto saved = cluster.With(options).Create<Saved>();
  int expected = 0;
  for (int round = 0; round < 4; ++round) {
    const int64_t pid = saved.Call<&Saved::Pid>().Get(kPatience).value();
    std::vector<ObjectRef<int>> sums;
    for (int i = 0; i < 100; ++i) sums.push_back(saved.Call<&Saved::Increment>(1));
    REQUIRE(sums[static_cast<size_t>(20 * round)].Get(kPatience).ok());
    REQUIRE(::kill(static_cast<pid_t>(pid), SIGKILL) == 0);
    for (const auto& sum : sums) CHECK(sum.Get(kPatience).value() == ++expected);
  }
}

TEST_CASE("An empty handle's calls are an error") {
  const Cluster cluster = Embedded();
  CHECK(CauseOf(ActorHandle<Counter>().Call<&Counter::Increment>(1).Get(kPatience).status()) ==
        Cause::kInvalidArgument);
}

TEST_CASE("Kill ends an actor in the middle of a call, and its calls say that it was killed") {
  const Cluster cluster = Embedded();
  const auto actor = cluster.With(ActorOptions{.name = "victim"}).Create<Forever>("one");
  const int64_t pid = actor.Call<&Forever::Pid>().Get(kPatience).value();
  const ObjectRef<int> hanging = actor.Call<&Forever::Hang>();
  const ObjectRef<std::string> behind = actor.Call<&Forever::Name>();
  REQUIRE(cluster.Kill(actor).ok());
  for (const absl::Status& error : {hanging.Get(kPatience).status(), behind.Get(kPatience).status(),
                                    actor.Call<&Forever::Name>().Get(kPatience).status()}) {
    CHECK(CauseOf(error) == Cause::kActorDied);
    CHECK_THAT(std::string(error.message()), Contains("\"victim\" was killed"));
  }
  CHECK(WaitUntil([&] { return ::kill(static_cast<pid_t>(pid), 0) != 0; }));
  CHECK(cluster.Kill(actor).ok());
  CHECK_FALSE(cluster.FindActor<Forever>("victim").ok());
  CHECK(CauseOf(cluster.Kill(ActorHandle<Forever>())) == Cause::kInvalidArgument);
}

TEST_CASE("An actor that is killed with leave to restart is made again") {
  const Cluster cluster = Embedded();
  const auto actor = cluster.With(ActorOptions{.max_restarts = 1}).Create<Forever>("one");
  const int64_t pid = actor.Call<&Forever::Pid>().Get(kPatience).value();
  REQUIRE(cluster.Kill(actor, {.no_restart = false}).ok());
  CHECK(WaitUntil([&] {
    const auto now = actor.Call<&Forever::Pid>().Get(kPatience);
    return now.ok() && *now != pid;
  }));
  CHECK(actor.Call<&Forever::Name>().Get(kPatience).value() == "one");
}

TEST_CASE("Whoever has a handle can kill the actor") {
  const Cluster cluster = Embedded();
  const auto actor = cluster.Create<Forever>("one");
  REQUIRE(actor.Call<&Forever::Name>().Get(kPatience).ok());
  CHECK(cluster.Submit<KillOthers>(actor).Get(kPatience).value().empty());
  CHECK(CauseOf(actor.Call<&Forever::Name>().Get(kPatience).status()) == Cause::kActorDied);
}

TEST_CASE("An actor that is killed before it was made never is") {
  const Cluster cluster = Embedded();
  const auto actor = cluster.With(ActorOptions{.resources = {{"unobtainium", 1}}}).Create<Forever>("one");
  const ObjectRef<std::string> name = actor.Call<&Forever::Name>();
  REQUIRE(cluster.Kill(actor).ok());
  CHECK(CauseOf(name.Get(kPatience).status()) == Cause::kActorDied);
}

}  // namespace
}  // namespace ioc

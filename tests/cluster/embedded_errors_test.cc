// What goes wrong, as a user sees it: the cause, and words that name the task, the node and the attempt.
#include <absl/time/time.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;

int Throw(std::string why) { throw std::runtime_error(why); }
int ThrowANumber() { throw 7; }
absl::StatusOr<int> Refuse(std::string why) { return absl::NotFoundError(why); }
int Identity(int x) { return x; }

int ExitWith(int code) {
  std::fprintf(stderr, "about to leave\n");
  ::_exit(code);
}

int Crash() {
  ::raise(SIGKILL);
  return 0;
}

// Waits for a file that nobody makes unless the test does; asks whether it is cancelled meanwhile.
int WaitForFile(const std::string& path) {
  WaitUntil([&] { return Cancelled() || ::access(path.c_str(), F_OK) == 0; });
  return Cancelled() ? 0 : 1;
}

int ThrowOnceThere(const std::string& path, std::string why) {
  WaitForFile(path);
  throw std::runtime_error(why);
}

// Fails until it has been tried `times` times; counts in a file.
int FailUntil(const std::string& path, int times) {
  std::ofstream(path, std::ios::app) << '.';
  if (std::ifstream(path, std::ios::ate).tellg() < times) ::_exit(9);
  return times;
}

// A path that nobody else uses; the file is gone with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& name) : path_("ioc-" + name + "-" + std::to_string(::getpid())) {
    path_ = (::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : "/var/tmp/") + path_;
    ::unlink(path_.c_str());
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  void Make() const { std::ofstream(path_) << 'x'; }

 private:
  std::string path_;
};

void CheckError(const absl::Status& status, Cause cause, const std::vector<std::string>& words) {
  INFO(status);
  CHECK(CauseName(CauseOf(status)) == CauseName(cause));
  for (const std::string& word : words) CHECK_THAT(std::string(status.message()), Contains(word));
}

TEST_CASE("An exception arrives with its text and the function's name") {
  const Cluster cluster = Embedded();
  CheckError(cluster.Submit<Throw>("no luck today").Get(kPatience).status(), Cause::kTaskThrew,
             {"no luck today", "Throw", "node local", "attempt 1"});
  CheckError(cluster.Submit<ThrowANumber>().Get(kPatience).status(), Cause::kTaskThrew, {"ThrowANumber"});
  const absl::Status refused = cluster.Submit<Refuse>("nothing there").Get(kPatience).status();
  CheckError(refused, Cause::kTaskThrew, {"nothing there", "Refuse"});
  CHECK(refused.code() == absl::StatusCode::kNotFound);
  const absl::Status passed_on = cluster.Submit<Identity>(cluster.Submit<Refuse>("gone")).Get(kPatience).status();
  CHECK(passed_on.code() == absl::StatusCode::kNotFound);
  CHECK(cluster.Submit<Throw>("no").Get(kPatience).status().code() == absl::StatusCode::kAborted);
}

TEST_CASE("A failed argument fails its task with the argument's error") {
  const Cluster cluster = Embedded();
  CheckError(cluster.Submit<Identity>(cluster.Submit<Throw>("rotten")).Get(kPatience).status(), Cause::kTaskThrew,
             {"rotten", "Identity"});
}

TEST_CASE("A failure at the head of a chain of 100,000 tasks fails them all, in words that do not grow with it") {
  const Cluster cluster = Embedded();
  const TemporaryFile gate("chain");
  std::vector<ObjectRef<int>> chain = {cluster.Submit<ThrowOnceThere>(gate.path(), "rotten")};
  for (int i = 0; i < 100'000; ++i) chain.push_back(cluster.Submit<Identity>(chain.back()));
  CHECK_FALSE(chain.front().ready());
  gate.Make();
  CheckError(chain.back().Get(kPatience).status(), Cause::kTaskThrew, {"rotten", "ThrowOnceThere", "Identity"});
  CHECK(chain.back().Get(kPatience).status().message().size() < 8 * kKiB);
  CHECK(cluster.Wait(chain, chain.size(), absl::ZeroDuration()).pending.empty());
  CHECK(cluster.Submit<Identity>(1).Get(kPatience).value() == 1);
}

TEST_CASE("The end of a worker is told with its exit code or signal, last words, node and attempt") {
  const Cluster cluster = Embedded();
  CheckError(cluster.With(TaskOptions{.max_retries = 0}).Submit<ExitWith>(3).Get(kPatience).status(),
             Cause::kWorkerDied, {"ExitWith", "exited with code 3", "about to leave", "node local", "attempt 1"});
  CheckError(cluster.With(TaskOptions{.max_retries = 1}).Submit<ExitWith>(4).Get(kPatience).status(),
             Cause::kWorkerDied, {"exited with code 4", "attempt 2"});
  CheckError(cluster.With(TaskOptions{.max_retries = 0}).Submit<Crash>().Get(kPatience).status(), Cause::kWorkerDied,
             {"Crash", "signal 9"});
  CHECK(cluster.Submit<Identity>(5).Get(kPatience).value() == 5);
}

TEST_CASE("A task whose worker died is tried again") {
  const Cluster cluster = Embedded();
  const TemporaryFile count("tries");
  CHECK(cluster.With(TaskOptions{.max_retries = 2}).Submit<FailUntil>(count.path(), 3).Get(kPatience).value() == 3);
}

TEST_CASE("Get ends by its deadline, and may be asked again") {
  const Cluster cluster = Embedded();
  const TemporaryFile gate("gate");
  const ObjectRef<int> ref = cluster.Submit<WaitForFile>(gate.path());
  CheckError(ref.Get(absl::Milliseconds(30)).status(), Cause::kDeadline, {});
  CheckError(cluster.Get({ref, ref}, absl::ZeroDuration()).status(), Cause::kDeadline, {});
  CHECK_FALSE(ref.ready());
  gate.Make();
  CHECK(ref.Get(kPatience).value() == 1);
  CHECK(ref.ready());
}

TEST_CASE("A deadline's error names the node where the task runs, or what it waits for") {
  const Cluster cluster = Embedded();
  const TemporaryFile gate("gate");
  const auto told = [](const ObjectRef<int>& ref) {
    return std::string(ref.Get(absl::Milliseconds(1)).status().message());
  };
  const ObjectRef<int> runs = cluster.Submit<WaitForFile>(gate.path());
  CHECK(WaitUntil([&] { return told(runs).find("WaitForFile, on node local)") != std::string::npos; }));
  CHECK_THAT(told(cluster.Submit<Identity>(runs)), Contains("Identity, which waits for its arguments)"));
  CHECK_THAT(told(cluster.With(TaskOptions{.gpus = 64}).Submit<Identity>(1)), Contains("which waits for a worker"));
  gate.Make();
}

TEST_CASE("Wait tells what is ready by the deadline, in order") {
  const Cluster cluster = Embedded();
  const TemporaryFile gate("wait");
  const ObjectRef<int> slow = cluster.Submit<WaitForFile>(gate.path());
  const ObjectRef<int> quick = cluster.Submit<Identity>(1);
  const ObjectRef<int> broken = cluster.Submit<Throw>("broken");
  WaitResult<int> result = cluster.Wait({quick, slow, broken}, 2, kPatience);
  CHECK(result.ready == std::vector<ObjectRef<int>>{quick, broken});
  CHECK(result.pending == std::vector<ObjectRef<int>>{slow});
  result = cluster.Wait({slow, quick}, 2, absl::Milliseconds(30));
  CHECK(result.ready == std::vector<ObjectRef<int>>{quick});
  CHECK(cluster.Wait({slow}, 0).ready.empty());
  CHECK(cluster.Wait(std::vector<ObjectRef<int>>(), 1).ready.empty());
  gate.Make();
  CHECK(cluster.Wait({slow, quick}, 2, kPatience).pending.empty());
}

TEST_CASE("A cancelled task ends, whether it runs or waits") {
  const Cluster cluster = Embedded({.cpus = 1});
  const TemporaryFile gate("cancel");
  const ObjectRef<int> running = cluster.Submit<WaitForFile>(gate.path());
  const ObjectRef<int> waiting = cluster.Submit<Identity>(running);
  CHECK(cluster.Cancel(waiting).ok());
  CheckError(waiting.Get(kPatience).status(), Cause::kCancelled, {"Identity"});
  CHECK(cluster.Cancel(running).ok());
  CheckError(running.Get(kPatience).status(), Cause::kCancelled, {"WaitForFile"});
  CHECK(cluster.Submit<Identity>(2).Get(kPatience).value() == 2);
}

TEST_CASE("What no node can run fails after the placement timeout and says what was asked") {
  const Cluster cluster = Embedded();
  const TaskOptions gpu{.gpus = 64, .placement_timeout = absl::Milliseconds(50)};
  CheckError(cluster.With(gpu).Submit<Identity>(1).Get(kPatience).status(), Cause::kUnschedulable,
             {"Identity", "64 GPU"});
}

TEST_CASE("Options that make no sense are refused and named") {
  const Cluster cluster = Embedded();
  CheckError(cluster.With(TaskOptions{.cpus = -1}).Submit<Identity>(1).Get(kPatience).status(), Cause::kInvalidArgument,
             {"CPU", "-1"});
  const auto negative = cluster.With(TaskOptions{.resources = {{"tpu", -2}}}).Submit<Identity>(1);
  CheckError(negative.Get(kPatience).status(), Cause::kInvalidArgument, {"tpu", "-2"});
  CheckError(Cluster::Connect(0, nullptr, {.cpus = -4}).status(), Cause::kInvalidArgument, {"cpus", "-4"});
  CheckError(Cluster::Connect(0, nullptr, {.resources = {{"tpu", -2}}}).status(), Cause::kInvalidArgument,
             {"tpu", "-2"});
}

struct Senseless {
  TaskOptions options;
  std::vector<std::string> words;  // of what it is refused with
};

std::vector<Senseless> SenselessOptions() {
  using Op = LabelCondition::Op;
  const double nan = std::nan("");
  const double infinite = std::numeric_limits<double>::infinity();
  return {
      {{.where = {.max_price_per_hour = nan}}, {"where.max_price_per_hour is nan; it must be"}},
      {{.where = {.max_price_per_hour = -1}}, {"where.max_price_per_hour is -1"}},
      {{.where = {.max_price_per_hour = infinite}}, {"where.max_price_per_hour is inf"}},
      {{.where = {.min_down_mbps = nan}}, {"where.min_down_mbps is nan"}},
      {{.where = {.min_down_mbps = -1}}, {"where.min_down_mbps is -1"}},
      {{.where = {.min_up_mbps = infinite}}, {"where.min_up_mbps is inf"}},
      {{.where = {.labels = {{.key = "disk", .op = static_cast<Op>(99), .values = {"ssd"}}}}}, {"disk", "99"}},
      {{.where = {.labels = {{.key = "", .op = Op::kExists}}}}, {"no key"}},
      {{.where = {.labels = {{.key = std::string(kMiB, 'k'), .op = Op::kExists}}}}, {"where.labels", "1048576 bytes"}},
      {{.where = {.regions = std::vector<std::string>(100'000, "eu-west-1")}}, {"where", "900000 bytes"}},
      {{.strategy = static_cast<Strategy>(77)}, {"strategy is 77"}},
      {{.resources = {{"CPU", 1000}}}, {"resources has 1000 CPU", "set cpus"}},
      {{.resources = {{"gpus", 1}}}, {"resources has 1 gpus", "set gpus"}},
      {{.resources = {{"memory", 1}}}, {"resources has 1 memory", "set memory"}},
      {{.resources = {{"", 1}}}, {"a resource has no name"}},
  };
}

ActorOptions AsActor(const TaskOptions& options) {
  return {.resources = options.resources, .where = options.where, .strategy = options.strategy};
}

// Refused by a task's own cluster; the words of each.
std::vector<std::string> SubmitSenseless() {
  const Cluster cluster = Cluster::Current();
  std::vector<std::string> told;
  for (const Senseless& senseless : SenselessOptions()) {
    told.emplace_back(cluster.With(senseless.options).Submit<Identity>(1).Get(kPatience).status().message());
  }
  return told;
}

TEST_CASE("Each option of a task that makes no sense is refused at its call, and all else goes on") {
  const Cluster cluster = Embedded();
  const std::vector<Senseless> all = SenselessOptions();
  for (const Senseless& senseless : all) {
    CheckError(cluster.With(senseless.options).Submit<Identity>(1).Get(kPatience).status(), Cause::kInvalidArgument,
               senseless.words);
    CHECK(cluster.Submit<Identity>(7).Get(kPatience).value() == 7);
  }
  const std::vector<std::string> inside = cluster.Submit<SubmitSenseless>().Get(kPatience).value();
  REQUIRE(inside.size() == all.size());
  for (size_t i = 0; i < all.size(); ++i) CHECK_THAT(inside[i], Contains(all[i].words.front()));
}

class Listener {
 public:
  int Hear(int x) { return x; }
};

TEST_CASE("Each option of an actor that makes no sense is refused at its call, and all else goes on") {
  const Cluster cluster = Embedded();
  const ActorHandle<Listener> other = cluster.Create<Listener>();
  for (const Senseless& senseless : SenselessOptions()) {
    for (const Lifetime lifetime : {Lifetime::kHandles, Lifetime::kDetached}) {
      ActorOptions options = AsActor(senseless.options);
      options.name = "listener";
      options.lifetime = lifetime;
      CheckError(cluster.With(options).Create<Listener>().Call<&Listener::Hear>(1).Get(kPatience).status(),
                 Cause::kInvalidArgument, senseless.words);
    }
    CHECK(other.Call<&Listener::Hear>(7).Get(kPatience).value() == 7);
  }
  const auto refused = [&](const ActorOptions& options) {
    return cluster.With(options).Create<Listener>().Call<&Listener::Hear>(1).Get(kPatience).status();
  };
  CheckError(refused({.max_restarts = -5}), Cause::kInvalidArgument, {"max_restarts is -5; it must be at least 0"});
  CheckError(refused({.max_task_retries = -5}), Cause::kInvalidArgument, {"max_task_retries is -5"});
  CheckError(refused({.name = std::string(2000, 'n')}), Cause::kInvalidArgument, {"name", "2000 bytes", "1024"});
  CheckError(refused({.lifetime = static_cast<Lifetime>(9)}), Cause::kInvalidArgument, {"lifetime is 9"});
}

TEST_CASE("A cluster that can't be reached is named, within the timeout") {
  CheckError(Cluster::Connect(0, nullptr, {.address = "127.0.0.1:1"}).status(), Cause::kDisconnected,
             {"no head answers at 127.0.0.1:1"});
  CheckError(Cluster::Connect(0, nullptr, {.address = "nonsense"}).status(), Cause::kInvalidArgument, {"nonsense"});
}

size_t CountAll(const std::vector<int>& numbers) { return numbers.size(); }
size_t CountRefs(const std::vector<ObjectRef<int>>& numbers) { return numbers.size(); }
size_t TotalOf(const std::vector<std::string>& texts) {
  size_t total = 0;
  for (const std::string& text : texts) total += text.size();
  return total;
}
std::vector<std::string> MakeTexts(int count, int bytes) {
  return std::vector<std::string>(static_cast<size_t>(count), std::string(static_cast<size_t>(bytes), 'x'));
}

TEST_CASE("Arguments that are too many or too much for a message are refused with their number") {
  const Cluster cluster = Embedded();
  const ObjectRef<int> one = cluster.Put(1);
  SECTION("a million values of references") {
    const absl::Status status =
        cluster.Submit<CountAll>(std::vector<ObjectRef<int>>(1'000'000, one)).Get(kPatience).status();
    CHECK(CauseOf(status) == Cause::kInvalidArgument);
    CHECK_THAT(std::string(status.message()), Contains("CountAll") && Contains("1000000 values of references"));
  }
  SECTION("a million references") {
    const absl::Status status =
        cluster.Submit<CountRefs>(std::vector<ObjectRef<int>>(1'000'000, one)).Get(kPatience).status();
    CHECK_THAT(std::string(status.message()), Contains("CountRefs") && Contains("1000000 references"));
  }
  SECTION("many values that are each small enough") {
    const ObjectRef<std::string> text = cluster.Put(std::string(90'000, 'x'));
    const std::vector<ObjectRef<std::string>> texts(200, text);
    CHECK_THAT(std::string(cluster.Submit<TotalOf>(texts).Get(kPatience).status().message()), Contains("TotalOf"));
    // Many tasks with fewer are no trouble, though they go together.
    const std::vector<ObjectRef<std::string>> fewer(20, text);
    std::vector<ObjectRef<size_t>> totals;
    for (int i = 0; i < 40; ++i) totals.push_back(cluster.Submit<TotalOf>(fewer));
    for (const auto& total : totals) CHECK(total.Get(kPatience).value() == 1'800'000);
  }
  SECTION("ten thousand values, and many large results, are fine") {
    CHECK(cluster.Submit<CountAll>(std::vector<ObjectRef<int>>(10'000, one)).Get(kPatience).value() == 10'000);
    const auto texts = cluster.With(TaskOptions{.num_returns = 100}).SubmitAll<MakeTexts>(100, 90'000);
    for (const auto& text : texts) CHECK(text.Get(kPatience).value().size() == 90'000);
  }
  SECTION("results that are too much") {
    const auto texts = cluster.With(TaskOptions{.num_returns = 200}).SubmitAll<MakeTexts>(200, 90'000);
    const absl::Status status = texts.front().Get(kPatience).status();
    CHECK_THAT(std::string(status.message()), Contains("MakeTexts") && Contains("200 values"));
  }
}

TEST_CASE("A call through an empty handle says so, of the handle and the method") {
  const Cluster cluster = Embedded();
  const ActorHandle<Listener> none;
  CheckError(none.Call<&Listener::Hear>(1).Get(kPatience).status(), Cause::kInvalidArgument,
             {"call of", "Listener::Hear through an ActorHandle that refers to nothing"});
}

TEST_CASE("An empty reference is an error") {
  CheckError(ObjectRef<int>().Get().status(), Cause::kInvalidArgument, {"refers to nothing"});
}

std::vector<ObjectRef<int>> ManyReferences(size_t count) { return {count, Cluster::Current().Put(1)}; }
int ThrowMegabytes(size_t megabytes) { throw std::runtime_error(std::string(megabytes << 20, 'x')); }
void YieldMany(size_t count, Yield<std::vector<ObjectRef<int>>>& yield) { yield(ManyReferences(count)); }

TEST_CASE("What is too much for one message is an error that says so, and others are served on") {
  const Cluster cluster = Embedded();
  const ObjectRef<int> before = cluster.Submit<WaitForFile>("/dev/null");
  CheckError(cluster.Submit<ManyReferences>(800'000).Get(kPatience).status(), Cause::kInvalidArgument,
             {"ManyReferences", "800000 references"});
  CheckError(cluster.Submit<ThrowMegabytes>(20).Get(kPatience).status(), Cause::kTaskThrew,
             {"xxx... (cut off) (on node local, attempt 1)"});
  auto stream = cluster.Submit<YieldMany>(800'000);
  CheckError(stream.Next(kPatience).status(), Cause::kInvalidArgument, {"YieldMany", "800000 references"});
  CHECK(before.Get(kPatience).ok());
  CHECK(cluster.Submit<ManyReferences>(1000).Get(kPatience).value().size() == 1000);
}

}  // namespace
}  // namespace ioc

// Programs of which many children are wanted: forked if that is right, and never told from those that are started.
#include <absl/strings/str_split.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/env_asio/fixture.h"

namespace ioc {
namespace {

using Catch::Matchers::Contains;
using Environment = std::vector<std::pair<std::string, std::string>>;

// A child of a template and its end.
class Forked {
 public:
  Forked(World& world, ProcessTemplate& processes, const Environment& environment) : world_(world) {
    auto forked = processes.Fork(environment, [this](const ExitStatus& status) { ended = status; });
    REQUIRE(forked.ok());
    child = *std::move(forked);
    connection.emplace(child->TakeConnection());
  }

  const ExitStatus& Await() {
    REQUIRE(world_.Eventually([this] { return ended.has_value(); }));
    return *ended;
  }
  bool AwaitPid() {
    return world_.Eventually([this] { return child->pid() != 0; });
  }
  void LetGo() { REQUIRE(connection->connection->Send({}, Bytes(8), {}, {}).ok()); }

  // What it said of itself, once it has ended.
  std::string Fact(std::string_view name) {
    for (const absl::string_view line : absl::StrSplit(Await().stderr_tail, '\n')) {
      const std::pair<std::string, std::string> fact = absl::StrSplit(line, absl::MaxSplits(' ', 1));
      if (fact.first == name) return fact.second;
    }
    return "";
  }

  std::unique_ptr<Child> child;
  std::optional<Recorder> connection;
  std::optional<ExitStatus> ended;

 private:
  World& world_;
};

std::unique_ptr<ProcessTemplate> Make(World& world, const std::string& behaviour) {
  return world.env().processes().MakeTemplate({.program = FORKING_PROGRAM, .arguments = {behaviour}});
}

bool IsGone(int64_t pid) { return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH; }

bool EventuallyGone(World& world, int64_t pid) {
  return world.Eventually([pid] { return IsGone(pid); });
}

// Where sanitizers have threads of their own nothing is forked, which changes who is whose parent, and nothing else.
bool CanFork() {
#if defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}

TEST_CASE("Children after the first are forked from one process, each with what is its own") {
  World world;
  const auto processes = Make(world, "");
  Forked first(world, *processes, {{"OWN", "a"}, {"CODE", "3"}});
  Forked second(world, *processes, {{"OWN", "b=c"}, {"CODE", "4"}});
  Forked third(world, *processes, {{"OWN", ""}, {"SIGNAL", "15"}});
  CHECK(first.Await().code == 3);
  CHECK(second.Await().code == 4);
  CHECK(third.Await().signal == SIGTERM);
  CHECK(first.Fact("own") == "a");
  CHECK(second.Fact("own") == "b=c");
  CHECK(third.Fact("own").empty());
  for (Forked* child : {&first, &second, &third}) {
    CHECK(child->Fact("pid") == std::to_string(child->child->pid()));
    CHECK(child->Fact("descriptors") == "4");  // the standard ones and the connection
    CHECK(child->Fact("ignores") == "0");
    CHECK(world.Eventually([&] { return child->connection->closed.has_value(); }));
  }
  if (!CanFork()) return;
  CHECK(first.Fact("parent") == second.Fact("parent"));
  CHECK(first.Fact("parent") == third.Fact("parent"));
  CHECK(first.Fact("parent") != std::to_string(::getpid()));
}

TEST_CASE("A program that two processes can't go on with is started anew for each child") {
  World world;
  const std::string behaviour = GENERATE("thread", "file", "memory");
  INFO(behaviour);
  const auto processes = Make(world, behaviour);
  Forked first(world, *processes, {{"CODE", "3"}});
  Forked second(world, *processes, {{"CODE", "4"}, {"OWN", "b"}});
  CHECK(first.Await().code == 3);
  CHECK(second.Await().code == 4);
  Forked third(world, *processes, {{"CODE", "5"}});
  CHECK(third.Await().code == 5);
  CHECK(second.Fact("own") == "b");
  for (Forked* child : {&first, &second, &third}) CHECK(child->Fact("parent") == std::to_string(::getpid()));
}

TEST_CASE("Users can have every child started anew") {
  World world;
  const auto processes =
      world.env().processes().MakeTemplate({.program = FORKING_PROGRAM, .environment = {{"IOCLUSTER_FORK", "0"}}});
  Forked first(world, *processes, {});
  Forked second(world, *processes, {});
  CHECK(first.Fact("parent") == std::to_string(::getpid()));
  CHECK(second.Fact("parent") == std::to_string(::getpid()));
}

TEST_CASE("What a program has buffered before is written once, and its own care for its children is theirs only") {
  World world;
  const auto buffering = Make(world, "buffers");
  Forked first(world, *buffering, {});
  Forked second(world, *buffering, {});
  CHECK_THAT(first.Await().stderr_tail, Contains("said before"));
  if (CanFork()) CHECK_THAT(second.Await().stderr_tail, !Contains("said before"));

  const auto ignoring = Make(world, "ignores");
  Forked third(world, *ignoring, {{"CODE", "3"}});
  Forked fourth(world, *ignoring, {{"CODE", "4"}});
  CHECK(third.Await().code == 3);
  CHECK(fourth.Await().code == 4);
  CHECK(fourth.Fact("ignores") == "1");
}

TEST_CASE("A program that takes long is not waited for, and the others are started") {
  World world;
  const auto processes = Make(world, "late");
  Forked first(world, *processes, {});
  Forked second(world, *processes, {});
  REQUIRE(second.AwaitPid());
  CHECK(first.child->pid() != second.child->pid());
  second.LetGo();
  CHECK(second.Fact("parent") == std::to_string(::getpid()));
  first.LetGo();
  CHECK(first.Await().code == 0);
}

TEST_CASE("A program that ends too early ends each of its children, with its last words") {
  World world;
  const auto processes = Make(world, "fails");
  Forked first(world, *processes, {});
  Forked second(world, *processes, {});
  for (Forked* child : {&first, &second}) {
    CHECK(child->Await().code == 5);
    CHECK(child->Await().stderr_tail == "no licence\n");
  }
}

TEST_CASE("A first child that could not be forked is told so, and nobody waits for the end of a process that lingers") {
  World world;
  const auto processes = Make(world, "can't fork");
  Forked first(world, *processes, {});
  const int64_t pid = first.child->pid();
  const absl::Status why = first.Await().not_started;
  CHECK(why.code() == absl::StatusCode::kResourceExhausted);
  CHECK(CauseOf(why) == Cause::kNone);  // the program is not to blame
  CHECK_THAT(std::string(why.message()), Contains("can't fork") && Contains("temporarily unavailable") &&
                                             Contains("ulimit -u") && Contains("pids.max"));
  int turns = 0;
  for (; !IsGone(pid) && turns < 30'000; ++turns) world.Turn();
  CHECK(turns > 10);  // it is given a second
  CHECK(IsGone(pid));
}

TEST_CASE("A program that is not there is named at once") {
  World world;
  const auto processes = world.env().processes().MakeTemplate({.program = "/no/such/program"});
  const auto child = processes->Fork({}, [](const ExitStatus&) {});
  CHECK(CauseOf(child.status()) == Cause::kProgramMissing);
  CHECK_THAT(std::string(child.status().message()), Contains("/no/such/program") && Contains("no such file"));
}

TEST_CASE("Forked children are killed, by command or because they are not wanted any more") {
  World world;
  const auto processes = Make(world, "");
  Forked first(world, *processes, {{"WAIT", "1"}});
  Forked second(world, *processes, {{"WAIT", "1"}});
  auto unwanted = std::make_unique<Forked>(world, *processes, Environment{{"WAIT", "1"}});
  REQUIRE((first.AwaitPid() && second.AwaitPid() && unwanted->AwaitPid()));
  const int64_t pid = unwanted->child->pid();
  unwanted = nullptr;
  CHECK(EventuallyGone(world, pid));
  first.child->Kill();
  second.child->Kill();
  CHECK(first.Await().signal == SIGKILL);
  CHECK(second.Await().signal == SIGKILL);
  // One that is not there yet, whatever it would have become.
  Forked third(world, *processes, {{"WAIT", "1"}});
  third.child->Kill();
  CHECK(third.Await().signal == SIGKILL);
  Forked fourth(world, *processes, {{"CODE", "4"}});
  CHECK(fourth.Await().code == 4);
}

TEST_CASE("Children outlive their template, and others are forked from a new one") {
  World world;
  const auto processes = Make(world, "");
  Forked first(world, *processes, {{"WAIT", "1"}, {"CODE", "3"}});
  Forked second(world, *processes, {});
  const std::string parent = second.Fact("parent");
  if (!CanFork()) return;
  ::kill(std::stoi(parent), SIGKILL);
  REQUIRE(EventuallyGone(world, std::stoi(parent)));
  first.LetGo();
  CHECK(first.Await().code == -1);  // whoever knew is gone
  CHECK_THAT(first.Await().stderr_tail, Contains("pid "));
  Forked third(world, *processes, {{"CODE", "7"}});
  Forked fourth(world, *processes, {{"CODE", "8"}});
  CHECK(third.Await().code == 7);
  CHECK(fourth.Await().code == 8);
  CHECK(fourth.Fact("parent") == third.Fact("parent"));
}

TEST_CASE("The template ends with the last of its children, and with its parent's interest") {
  World world;
  auto processes = Make(world, "");
  auto first = std::make_unique<Forked>(world, *processes, Environment{{"WAIT", "1"}});
  Forked second(world, *processes, {});
  const int64_t parent = std::stoi(second.Fact("parent"));
  second.child = nullptr;
  processes = nullptr;
  CHECK_FALSE(IsGone(first->child->pid()));
  first->LetGo();
  CHECK(first->Await().code == 0);
  first = nullptr;
  if (CanFork()) CHECK(EventuallyGone(world, parent));
}

}  // namespace
}  // namespace ioc

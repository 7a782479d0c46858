// Shared memory, child processes, files, and what is found out about the machine.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "lib/env_asio/fd.h"
#include "lib/env_asio/memfd_memory.h"
#include "tests/unit/env_asio/fixture.h"

namespace ioc {
namespace {

using Catch::Matchers::Contains;

uint64_t PagesInUse(const MemfdMemory& memory) {
  struct stat info;
  REQUIRE(fstat(memory.fd(), &info) == 0);
  return static_cast<uint64_t>(info.st_blocks) * 512 / 4096;
}

TEST_CASE("Two mappings of shared memory see the same bytes, and it is sparse") {
  auto one = *MemfdMemory::Create("test", size_t{1} << 30);
  auto two = *MemfdMemory::Map(UniqueFd(dup(one->fd())));
  CHECK(two->size() == size_t{1} << 30);
  CHECK(PagesInUse(*one) == 0);
  REQUIRE(one->Commit(1 << 20, 1 << 20).ok());
  CHECK(PagesInUse(*one) == 256);
  one->Populate(1 << 20, 1 << 20);
  one->data()[(1 << 20) + 17] = std::byte{42};
  CHECK(two->data()[(1 << 20) + 17] == std::byte{42});
  // Only whole pages are given back.
  one->Decommit((1 << 20) + 1, (1 << 20) - 1);
  CHECK(PagesInUse(*one) == 1);
  CHECK(two->data()[(1 << 20) + 17] == std::byte{42});
  one->Decommit(0, size_t{1} << 30);
  CHECK(PagesInUse(*one) == 0);
  CHECK(two->data()[(1 << 20) + 17] == std::byte{0});
}

TEST_CASE("What is no shared memory is not mapped") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  UniqueFd other(ends[1]);
  CHECK_FALSE(MemfdMemory::Map(UniqueFd(ends[0])).ok());
  CHECK_FALSE(MemfdMemory::Create("empty", 0).ok());
}

class Shell {
 public:
  Shell(World& world, const std::string& script, SpawnOptions options = {.program = "/bin/sh"}) : world_(world) {
    options.arguments = {"-c", script};
    auto spawned = world.env().processes().Spawn(options, [this](const ExitStatus& status) { ended = status; });
    REQUIRE(spawned.ok());
    child = *std::move(spawned);
  }
  const ExitStatus& Await() {
    REQUIRE(world_.Eventually([this] { return ended.has_value(); }));
    return *ended;
  }

  std::unique_ptr<Child> child;
  std::optional<ExitStatus> ended;

 private:
  World& world_;
};

TEST_CASE("A child's end is told: its code, or the signal") {
  World world;
  Shell exits(world, "exit 41");
  Shell dies(world, "kill -TERM $$");
  Shell hangs(world, "read line; exec sleep 100");
  CHECK(hangs.child->pid() > 0);
  hangs.child->Kill();
  CHECK(exits.Await().code == 41);
  CHECK(Describe(exits.Await()) == "exited with code 41");
  CHECK(dies.Await().signal == 15);
  CHECK(hangs.Await().signal == 9);
  CHECK_THAT(Describe(hangs.Await()), Contains("killed by signal 9"));
}

TEST_CASE("The last of a child's standard error is kept") {
  World world;
  Shell shell(world,
              "i=0; while [ $i -lt 600 ]; do echo \"a line of text\" >&2; i=$((i+1)); done; echo last words >&2");
  CHECK(shell.Await().stderr_tail.size() == kStderrTailBytes);
  CHECK_THAT(shell.Await().stderr_tail, Catch::Matchers::EndsWith("last words\n"));
}

TEST_CASE("A grandchild that keeps standard error open delays nothing") {
  World world;
  Shell shell(world, "echo said >&2; sleep 20 & exit 3");
  CHECK(shell.Await().code == 3);
  CHECK(shell.Await().stderr_tail == "said\n");
}

TEST_CASE("A child has its environment, directory, an empty input and nothing else of ours") {
  World world;
  const UniqueFd leaks(dup(2));
  setenv("IOCLUSTER_TEST_INHERITED", "kept", 1);
  Shell shell(world,
              "cat; echo $IOCLUSTER_TEST_INHERITED $OWN $(pwd) $IOCLUSTER_WORKER_FD >&2; exec ls /proc/self/fd >&2",
              {.program = "/bin/sh", .environment = {{"OWN", "mine"}}, .directory = "/proc"});
  // 3 is the connection, and 4 the directory that ls reads.
  CHECK(shell.Await().stderr_tail == "kept mine /proc 3\n0\n1\n2\n3\n4\n");
}

TEST_CASE("A child and its parent are connected") {
  World world;
  Shell shell(world, "exec cat <&3 >&3");
  Recorder echo(shell.child->TakeConnection());
  CHECK(echo.connection->peer().same_machine);
  CHECK(echo.connection->Send({.call = 8}, Bytes(80), {}, {}).ok());
  REQUIRE(world.Eventually([&] { return echo.frames.size() == 1; }));
  CHECK(echo.frames[0].header.call == 8);
  shell.child->Kill();
  REQUIRE(world.Eventually([&] { return echo.closed.has_value(); }));
  CHECK(shell.child->TakeConnection() == nullptr);
}

TEST_CASE("Destroying a child kills it, and nobody is called") {
  World world;
  bool called = false;
  int64_t pid = 0;
  {
    auto child = world.env().processes().Spawn({.program = "/bin/sleep", .arguments = {"100"}},
                                               [&](const ExitStatus&) { called = true; });
    REQUIRE(child.ok());
    pid = (*child)->pid();
  }
  CHECK_FALSE(std::filesystem::exists(absl::StrCat("/proc/", pid)));
  world.Turn();
  CHECK_FALSE(called);
}

TEST_CASE("The end of a process is seen that somebody else has started") {
  World world;
  Shell shell(world, "sleep 100 >&- 2>&- & echo $! >&2");
  const pid_t pid = std::stoi(shell.Await().stderr_tail);
  int ends = 0;
  int unwanted = 0;
  const auto watch = world.env().processes().Watch(pid, [&] { ++ends; });
  auto dropped = world.env().processes().Watch(pid, [&] { ++unwanted; });
  const auto own = world.env().processes().Watch(world.env().host().pid, [&] { ++unwanted; });
  REQUIRE((watch != nullptr && own != nullptr));
  world.Turn();
  CHECK(ends == 0);
  dropped = nullptr;
  REQUIRE(::kill(pid, SIGKILL) == 0);
  CHECK(world.Eventually([&] { return ends == 1; }));
  // One that has ended, and one that can't be known.
  const auto late = world.env().processes().Watch(shell.child->pid(), [&] { ++ends; });
  CHECK(world.Eventually([&] { return ends == 2; }));
  CHECK(world.env().processes().Watch(0, [&] { ++unwanted; }) == nullptr);
  world.Turn();
  CHECK(unwanted == 0);
}

TEST_CASE("A program that can't be started for want of descriptors is not to blame") {
  World world;
  rlimit limit = {};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto child = world.env().processes().Spawn({.program = "/bin/sleep"}, [](const ExitStatus&) {});
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(child.status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(CauseOf(child.status()) == Cause::kNone);
}

TEST_CASE("Programs that can't run are named, and why") {
  World world;
  const auto spawn = [&](const std::string& program) {
    auto child = world.env().processes().Spawn({.program = program}, [](const ExitStatus&) {});
    CHECK(CauseOf(child.status()) == Cause::kProgramMissing);
    return std::string(child.status().message());
  };
  const std::string directory =
      absl::StrCat(std::filesystem::temp_directory_path().string(), "/ioc-", world.env().Random());
  std::filesystem::create_directory(directory);
  const auto write = [&](const std::string& name, const std::string& bytes, bool executable) {
    std::ofstream(directory + "/" + name) << bytes;
    if (executable) std::filesystem::permissions(directory + "/" + name, std::filesystem::perms::owner_all);
    return directory + "/" + name;
  };
  CHECK_THAT(spawn("/no/such/program"), Contains("/no/such/program") && Contains("no such file"));
  CHECK_THAT(spawn("/proc"), Contains("it is no file"));
  CHECK_THAT(spawn(write("plain", "#!/bin/sh", false)), Contains("not executable"));
  CHECK_THAT(spawn(write("text", "hello", true)), Contains("neither a program nor a script"));
  std::string foreign(64, '\0');
  foreign.replace(0, 5, "\177ELF\2");
  foreign[18] = 22;  // IBM S/390
  CHECK_THAT(spawn(write("foreign", foreign, true)), Contains("built for another machine (ELF type 22)"));
  std::filesystem::remove_all(directory);
}

void Write(Files& files, const std::string& path, size_t bytes) {
  auto writer = files.Create(path);
  REQUIRE(writer.ok());
  REQUIRE((*writer)->Append(Bytes(bytes)).ok());
  REQUIRE((*writer)->Commit(false).ok());
}

TEST_CASE("Files are listed with their last use, and one that is in use, or was since, is not removed") {
  World world;
  World other;  // as another process of the machine
  Files& files = world.env().files();
  const std::string directory =
      absl::StrCat(std::filesystem::temp_directory_path().string(), "/ioc-", world.env().Random());
  CHECK(files.List(directory).empty());
  Write(files, directory + "/b", 50);
  Write(files, directory + "/a/deep", 100);
  const std::vector<FileEntry> listed = files.List(directory);
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].path == directory + "/a/deep");
  CHECK(listed[0].bytes == 100);
  CHECK(listed[1].path == directory + "/b");

  auto use = files.Use(listed[0].path);
  auto beside = other.env().files().Use(listed[0].path);
  REQUIRE((use.ok() && beside.ok()));
  use->reset();
  FileEntry now = files.List(directory)[0];
  CHECK(now.used > listed[0].used);
  CHECK_FALSE(files.RemoveUnused(now));
  beside->reset();
  CHECK_FALSE(files.RemoveUnused(now));  // that was a use
  now = files.List(directory)[0];
  CHECK(files.RemoveUnused(now));
  CHECK_FALSE(files.RemoveUnused(now));
  CHECK_FALSE(files.Use(now.path).ok());
  CHECK_FALSE(files.Exists(directory + "/a"));  // nothing else was in it
  CHECK(files.List(directory).size() == 1);
  std::filesystem::remove_all(directory);
}

TEST_CASE("A file appears whole or not at all") {
  World world;
  Files& files = world.env().files();
  const std::string directory =
      absl::StrCat(std::filesystem::temp_directory_path().string(), "/ioc-", world.env().Random());
  const std::string path = directory + "/deep/program";
  {
    auto abandoned = files.Create(path);
    REQUIRE(abandoned.ok());
    CHECK((*abandoned)->Append(Bytes(100)).ok());
    // Where the file system has files without a name, nothing is left of this one if the process is killed now.
    const UniqueFd nameless(::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
    if (nameless) CHECK(std::filesystem::is_empty(directory + "/deep"));
  }
  CHECK(std::filesystem::is_empty(directory + "/deep"));
  {
    auto writer = files.Create(path);
    REQUIRE(writer.ok());
    CHECK((*writer)->Append(Bytes(100)).ok());
    CHECK((*writer)->Append(Bytes(50)).ok());
    CHECK_FALSE(files.Exists(path));
    CHECK((*writer)->Commit(true).ok());
  }
  CHECK(files.Exists(path));
  CHECK(access(path.c_str(), X_OK) == 0);
  auto reader = files.Open(path);
  REQUIRE(reader.ok());
  CHECK((*reader)->size() == 150);
  CHECK((*reader)->Read(90, 20)->size() == 20);
  CHECK((*reader)->Read(140, 20)->size() == 10);
  CHECK((*reader)->Read(200, 20)->empty());
  {
    auto writer = files.Create(path);
    REQUIRE(writer.ok());
    CHECK((*writer)->Append(Bytes(8)).ok());
    CHECK((*writer)->Commit(false).ok());
  }
  CHECK((*files.Open(path))->size() == 8);
  CHECK(access(path.c_str(), X_OK) != 0);
  CHECK(std::distance(std::filesystem::directory_iterator(directory + "/deep"), {}) == 1);
  CHECK_THAT(std::string(files.Open(directory).status().message()), Contains(directory) && Contains("directory"));
  CHECK(files.Remove(path).ok());
  CHECK(files.Remove(path).ok());
  CHECK_THAT(std::string(files.Open(path).status().message()), Contains(path));
  std::filesystem::remove_all(directory);
}

TEST_CASE("The machine is known, and the same to every Env on it") {
  World one, two;
  const HostInfo& host = one.env().host();
  CHECK(host.machine == two.env().host().machine);
  CHECK(host.machine != 0);
  CHECK_FALSE(host.hostname.empty());
  CHECK(host.cpus >= 1);
  CHECK(host.memory_bytes > (uint64_t{64} << 20));
  CHECK(host.os == "linux");
  std::set<uint64_t> numbers;
  for (int i = 0; i < 1000; ++i) numbers.insert(i % 2 == 0 ? one.env().Random() : two.env().Random());
  CHECK(numbers.size() == 1000);
  CHECK(one.env().TakeParent() == nullptr);
}

TEST_CASE("Only what is serious enough is logged") {
  World world;
  world.env().Log(LogLevel::kInfo, "chatter");
  world.env().Log(LogLevel::kError, "trouble");
  CHECK(world.logged() == std::vector<std::string>{"trouble"});
}

}  // namespace
}  // namespace ioc

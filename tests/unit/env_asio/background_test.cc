// Work beside the executor, and the files without names that it reads and writes.
#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/env/work_queue.h"
#include "tests/unit/env_asio/fixture.h"

namespace ioc {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("Work runs in order, on a thread of its own, and its results come to the executor") {
  World world;
  std::vector<int> ran;
  std::vector<int> done;
  std::thread::id worker;
  for (int i = 0; i < 100; ++i) {
    world.env().background().Run(
        0,
        [&, i] {
          worker = std::this_thread::get_id();
          ran.push_back(i);
          return i % 2 == 0 ? absl::OkStatus() : absl::DataLossError("odd");
        },
        [&, i](const absl::Status& status) {
          CHECK(status.ok() == (i % 2 == 0));
          done.push_back(i);
        });
  }
  REQUIRE(world.Eventually([&] { return done.size() == 100; }));
  CHECK(ran == done);
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(worker != std::this_thread::get_id());
}

TEST_CASE("Work that is waited for goes first, and the rest of it still gets on") {
  World world;
  std::vector<std::string> ran;
  std::promise<void> begun;
  std::promise<void> all_given;
  size_t done = 0;
  const auto note = [&](std::string name) {
    return [&ran, name = std::move(name)] {
      ran.push_back(name);
      return absl::OkStatus();
    };
  };
  const auto count = [&](const absl::Status&) { ++done; };
  Background& background = world.env().background();
  background.Run(
      0,
      [&] {
        begun.set_value();
        all_given.get_future().wait();
        return absl::OkStatus();
      },
      count);
  begun.get_future().wait();
  for (int i = 0; i < 2; ++i) background.Run(0, note(absl::StrCat("write ", i)), count);
  for (int i = 0; i < kMaxFirstInARow + 1; ++i) background.RunFirst(0, note(absl::StrCat("read ", i)), count);
  all_given.set_value();
  REQUIRE(world.Eventually([&] { return done == 12; }));
  std::vector<std::string> expected;
  for (int i = 0; i < kMaxFirstInARow; ++i) expected.push_back(absl::StrCat("read ", i));
  expected.insert(expected.end(), {"write 0", absl::StrCat("read ", kMaxFirstInARow), "write 1"});
  CHECK(ran == expected);
}

TEST_CASE("Nothing is left of work when the Env ends, whether it has begun or not") {
  const auto held = std::make_shared<int>(0);
  {
    World world;
    for (int i = 0; i < 1000; ++i) {
      world.env().background().Run(
          0,
          [held] {
            std::this_thread::yield();
            return absl::OkStatus();
          },
          [held](const absl::Status&) {});
    }
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("A scratch file keeps bytes, gives room back, and leaves nothing in its directory") {
  World world;
  std::string directory = std::filesystem::temp_directory_path() / "ioc-scratch-XXXXXX";
  REQUIRE(mkdtemp(directory.data()) != nullptr);
  const std::shared_ptr<ScratchFile> file = world.env().files().CreateScratch(directory).value();
  CHECK(std::filesystem::is_empty(directory));
  const std::vector<std::byte> bytes = Bytes(100'000);
  const uint64_t far = uint64_t{1} << 33;  // sparse
  REQUIRE(file->Write(far, bytes).ok());
  std::vector<std::byte> back(bytes.size());
  REQUIRE(file->Read(far, back).ok());
  CHECK(back == bytes);
  file->Discard(far, 4096);
  REQUIRE(file->Read(far + 4096, std::span(back).subspan(4096)).ok());
  CHECK(back == bytes);
  const absl::Status beyond = file->Read(far + bytes.size() - 1, back);
  CHECK(CauseOf(beyond) == Cause::kInternal);
  CHECK_THAT(std::string(beyond.message()), Contains(directory));
  CHECK(world.env().files().FreeBytes(directory).value() > 0);
  std::filesystem::remove(directory);  // fails if anything is in it
  const absl::Status missing = world.env().files().CreateScratch(directory).status();
  CHECK_THAT(std::string(missing.message()), Contains(directory) && Contains("No such file"));
  CHECK_FALSE(world.env().files().FreeBytes(directory).ok());
}

}  // namespace
}  // namespace ioc

// Work beside the executor, and the files without names that it reads and writes.
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

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

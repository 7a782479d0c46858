// More objects than the store holds: on disk and back, with every byte right; what is in the way, and what is left.
#include <absl/time/time.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

using Catch::Contains;
using Numbers = Array<uint64_t>;

constexpr size_t kNumbersOfMiB = kMiB / sizeof(uint64_t);
constexpr size_t kLarge = 4 * kNumbersOfMiB;
constexpr size_t kSmall = 150 * kKiB / sizeof(uint64_t);

uint64_t NumberAt(uint64_t id, uint64_t place) { return (id * 1'000'003 + place) * 0x9e3779b97f4a7c15; }

Numbers MakeNumbersOf(uint64_t id, size_t count) {
  Numbers numbers = Cluster::Current().NewArray<uint64_t>({count}).value();
  for (size_t i = 0; i < count; ++i) numbers[i] = NumberAt(id, i);
  return numbers;
}

bool AreNumbersOf(uint64_t id, const Numbers& numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != NumberAt(id, i)) return false;
  }
  return !numbers.empty();
}

size_t SizeOf(const std::string& text) { return text.size(); }

// A directory of its own, in which nothing is seen at any time.
class SpillDirectory {
 public:
  SpillDirectory() : path_(std::filesystem::temp_directory_path() / "iocluster-spill-XXXXXX") {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~SpillDirectory() {
    CHECK(is_empty());
    std::filesystem::remove(path_);
  }
  bool is_empty() const { return std::filesystem::is_empty(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

ConnectOptions Small(const SpillDirectory& directory) {
  return {.object_store_memory = 32 * kMiB, .spill_directory = directory.path()};
}

TEST_CASE("Six times the store's size is put and made by tasks, kept, and read back right") {
  const SpillDirectory directory;
  const Cluster cluster = Embedded(Small(directory));
  std::vector<std::pair<uint64_t, ObjectRef<Numbers>>> all;
  for (uint64_t id = 0; id < 44; ++id) {
    const size_t count = id % 11 == 10 ? kSmall : kLarge;
    if (id % 2 == 0) {
      all.emplace_back(id, cluster.Put(MakeNumbersOf(id, count)));
    } else {
      all.emplace_back(id, cluster.Submit<MakeNumbersOf>(id, count));
    }
  }
  for (uint64_t id = 100; id < 200; ++id) all.emplace_back(id, cluster.Submit<MakeNumbersOf>(id, kSmall));
  std::vector<ObjectRef<bool>> right;
  for (const auto& [id, ref] : all) right.push_back(cluster.Submit<AreNumbersOf>(id, ref));
  for (const auto& [id, ref] : all) {
    INFO("object " << id);
    const absl::StatusOr<Numbers> numbers = ref.Get(kPatience);
    INFO(numbers.status());
    REQUIRE(numbers.ok());
    CHECK(AreNumbersOf(id, *numbers));
  }
  for (const ObjectRef<bool>& one : right) CHECK(one.Get(kPatience).value());
  CHECK(WaitUntil([&] { return !Contains("\"spilled_bytes\":0,").match(cluster.NodesJson().value()); }));
  CHECK(directory.is_empty());
}

TEST_CASE("A pipeline over four times the store's size keeps a window of it") {
  const SpillDirectory directory;
  const Cluster cluster = Embedded(Small(directory));
  std::deque<std::pair<uint64_t, ObjectRef<Numbers>>> window;
  for (uint64_t id = 0; id < 32; ++id) {
    window.emplace_back(id, cluster.Submit<MakeNumbersOf>(id, kLarge));
    if (window.size() < 12) continue;
    CHECK(cluster.Submit<AreNumbersOf>(window.front().first, window.front().second).Get(kPatience).value());
    window.pop_front();
  }
  for (const auto& [id, ref] : window) CHECK(AreNumbersOf(id, ref.Get(kPatience).value()));
}

TEST_CASE("Large arguments that wait for a worker are spilled like other objects") {
  const SpillDirectory directory;
  const Cluster cluster = Embedded(Small(directory));
  std::vector<ObjectRef<size_t>> sizes;
  for (size_t i = 0; i < 16; ++i) {
    sizes.push_back(cluster.Submit<SizeOf>(std::string(5 * kMiB + i, static_cast<char>('a' + i))));
  }
  for (size_t i = 0; i < sizes.size(); ++i) CHECK(sizes[i].Get(kPatience).value() == 5 * kMiB + i);
}

TEST_CASE("A store whose every object is read makes a writer wait, and then says who reads them") {
  const SpillDirectory directory;
  const Cluster cluster = Embedded(Small(directory));
  std::vector<Numbers> views;
  for (uint64_t id = 0; id < 7; ++id) views.push_back(cluster.Put(MakeNumbersOf(id, kLarge)).Get(kPatience).value());
  const absl::Status full = cluster.NewArray<uint64_t>({2 * kLarge}).status();
  CHECK(CauseOf(full) == Cause::kStoreFull);
  CHECK_THAT(std::string(full.message()), Contains("an object of 8 MiB") && Contains("of its 32 MiB are in use") &&
                                              Contains("in use by driver pid") && Contains("7 objects of 28 MiB") &&
                                              Contains("IOCLUSTER_OBJECT_STORE_MEMORY"));
  for (uint64_t id = 0; id < views.size(); ++id) CHECK(AreNumbersOf(id, views[id]));
  views.clear();
  CHECK(cluster.NewArray<uint64_t>({2 * kLarge}).ok());
}

TEST_CASE("Past the disk's limit a writer is told what is used and what to set, and what is there stays right") {
  const SpillDirectory directory;
  ConnectOptions options = Small(directory);
  options.spill_limit = 16 * kMiB;
  const Cluster cluster = Embedded(options);
  std::vector<ObjectRef<Numbers>> refs;
  absl::Status full;
  for (uint64_t id = 0; id < 40 && full.ok(); ++id) {
    absl::StatusOr<Numbers> numbers = cluster.NewArray<uint64_t>({kLarge});
    full = numbers.status();
    if (!full.ok()) break;
    for (size_t i = 0; i < kLarge; ++i) (*numbers)[i] = NumberAt(id, i);
    refs.push_back(cluster.Put(*std::move(numbers)));
  }
  CHECK(CauseOf(full) == Cause::kStoreFull);
  CHECK_THAT(std::string(full.message()), Contains("of the 16 MiB that may be spilled to " + directory.path()) &&
                                              Contains("IOCLUSTER_SPILL_LIMIT") && Contains("--spill-limit"));
  CHECK(refs.size() >= 8);
  for (uint64_t id = 0; id < refs.size(); ++id) CHECK(AreNumbersOf(id, refs[id].Get(kPatience).value()));
}

TEST_CASE("Where nothing may be spilled, a full store says that this is so") {
  const SpillDirectory directory;
  ConnectOptions options = Small(directory);
  options.spill_limit = 0;
  const Cluster cluster = Embedded(options);
  std::vector<ObjectRef<Numbers>> refs;
  for (uint64_t id = 0; id < 6; ++id) refs.push_back(cluster.Put(MakeNumbersOf(id, kLarge)));
  const absl::Status full = cluster.NewArray<uint64_t>({3 * kLarge}).status();
  CHECK(CauseOf(full) == Cause::kStoreFull);
  CHECK_THAT(std::string(full.message()), Contains("IOCLUSTER_SPILL_LIMIT is 0"));
}

}  // namespace
}  // namespace ioc

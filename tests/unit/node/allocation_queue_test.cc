// Grants and waits of memory, in simulated time.
#include "runtime/node/allocation_queue.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iocluster/options.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "tests/sim/sim_env.h"
#include "tests/sim/world.h"

namespace ioc {
namespace {

using Purpose = AllocationQueue::Purpose;

constexpr absl::Duration kTestPatience = absl::Seconds(2);
constexpr HolderId kOne = 1;
constexpr HolderId kTwo = 2;

// Makes room as it is told to.
class FakeRoom final : public RoomMaker {
 public:
  bool FreeNow(uint64_t) override {
    if (free_now.empty()) return false;
    free_now.front()();
    free_now.erase(free_now.begin());
    return true;
  }
  bool FreeSoon(uint64_t bytes) override {
    asked_bytes = bytes;
    return on_its_way;
  }
  std::string WhatIsInTheWay() override { return "; in use by a test"; }

  std::vector<Callback> free_now;
  bool on_its_way = false;
  uint64_t asked_bytes = 0;
};

struct Request {
  std::optional<absl::StatusOr<Extent>> answer;

  bool granted() const { return answer.has_value() && answer->ok(); }
};

class Fixture {
 public:
  explicit Fixture(uint64_t budget, uint64_t machine_bytes = 0)
      : machine_(world_.AddMachine({.shared_memory_limit_bytes = machine_bytes})),
        env_(world_.AddProcess(machine_, "node")),
        memory_(env_.CreateSharedMemory("store", 2 * budget).value()),
        store_(memory_, budget),
        queue_(std::make_unique<AllocationQueue>(env_, store_, room, kTestPatience)) {}

  std::shared_ptr<Request> Ask(HolderId holder, uint64_t length, Purpose purpose = Purpose::kWrite) {
    auto request = std::make_shared<Request>();
    MutexLock lock(env_.executor().mutex());
    queue_->Ask(purpose, holder, length, [request](absl::StatusOr<Extent> extent) {
      REQUIRE_FALSE(request->answer.has_value());
      request->answer = std::move(extent);
    });
    return request;
  }
  void Release(HolderId holder, const Request& request) {
    MutexLock lock(env_.executor().mutex());
    REQUIRE(store_.ReleaseExtent(holder, (*request.answer)->offset).ok());
    queue_->Retry();
  }
  void Drop(HolderId holder) {
    MutexLock lock(env_.executor().mutex());
    queue_->DropHolder(holder);
    store_.DropHolder(holder);
    queue_->Retry();
  }
  void Retry() {
    MutexLock lock(env_.executor().mutex());
    queue_->Retry();
  }
  ObjectStore& store() { return store_; }
  sim::World& world() { return world_; }
  uint64_t committed() const { return machine_.memory->committed_bytes; }

  FakeRoom room;

 private:
  sim::World world_{1};
  sim::SimMachine& machine_;
  sim::SimEnv& env_;
  std::shared_ptr<SharedMemory> memory_;
  ObjectStore store_;
  std::unique_ptr<AllocationQueue> queue_;
};

TEST_CASE("what can never be there is refused at once, also while others wait, and no room is made for it") {
  Fixture f(8 * kMiB);
  REQUIRE(f.Ask(kOne, 8 * kMiB)->granted());
  const auto waiting = f.Ask(kOne, kMiB);
  for (const uint64_t length : {uint64_t{0}, 9 * kMiB}) {
    const auto impossible = f.Ask(kTwo, length);
    REQUIRE(impossible->answer.has_value());
    CHECK_FALSE(impossible->answer->ok());
  }
  CHECK(f.room.asked_bytes == kMiB);
  CHECK_FALSE(waiting->answer.has_value());
}

TEST_CASE("what fits is granted at once; what does not waits, in turn, for what is released") {
  Fixture f(8 * kMiB);
  const auto first = f.Ask(kOne, 6 * kMiB);
  CHECK(first->granted());
  const auto second = f.Ask(kTwo, 6 * kMiB);
  const auto third = f.Ask(kOne, 4 * kMiB);
  f.world().RunFor(kTestPatience / 2);
  CHECK_FALSE(second->answer.has_value());
  CHECK(f.room.asked_bytes == 10 * kMiB);
  f.Release(kOne, *first);
  CHECK(second->granted());
  CHECK_FALSE(third->answer.has_value());
  f.Release(kTwo, *second);
  CHECK(third->granted());
}

TEST_CASE("without any progress it fails after a while, and says what is in the way") {
  Fixture f(8 * kMiB);
  const auto first = f.Ask(kOne, 6 * kMiB);
  const auto second = f.Ask(kTwo, 6 * kMiB);
  f.world().RunFor(kTestPatience - absl::Milliseconds(1));
  CHECK_FALSE(second->answer.has_value());
  f.world().RunFor(kPressureInterval);
  REQUIRE(second->answer.has_value());
  CHECK(CauseOf(second->answer->status()) == Cause::kStoreFull);
  const std::string why(second->answer->status().message());
  CHECK_THAT(why, Catch::Contains("an object of 6 MiB") && Catch::EndsWith("; in use by a test"));
  CHECK(f.Ask(kTwo, 2 * kMiB)->granted());
}

TEST_CASE("while room is on its way it goes on waiting, but not for ever") {
  Fixture f(8 * kMiB);
  const auto first = f.Ask(kOne, 6 * kMiB);
  f.room.on_its_way = true;
  const auto second = f.Ask(kTwo, 6 * kMiB);
  f.world().RunFor(kMaxAllocationWait - absl::Seconds(1));
  CHECK_FALSE(second->answer.has_value());
  f.world().RunFor(absl::Seconds(2));
  CHECK(CauseOf(second->answer->status()) == Cause::kStoreFull);
}

TEST_CASE("what can never fit, or is nothing, is refused at once") {
  Fixture f(8 * kMiB);
  CHECK(CauseOf(f.Ask(kOne, 9 * kMiB)->answer->status()) == Cause::kStoreFull);
  CHECK(CauseOf(f.Ask(kOne, 0)->answer->status()) == Cause::kInvalidArgument);
  CHECK(f.store().stats().leases == 0);
}

TEST_CASE("room that can be had at once is made before anybody waits") {
  Fixture f(8 * kMiB);
  const auto first = f.Ask(kOne, 3 * kMiB);
  const auto second = f.Ask(kOne, 3 * kMiB);
  for (const auto& request : {first, second}) {
    f.room.free_now.push_back([&f, request] { CHECK(f.store().ReleaseExtent(kOne, (*request->answer)->offset).ok()); });
  }
  CHECK(f.Ask(kTwo, 8 * kMiB)->granted());
  CHECK(f.room.free_now.empty());
}

TEST_CASE("readers come before writers") {
  Fixture f(8 * kMiB);
  const auto first = f.Ask(kOne, 8 * kMiB);
  const auto writer = f.Ask(kOne, 5 * kMiB);
  const auto reader = f.Ask(kTwo, 5 * kMiB, Purpose::kRead);
  f.Release(kOne, *first);
  CHECK(reader->granted());
  CHECK_FALSE(writer->answer.has_value());
}

TEST_CASE("a small one overtakes a large one only while nothing is on its way to be freed") {
  Fixture f(8 * kMiB);
  const auto first = f.Ask(kOne, 6 * kMiB);
  f.room.on_its_way = true;
  const auto large = f.Ask(kOne, 7 * kMiB);
  const auto small = f.Ask(kTwo, 1 * kMiB);
  CHECK_FALSE(small->answer.has_value());
  f.room.on_its_way = false;
  f.Retry();
  CHECK(small->granted());
  CHECK_FALSE(large->answer.has_value());
}

TEST_CASE("who is gone waits for nothing, and keeps nobody from being served") {
  Fixture f(8 * kMiB);
  const auto first = f.Ask(kOne, 6 * kMiB);
  const auto gone = f.Ask(kTwo, 6 * kMiB);
  f.Drop(kTwo);
  const auto next = f.Ask(kOne, 2 * kMiB);
  CHECK(next->granted());
  f.world().RunFor(absl::Minutes(1));
  CHECK_FALSE(gone->answer.has_value());
}

TEST_CASE("much memory is touched in the background, and others are served meanwhile") {
  Fixture f(1 * kGiB);
  const auto large = f.Ask(kOne, 512 * kMiB);
  CHECK_FALSE(large->answer.has_value());
  const auto small = f.Ask(kTwo, 1 * kMiB);
  CHECK(small->granted());
  CHECK(f.committed() == 1 * kMiB);
  f.world().RunFor(absl::Milliseconds(300));
  CHECK_FALSE(large->answer.has_value());
  CHECK(f.committed() > 32 * kMiB);
  f.world().RunFor(absl::Seconds(10));
  CHECK(large->granted());
  CHECK(f.committed() == 513 * kMiB);

  // What was touched once is granted at once.
  f.Release(kOne, *large);
  CHECK(f.Ask(kOne, 512 * kMiB)->granted());
}

TEST_CASE("free memory elsewhere is given back in the background before it is taken anew") {
  Fixture f(256 * kMiB);
  const auto left = f.Ask(kOne, 100 * kMiB);
  f.world().RunFor(absl::Seconds(10));
  const auto wall = f.Ask(kOne, 4096);
  const auto right = f.Ask(kOne, 100 * kMiB);
  f.world().RunFor(absl::Seconds(10));
  REQUIRE(right->granted());
  f.Release(kOne, *left);
  f.Release(kOne, *right);
  const auto large = f.Ask(kTwo, 255 * kMiB);
  for (int i = 0; i < 1000 && !large->answer.has_value(); ++i) {
    f.world().RunFor(absl::Milliseconds(10));
    REQUIRE(f.committed() <= 256 * kMiB);
  }
  CHECK(large->granted());
  CHECK(wall->granted());
}

TEST_CASE("who goes while memory is touched leaves none of it behind") {
  Fixture f(256 * kMiB);
  const auto large = f.Ask(kOne, 200 * kMiB);
  f.world().RunFor(absl::Milliseconds(200));
  f.Drop(kOne);
  CHECK(f.store().stats().used == 200 * kMiB);
  f.world().RunFor(absl::Seconds(10));
  CHECK(f.store().stats().used == 0);
  CHECK(f.store().stats().leases == 0);
}

TEST_CASE("a machine that has less memory than its store is an error, and nothing stays taken") {
  Fixture f(256 * kMiB, /*machine_bytes=*/100 * kMiB);
  const auto large = f.Ask(kOne, 200 * kMiB);
  f.world().RunFor(absl::Seconds(10));
  REQUIRE(large->answer.has_value());
  CHECK(CauseOf(large->answer->status()) == Cause::kStoreFull);
  CHECK_THAT(std::string(large->answer->status().message()), Catch::Contains("the machine has no memory"));
  CHECK(f.store().stats().used == 0);
  CHECK(f.committed() == 0);
  CHECK(f.Ask(kOne, 4 * kMiB)->granted());
}

}  // namespace
}  // namespace ioc

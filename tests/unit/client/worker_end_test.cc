#include <catch2/catch.hpp>
#include <vector>

#include "runtime/client/task_dispatcher.h"

namespace ioc {
namespace {

const std::vector<uint64_t> kPushed = {11, 12, 15, 13};  // in the order pushed
const ProcessId kSelf(7);

TEST_CASE("Only the tasks up to the one that had begun may have run", "[worker_end]") {
  CHECK(WorkerEnd{.started_known = true, .started = 11, .caller = kSelf}.Started(kPushed, kSelf) == 1);
  CHECK(WorkerEnd{.started_known = true, .started = 15, .caller = kSelf}.Started(kPushed, kSelf) == 3);
}

TEST_CASE("A worker that began none of them leaves all of them innocent", "[worker_end]") {
  CHECK(WorkerEnd{.started_known = true, .started = 10, .caller = kSelf}.Started(kPushed, kSelf) == 0);
  CHECK(WorkerEnd{.started_known = true}.Started(kPushed, kSelf) == 0);
}

TEST_CASE("Of a worker that nobody can ask about all of them may have run", "[worker_end]") {
  CHECK(WorkerEnd{.started_known = false}.Started(kPushed, kSelf) == kPushed.size());
}

TEST_CASE("What another caller's task was doing tells nothing about ours", "[worker_end]") {
  CHECK(WorkerEnd{.started_known = true, .started = 11, .caller = ProcessId(8)}.Started(kPushed, kSelf) ==
        kPushed.size());
}

TEST_CASE("Of an actor's calls all up to the latest that had begun may have run", "[worker_end]") {
  const WorkerEnd end{.started_known = true, .started = 12, .caller = kSelf};
  CHECK(end.MayHaveBegunCall(11, kSelf));
  CHECK(end.MayHaveBegunCall(12, kSelf));
  CHECK_FALSE(end.MayHaveBegunCall(13, kSelf));
  CHECK(end.MayHaveBegunCall(13, ProcessId(8)));
  CHECK_FALSE(WorkerEnd{.started_known = true}.MayHaveBegunCall(11, kSelf));
  CHECK(WorkerEnd{.started_known = false}.MayHaveBegunCall(11, kSelf));
}

}  // namespace
}  // namespace ioc

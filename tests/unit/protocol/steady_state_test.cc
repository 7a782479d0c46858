// The hot messages allocate nothing once their buffers have grown. The program's operator new counts.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <new>
#include <string>

#include "lib/protocol/codec.h"

namespace {
thread_local size_t allocations = 0;
}  // namespace

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace ioc {
namespace {

const std::string kPayload(200, 'p');

PushTasks MakePush() {
  PushTasks push;
  push.lease = LeaseId(9);
  for (uint64_t i = 1; i <= 100; ++i) {
    TaskSpec& task = push.tasks.emplace_back();
    task.sequence = i;
    task.function = 3;
    task.payload = kPayload;
    task.refs.resize(2);
    for (RefInfo& ref : task.refs) {
      ref = {.id = {ProcessId(4), i},
             .owner = {ProcessId(4), NodeId(5), 6, "unix:a-rather-long-name-of-a-node", "host:4711"}};
    }
  }
  return push;
}

TaskResults MakeResults() {
  TaskResults results;
  for (uint64_t i = 1; i <= 100; ++i) {
    TaskResult& result = results.results.emplace_back();
    result.sequence = i;
    result.run_ns = 1000 * i;
    result.returns.emplace_back().bytes = kPayload;
  }
  return results;
}

template <typename M>
size_t AllocationsOfARoundTrip(const M& message) {
  BodyBuffer body;
  M decoded;
  for (int warm_up = 0; warm_up < 2; ++warm_up) {
    Encode(message, body);
    REQUIRE(Decode(body.bytes(), decoded).ok());
  }
  const size_t before = allocations;
  Encode(message, body);
  const bool decodes = Decode(body.bytes(), decoded).ok();
  const size_t after = allocations;
  REQUIRE(decodes);
  return after - before;
}

TEST_CASE("Tasks and their results travel without an allocation") {
  CHECK(AllocationsOfARoundTrip(MakePush()) == 0);
  CHECK(AllocationsOfARoundTrip(MakeResults()) == 0);
}

}  // namespace
}  // namespace ioc

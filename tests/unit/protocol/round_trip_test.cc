#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/protocol/codec.h"
#include "tests/unit/protocol/sample.h"

namespace ioc {
namespace {

std::string RoundTrip(const AnyMessage& message) {
  BodyBuffer body;
  message.EncodeTo(body);
  const auto decoded = message.New();
  const absl::Status status = decoded->DecodeFrom(body.bytes());
  return status.ok() ? decoded->Printed() : status.ToString();
}

RefInfo RefOf(uint64_t sequence, const std::string& owner_address) {
  return {.id = {ProcessId(7), sequence},
          .owner = {ProcessId(sequence % 3 + 1), NodeId(4), 5, "unix:node-4-of-this-machine", owner_address}};
}

TEST_CASE("Every message comes back with every field") {
  Sampler sampler(1);
  for (const auto& message : AllMessages()) {
    CAPTURE(message->name());
    for (int i = 0; i < 50; ++i) {
      message->FillFrom(sampler);
      REQUIRE(RoundTrip(*message) == message->Printed());
    }
  }
}

TEST_CASE("Every message comes back with its defaults") {
  for (const auto& message : AllMessages()) {
    CAPTURE(message->name());
    CHECK(RoundTrip(*message) == message->Printed());
  }
}

TEST_CASE("Decode overwrites what an earlier message left behind") {
  Sampler sampler(2);
  for (const auto& message : AllMessages()) {
    CAPTURE(message->name());
    BodyBuffer body;
    message->EncodeTo(body);
    const auto decoded = message->New();
    decoded->FillFrom(sampler);
    REQUIRE(decoded->DecodeFrom(body.bytes()).ok());
    CHECK(decoded->Printed() == message->Printed());
  }
}

TEST_CASE("A buffer that is used again leaves nothing of the message before") {
  Sampler sampler(3);
  BodyBuffer used;
  PushTasks large;
  large.tasks.resize(50);
  for (TaskSpec& task : large.tasks) sampler.Fill(task);
  Encode(large, used);
  for (const auto& message : AllMessages()) {
    CAPTURE(message->name());
    message->FillFrom(sampler);
    BodyBuffer fresh;
    // Twice: a large one takes several segments in a buffer that has not grown yet.
    for (BodyBuffer* buffer : {&fresh, &used}) {
      message->EncodeTo(*buffer);
      message->EncodeTo(*buffer);
    }
    CHECK(std::equal(fresh.bytes().begin(), fresh.bytes().end(), used.bytes().begin(), used.bytes().end()));
  }
}

TEST_CASE("A message larger than its buffer is whole, and the next one fits into one segment") {
  const std::string payload(1'000'000, 'x');
  PushTasks push;
  push.tasks.resize(3);
  for (TaskSpec& task : push.tasks) task.payload = payload;
  BodyBuffer body;
  Encode(push, body);
  PushTasks decoded;
  REQUIRE(Decode(body.bytes(), decoded).ok());
  CHECK(Print(decoded) == Print(push));

  push.tasks.resize(1);
  push.tasks[0].payload = std::string_view(payload).substr(0, 100'000);
  Encode(push, body);
  const size_t first = body.bytes().size();
  Encode(push, body);
  CHECK(body.bytes().size() <= first);
  CHECK(body.bytes().size() < 100'000 + 512);
  REQUIRE(Decode(body.bytes(), decoded).ok());
  CHECK(Print(decoded) == Print(push));
}

TEST_CASE("Ten thousand references of a few owners carry each address once") {
  TaskResults results;
  WireValue& value = results.results.emplace_back().returns.emplace_back();
  for (uint64_t i = 0; i < 10'000; ++i) value.refs.push_back(RefOf(i, "node-4.example.com:40000"));
  BodyBuffer body;
  Encode(results, body);
  CHECK(body.bytes().size() < 10'000 * 24 + 1024);
  TaskResults decoded;
  REQUIRE(Decode(body.bytes(), decoded).ok());
  CHECK(decoded.results[0].returns[0].refs == value.refs);
}

TEST_CASE("References of as many owners come back, and owners that differ only in their address stay apart") {
  PushTasks push;
  TaskSpec& task = push.tasks.emplace_back();
  for (uint64_t i = 0; i < 1000; ++i) task.refs.push_back(RefOf(i % 250, "host" + std::to_string(i % 100) + ":1"));
  BodyBuffer body;
  Encode(push, body);
  PushTasks decoded;
  REQUIRE(Decode(body.bytes(), decoded).ok());
  CHECK(decoded.tasks[0].refs == task.refs);
}

TEST_CASE("A placement timeout without end stays so") {
  SetDemand demand;
  demand.spec.placement_timeout = absl::InfiniteDuration();
  BodyBuffer body;
  Encode(demand, body);
  SetDemand decoded;
  REQUIRE(Decode(body.bytes(), decoded).ok());
  CHECK(decoded.spec.placement_timeout == absl::InfiniteDuration());
}

TEST_CASE("An error keeps its code, its cause and its words") {
  BodyBuffer body;
  EncodeStatus(MakeError(Cause::kWorkerDied, "worker 7 was killed by signal 9"), body);
  const absl::Status with_cause = DecodeStatus(body.bytes());
  CHECK(CauseOf(with_cause) == Cause::kWorkerDied);
  CHECK(with_cause.code() == absl::StatusCode::kUnavailable);
  CHECK(with_cause.message() == "worker 7 was killed by signal 9");

  EncodeStatus(absl::AlreadyExistsError("the name is taken"), body);
  CHECK(DecodeStatus(body.bytes()) == absl::AlreadyExistsError("the name is taken"));
}

TEST_CASE("An error is never OK, whatever came") {
  BodyBuffer body;
  EncodeStatus(absl::OkStatus(), body);
  CHECK(CauseOf(DecodeStatus(body.bytes())) == Cause::kInternal);
  CHECK(CauseOf(DecodeStatus({})) == Cause::kInternal);
}

TEST_CASE("A very long error is cut off") {
  BodyBuffer body;
  EncodeStatus(absl::AbortedError(std::string(5'000'000, 'x')), body);
  CHECK(body.bytes().size() < 100'000);
  CHECK(DecodeStatus(body.bytes()).code() == absl::StatusCode::kAborted);
}

TEST_CASE("A release that knows fewer fields reads those it knows, one that knows more reads defaults") {
  BodyBuffer body;
  Encode(AllocateExtent::Reply{.offset = 5, .length = 6}, body);
  DescribeObject::Reply older;
  REQUIRE(Decode(body.bytes(), older).ok());
  CHECK(older.size == 5);

  Encode(AllocateExtent{.length = 5}, body);
  AllocateExtent::Reply newer{.offset = 1, .length = 2};
  REQUIRE(Decode(body.bytes(), newer).ok());
  CHECK(newer.offset == 5);
  CHECK(newer.length == 0);
}

TEST_CASE("Methods have names") {
  CHECK(MethodName(Method::kPushTasks) == "PushTasks");
  CHECK(MethodName(static_cast<Method>(4711)) == "method 4711");
}

}  // namespace
}  // namespace ioc

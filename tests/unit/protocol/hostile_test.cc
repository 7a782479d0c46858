// Bytes that no honest peer sends. Nothing here may crash, hang or take memory out of proportion.
#include <capnp/message.h>
#include <catch2/catch.hpp>

#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "lib/protocol/codec.h"
#include "lib/protocol/head.capnp.h"
#include "lib/protocol/peer.capnp.h"
#include "lib/protocol/wire.h"
#include "tests/unit/protocol/sample.h"

namespace ioc {
namespace {

using Words = std::vector<uint64_t>;

Words WordsOf(const BodyBuffer& body) {
  Words words(body.bytes().size() / sizeof(uint64_t));
  std::memcpy(words.data(), body.bytes().data(), body.bytes().size());
  return words;
}

std::span<const std::byte> BytesOf(const Words& words) { return std::as_bytes(std::span(words)); }

void FlipBits(Words& words, std::mt19937_64& random) {
  for (uint64_t n = random() % 4; n < 4; ++n) words[random() % words.size()] ^= uint64_t{1} << (random() % 64);
}

// Damages a body in one of the ways that find holes: bits, whole words, pointers moved elsewhere, a lost or added end.
void Mutate(Words& words, std::mt19937_64& random) {
  switch (random() % 5) {
    case 0:
      return FlipBits(words, random);
    case 1:
      words[random() % words.size()] = random();
      return;
    case 2:
      words[random() % words.size()] = words[random() % words.size()];
      return;
    case 3:
      return words.resize(random() % words.size());
    case 4:
      words.insert(words.begin() + random() % words.size(), random() % 3);
      return;
  }
}

// A message that decodes from anything must be a sound one.
void DecodeAnything(const Words& words, AnyMessage& message) {
  const absl::Status status = message.DecodeFrom(BytesOf(words));
  if (!status.ok()) {
    REQUIRE(CauseOf(status) == Cause::kInvalidArgument);
    return;
  }
  BodyBuffer again;
  message.EncodeTo(again);
  REQUIRE(message.New()->DecodeFrom(again.bytes()).ok());
}

// Builds a body from a schema directly, to say what Encode never would.
template <typename Wire>
BodyBuffer Build(absl::FunctionRef<void(typename Wire::Builder)> fill) {
  BodyBuffer body;
  BodyBuilder builder(body);
  fill(builder.initRoot<Wire>());
  builder.Finish();
  return body;
}

TEST_CASE("Damaged bodies are refused or decode into sound messages") {
  Sampler sampler(11);
  std::mt19937_64 random(12);
  for (const auto& message : AllMessages()) {
    CAPTURE(message->name());
    const auto decoded = message->New();
    for (int sample = 0; sample < 20; ++sample) {
      message->FillFrom(sampler);
      BodyBuffer body;
      message->EncodeTo(body);
      const Words valid = WordsOf(body);
      for (int i = 0; i < 100; ++i) {
        Words words = valid;
        for (uint64_t n = random() % 3; n < 3 && !words.empty(); ++n) Mutate(words, random);
        DecodeAnything(words, *decoded);
      }
    }
  }
}

TEST_CASE("Every truncation of a body is refused or decodes into a sound message") {
  Sampler sampler(13);
  for (const auto& message : AllMessages()) {
    CAPTURE(message->name());
    message->FillFrom(sampler);
    BodyBuffer body;
    message->EncodeTo(body);
    const Words valid = WordsOf(body);
    for (size_t size = 0; size < valid.size(); ++size) {
      DecodeAnything(Words(valid.begin(), valid.begin() + size), *message->New());
    }
  }
}

TEST_CASE("Random bytes are no message") {
  std::mt19937_64 random(14);
  for (const auto& message : AllMessages()) {
    CAPTURE(message->name());
    for (int i = 0; i < 200; ++i) {
      Words words(random() % 64);
      for (uint64_t& word : words) word = random();
      // Half of them get past the segment table.
      if (!words.empty() && i % 2 == 0) words[0] = static_cast<uint64_t>(words.size() - 1) << 32;
      DecodeAnything(words, *message);
      CHECK_FALSE(DecodeStatus(BytesOf(words)).ok());
    }
  }
}

TEST_CASE("The error of a bad body names the message") {
  SetDemand demand;
  const absl::Status status = Decode({}, demand);
  CHECK(status.message() == "bad SetDemand message: it is empty");
  CHECK(CauseOf(status) == Cause::kInvalidArgument);
}

TEST_CASE("A body that is not aligned or not made of words is refused") {
  BodyBuffer body;
  Encode(Ping{}, body);
  Ping ping;
  Words shifted(body.bytes().size() / 8 + 1);
  std::memcpy(reinterpret_cast<std::byte*>(shifted.data()) + 4, body.bytes().data(), body.bytes().size());
  CHECK_FALSE(Decode(BytesOf(shifted).subspan(4, body.bytes().size()), ping).ok());
  CHECK_FALSE(Decode(body.bytes().first(body.bytes().size() - 1), ping).ok());
}

TEST_CASE("A list that claims half a milliard elements of no size is refused") {
  // Segment table, root struct with one pointer, that pointer to a list of structs, its tag.
  const uint64_t elements = (uint64_t{1} << 29) - 1;
  const Words words = {uint64_t{3} << 32, uint64_t{1} << 48, 1 | uint64_t{7} << 32, elements << 2};
  ListNodes::Reply reply;
  CHECK_FALSE(Decode(BytesOf(words), reply).ok());
}

TEST_CASE("A segment table with millions of entries costs nothing") {
  Words words(1'000'000);
  words[0] = 1'900'000;
  Ping ping;
  CHECK_FALSE(Decode(BytesOf(words), ping).ok());
}

TEST_CASE("One long address for very many references is refused before it is copied to each") {
  const BodyBuffer body = Build<wire::TaskResults>([](wire::TaskResults::Builder out) {
    auto addresses = out.initAddresses();
    addresses.initNodes(1)[0].setLocalAddress(std::string(1'000'000, 'x'));
    addresses.initProcesses(1);
    out.initResults(1)[0].initReturns(1)[0].initRefs(100'000);
  });
  TaskResults results;
  const absl::Status status = Decode(body.bytes(), results);
  CHECK(status.message() == "bad TaskResults message: it stands for more than a message of its size may");
}

TEST_CASE("A reference to an address that is not in the table is refused") {
  const BodyBuffer body = Build<wire::TaskResults>(
      [](wire::TaskResults::Builder out) { out.initResults(1)[0].initReturns(1)[0].initRefs(1)[0].setOwner(3); });
  TaskResults results;
  CHECK(Decode(body.bytes(), results).message() == "bad TaskResults message: it names address 3 of 0");
}

TEST_CASE("Enumerators that this release does not know are refused") {
  const BodyBuffer body = Build<wire::PushTasks>(
      [](wire::PushTasks::Builder out) { out.initTasks(1)[0].setKind(static_cast<wire::TaskKind>(77)); });
  PushTasks push;
  CHECK(Decode(body.bytes(), push).message() ==
        "bad PushTasks message: the kind of task 77 is unknown to this release");
}

TEST_CASE("Amounts below zero or not a number are refused") {
  const BodyBuffer list = Build<wire::ListNodes::Reply>([](wire::ListNodes::Reply::Builder out) {
    out.initNodes(1)[0].initInfo().setUpMbps(std::numeric_limits<double>::quiet_NaN());
  });
  ListNodes::Reply reply;
  CHECK_FALSE(Decode(list.bytes(), reply).ok());
  const BodyBuffer age =
      Build<wire::ListNodes::Reply>([](wire::ListNodes::Reply::Builder out) { out.initNodes(1)[0].setAgeMs(-1); });
  CHECK(Decode(age.bytes(), reply).message() == "bad ListNodes::Reply message: age_ms is -1, below zero");
}

TEST_CASE("Resources that are out of order are refused") {
  const BodyBuffer body = Build<wire::ReportResources>([](wire::ReportResources::Builder out) {
    auto free = out.initFree(2);
    free[0].setName("b");
    free[1].setName("a");
  });
  ReportResources report;
  CHECK_FALSE(Decode(body.bytes(), report).ok());
}

}  // namespace
}  // namespace ioc

#include "bench/floor/echo_codec.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

namespace ioc::bench {
namespace {

std::vector<uint64_t> Messages(size_t count) {
  std::vector<uint64_t> words;
  for (size_t id = 0; id < count; ++id) AppendEcho(EchoMessage{.id = id, .payload = "some bytes"}, words);
  return words;
}

void CheckArrival(size_t bytes_at_a_time) {
  constexpr size_t kCount = 2000;
  const std::vector<uint64_t> words = Messages(kCount);
  std::span<const std::byte> left = std::as_bytes(std::span(words));
  EchoInput input;
  size_t expected = 0;
  while (!left.empty()) {
    const std::span<std::byte> space = input.Space();
    const size_t bytes = std::min({bytes_at_a_time, space.size(), left.size()});
    std::copy_n(left.begin(), bytes, space.begin());
    left = left.subspan(bytes);
    input.Arrived(bytes);
    while (auto message = input.Next()) {
      REQUIRE(message->id == expected++);
      REQUIRE(message->payload == "some bytes");
    }
  }
  REQUIRE(expected == kCount);
}

TEST_CASE("EchoMessagesSurviveAnyDivisionIntoReads") {
  for (size_t bytes : {size_t{1}, size_t{7}, size_t{8}, size_t{1000}, size_t{1} << 20}) CheckArrival(bytes);
}

}  // namespace
}  // namespace ioc::bench

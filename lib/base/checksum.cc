#include "lib/base/checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ioc {
namespace {

// Odd, and of about as many ones as zeros.
constexpr uint64_t kWord = 0x9e3779b97f4a7c15;
constexpr uint64_t kLane = 0xd6e8feb86659fd93;
constexpr size_t kLanes = 4;
constexpr size_t kStripeBytes = kLanes * sizeof(uint64_t);

// Each step is a bijection of the lane for a given word and the other way round, so no single change is lost.
uint64_t Step(uint64_t lane, uint64_t word) { return std::rotl(lane + word * kWord, 31) * kLane; }

uint64_t Finish(uint64_t x) {
  x = (x ^ (x >> 32)) * kLane;
  x = (x ^ (x >> 29)) * kWord;
  return x ^ (x >> 32);
}

}  // namespace

uint64_t Checksum(std::span<const std::byte> bytes) {
  // Independent lanes, so that the processor works on several words at a time.
  uint64_t lanes[kLanes] = {1, 2, 3, 4};
  const auto add_stripe = [&lanes](const std::byte* stripe) {
    for (size_t i = 0; i < kLanes; ++i) {
      uint64_t word = 0;
      std::memcpy(&word, stripe + i * sizeof word, sizeof word);
      lanes[i] = Step(lanes[i], word);
    }
  };
  const size_t whole = bytes.size() / kStripeBytes * kStripeBytes;
  for (size_t at = 0; at < whole; at += kStripeBytes) add_stripe(bytes.data() + at);
  if (whole < bytes.size()) {
    std::byte last[kStripeBytes] = {};
    std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end(), last);
    add_stripe(last);
  }
  uint64_t sum = bytes.size();
  for (const uint64_t lane : lanes) sum = Step(sum, lane);
  return Finish(sum);
}

}  // namespace ioc

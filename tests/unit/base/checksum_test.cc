#include "lib/base/checksum.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

namespace ioc {
namespace {

std::vector<std::byte> RandomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST_CASE("every flipped bit changes the checksum") {
  for (const size_t size : {size_t{1}, size_t{7}, size_t{32}, size_t{100}, size_t{257}}) {
    std::vector<std::byte> bytes = RandomBytes(size, static_cast<uint32_t>(size));
    const uint64_t right = Checksum(bytes);
    CHECK(Checksum(bytes) == right);
    for (size_t bit = 0; bit < size * 8; ++bit) {
      const std::byte mask{static_cast<unsigned char>(1u << (bit % 8))};
      bytes[bit / 8] ^= mask;
      REQUIRE(Checksum(bytes) != right);
      bytes[bit / 8] ^= mask;
    }
  }
}

TEST_CASE("lengths, zeros and swapped words have checksums of their own") {
  std::set<uint64_t> sums;
  for (size_t size = 0; size < 200; ++size) sums.insert(Checksum(std::vector<std::byte>(size)));
  CHECK(sums.size() == 200);

  std::vector<std::byte> bytes = RandomBytes(256, 1);
  const uint64_t right = Checksum(bytes);
  for (size_t a = 0; a < 256; a += 8) {
    for (size_t b = a + 8; b < 256; b += 8) {
      std::swap_ranges(bytes.begin() + a, bytes.begin() + a + 8, bytes.begin() + b);
      REQUIRE(Checksum(bytes) != right);
      std::swap_ranges(bytes.begin() + a, bytes.begin() + a + 8, bytes.begin() + b);
    }
  }
}

}  // namespace
}  // namespace ioc

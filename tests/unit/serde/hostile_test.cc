#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "iocluster/actor.h"
#include "tests/unit/serde/coding.h"

namespace ioc {
namespace {

struct Leaf {
  bool flag = false;
  std::string text;
};
struct Nest {
  std::vector<Nest> nests;
  std::map<std::string, std::optional<Leaf>> leaves;
  std::variant<int, std::string, Leaf> choice;
  std::vector<bool> bits;
  Array<float> array;
  absl::Duration duration;
  absl::StatusOr<int> status_or = 1;
  ObjectRef<int> ref;
};

Nest SomeNest() {
  Nest nest;
  nest.nests.resize(2);
  nest.leaves = {{"a", Leaf{true, "x"}}, {"b", {}}};
  nest.choice = Leaf{false, "text"};
  nest.bits = {true, false};
  nest.array = Array<float>::Copy({2, 2}, std::vector<float>{1, 2, 3, 4}).value();
  return nest;
}

template <typename T>
absl::Status DecodeBytes(std::string bytes) {
  const auto kept = std::make_shared<std::string>(std::move(bytes));
  T value;
  return internal::DecodeInto({.bytes = *kept, .keepalive = kept, .refs = {}, .stored = true}, value);
}

// The fingerprint of T and then these bytes.
template <typename T>
absl::Status DecodeBody(std::string body) {
  constexpr uint32_t kFingerprint = internal::Fingerprint<T>();
  return DecodeBytes<T>(std::string(reinterpret_cast<const char*>(&kFingerprint), 4) + body);
}

}  // namespace

TEST_CASE("DamagedBytesAreAnErrorAndNeverACrash") {
  std::mt19937_64 random(7);
  const std::string good(EncodeWhole(SomeNest()).bytes);
  REQUIRE(DecodeBytes<Nest>(good).ok());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (size_t n = 1 + random() % 4; n > 0; --n)
      bytes[4 + random() % (bytes.size() - 4)] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const absl::Status status = DecodeBytes<Nest>(bytes);
    if (!status.ok()) CHECK(CauseOf(status) == Cause::kTypeMismatch);
  }
}

TEST_CASE("EveryTruncationIsAnError") {
  const std::string good(EncodeWhole(SomeNest()).bytes);
  for (size_t size = 0; size < good.size(); ++size) CHECK_FALSE(DecodeBytes<Nest>(good.substr(0, size)).ok());
  CHECK_FALSE(DecodeBytes<Nest>(good + "x").ok());
}

TEST_CASE("AHugeLengthAllocatesNothing") {
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
  CHECK_FALSE(DecodeBody<std::string>(huge + "abc").ok());
  CHECK_FALSE(DecodeBody<std::vector<double>>(huge).ok());
  CHECK_FALSE(DecodeBody<std::vector<Leaf>>(huge).ok());
  CHECK_FALSE(DecodeBody<std::map<int, int>>(huge).ok());
  CHECK_FALSE(DecodeBody<std::vector<std::monostate>>(huge).ok());
  CHECK_FALSE(DecodeBody<std::string>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").ok());
}

TEST_CASE("NestingHasABottom") {
  // Each level: one nested vector element.
  struct Deep {
    std::vector<Deep> inner;
  };
  const absl::Status status = DecodeBody<Deep>(std::string(100'000, '\x01'));
  CHECK(status.message().find("nested too deep") != std::string::npos);
}

TEST_CASE("ABoolThatIsNeitherIsRefused") {
  CHECK_FALSE(DecodeBody<bool>("\x02").ok());
  CHECK(DecodeBody<bool>("\x01").ok());
}

TEST_CASE("AReferenceThatDidNotComeIsRefused") {
  CHECK_FALSE(DecodeBody<ObjectRef<int>>(std::string(4, '\0')).ok());
  CHECK_FALSE(DecodeBody<ActorHandle<Leaf>>(std::string("\x05\0\0\0", 4)).ok());
  CHECK(DecodeBody<ObjectRef<int>>("\xff\xff\xff\xff").ok());
}

TEST_CASE("AnArraysShapeMustFitItsBytes") {
  const auto shape = [](std::vector<uint64_t> dimensions) {
    const auto count = static_cast<uint32_t>(dimensions.size());
    std::string body(reinterpret_cast<const char*>(&count), 4);
    body.append(reinterpret_cast<const char*>(dimensions.data()), 8 * dimensions.size());
    body.resize((body.size() + 4 + 63) / 64 * 64 - 4);
    return body;
  };
  CHECK(DecodeBody<Array<double>>(shape({2, 2}) + std::string(32, '\0')).ok());
  CHECK_FALSE(DecodeBody<Array<double>>(shape({2, 3}) + std::string(32, '\0')).ok());
  CHECK_FALSE(DecodeBody<Array<double>>(shape({uint64_t{1} << 63, 2})).ok());
  CHECK_FALSE(DecodeBody<Array<double>>(shape({uint64_t{1} << 32, uint64_t{1} << 32, 0})).ok());
  CHECK_FALSE(DecodeBody<Array<double>>(shape(std::vector<uint64_t>(33, 1)) + std::string(8, '\0')).ok());
  CHECK_FALSE(DecodeBody<Array<bool>>(shape({1}) + "\x07").ok());
}

}  // namespace ioc

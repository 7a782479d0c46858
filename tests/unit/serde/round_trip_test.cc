#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <absl/container/node_hash_map.h>
#include <absl/strings/cord.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <complex>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "tests/unit/serde/coding.h"

namespace ioc {

// Private members: travels by a Serde of its own.
class Money {
 public:
  Money() = default;
  explicit Money(int64_t cents) : cents_(cents) {}
  int64_t cents() const { return cents_; }
  bool operator==(const Money&) const = default;

 private:
  int64_t cents_ = 0;
};

template <>
struct Serde<Money> {
  static void Write(Encoder& out, const Money& money) { out.Write(money.cents()); }
  static absl::Status Read(Decoder& in, Money& money) {
    int64_t cents = 0;
    if (!in.Read(cents)) return absl::OutOfRangeError("no cents");
    if (cents < 0) return absl::OutOfRangeError("money is never negative");
    money = Money(cents);
    return absl::OkStatus();
  }
};

namespace {

enum class Colour : uint8_t { kRed = 1, kGreen = 2 };

struct Point {
  float x = 0;
  float y = 0;
  bool operator==(const Point&) const = default;
};

struct Empty {
  bool operator==(const Empty&) const = default;
};

struct Padded {
  char tag = 0;
  int64_t number = 0;
  bool operator==(const Padded&) const = default;
};

struct Everything {
  std::string name;
  std::array<int, 3> triple = {};
  Point point;
  std::vector<Point> points;
  std::optional<Colour> colour;
  std::variant<std::monostate, int, std::string> choice;
  std::map<std::string, std::vector<double>> table;
  Money price;
  Empty empty;
  bool flag = false;
  bool operator==(const Everything&) const = default;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};

struct TwoInts {
  int a = 0;
  int b = 0;
};
struct OtherTwoInts {
  int a = 0;
  int b = 0;
};

template <typename T>
void CheckTrip(const T& value) {
  INFO(internal::TypeName<T>());
  CHECK(RoundTrip(value) == value);
}

}  // namespace

TEST_CASE("NumbersAndEnumsComeBack") {
  CheckTrip(true);
  CheckTrip('x');
  CheckTrip(std::numeric_limits<int64_t>::min());
  CheckTrip(std::numeric_limits<uint64_t>::max());
  CheckTrip(-0.5f);
  CheckTrip(std::numeric_limits<double>::infinity());
  CheckTrip(1.25L);
  CheckTrip(Colour::kGreen);
  CheckTrip(std::byte{7});
  CheckTrip(std::complex<double>(1, -2));
}

TEST_CASE("StringsAndContainersComeBack") {
  CheckTrip(std::string());
  CheckTrip(std::string("zero \0 inside", 13));
  CheckTrip(std::u16string(u"wide"));
  CheckTrip(std::vector<int>{1, 2, 3});
  CheckTrip(std::vector<bool>{true, false, true});
  CheckTrip(std::vector<std::string>{"a", "", "ccc"});
  CheckTrip(std::vector<std::vector<int>>{{1}, {}, {2, 3}});
  CheckTrip(std::deque<int>{1, 2});
  CheckTrip(std::list<std::string>{"x", "y"});
  CheckTrip(std::array<std::string, 2>{"p", "q"});
  CheckTrip(std::array<int, 0>{});
  CheckTrip(std::map<int, std::string>{{1, "one"}, {2, "two"}});
  CheckTrip(std::multimap<int, int>{{1, 1}, {1, 2}});
  CheckTrip(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}});
  CheckTrip(std::set<std::string>{"a", "b"});
  CheckTrip(std::multiset<int>{1, 1, 2});
  CheckTrip(std::unordered_set<int>{3, 4});
}

TEST_CASE("AbseilsTypesComeBack") {
  CheckTrip(absl::flat_hash_map<std::string, int>{{"a", 1}});
  CheckTrip(absl::node_hash_map<int, std::vector<int>>{{1, {2, 3}}});
  CheckTrip(absl::flat_hash_set<int>{1, 2, 3});
  CheckTrip(absl::btree_map<int, int>{{1, 2}});
  CheckTrip(absl::InlinedVector<int, 2>{1, 2, 3});
  CheckTrip(absl::Nanoseconds(-1) / 4 * 3);
  CheckTrip(absl::InfiniteDuration());
  CheckTrip(-absl::InfiniteDuration());
  CheckTrip(absl::UnixEpoch() - absl::Milliseconds(1500));
  CheckTrip(absl::InfinitePast());
  CheckTrip(absl::OkStatus());
  absl::Status status = absl::NotFoundError("nothing there");
  status.SetPayload("where", absl::Cord("here"));
  CheckTrip(status);
  CheckTrip(absl::StatusOr<int>(4));
  CheckTrip(absl::StatusOr<int>(absl::NotFoundError("no")));
}

TEST_CASE("SumsAndProductsComeBack") {
  CheckTrip(std::optional<std::string>());
  CheckTrip(std::optional<std::string>("x"));
  CheckTrip(std::variant<int, std::string>("text"));
  CheckTrip(std::variant<std::monostate, int, std::monostate>(std::in_place_index<2>));
  CheckTrip(std::pair<int, std::string>(1, "x"));
  CheckTrip(std::tuple<int, std::string, bool>(1, "x", true));
  CheckTrip(std::tuple<>());
  CheckTrip(std::chrono::milliseconds(-12));
  CheckTrip(std::chrono::system_clock::time_point(std::chrono::seconds(100)));
}

TEST_CASE("AggregatesComeBack") {
  CheckTrip(Empty());
  CheckTrip(Point{1, 2});
  CheckTrip(Padded{'a', -1});
  CheckTrip(std::vector<Padded>{{'a', 1}, {'b', 2}});
  CheckTrip(std::vector<Empty>(1000));
  CheckTrip(Tree{1, {{2, {}}, {3, {{4, {}}}}}});
  Everything all{"n", {1, 2, 3}, {1, 2}, {{3, 4}}, Colour::kRed, "s", {{"k", {1, 2}}}, Money(5), {}, true};
  CheckTrip(all);
  CheckTrip(std::vector<Everything>{all, {}, all});
}

TEST_CASE("PlainStructsWithoutPaddingAreCopiedAsBlocks") {
  CHECK(internal::kIsBlock<Point>);
  CHECK(internal::kIsBlock<std::array<Point, 2>>);
  CHECK(internal::kIsBlock<std::complex<float>>);
  CHECK_FALSE(internal::kIsBlock<Padded>);
  CHECK_FALSE(internal::kIsBlock<bool>);
  CHECK_FALSE(internal::kIsBlock<Money>);
  CHECK_FALSE(internal::kIsBlock<Tree>);
}

TEST_CASE("ALargeValueIsWrittenWhereItIsStored") {
  std::vector<int> large(100'000);
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<int>(i);
  CHECK(EncodeWhole(large).stored);
  CheckTrip(large);
  CheckTrip(std::vector<std::string>(5000, std::string(100, 'x')));
}

TEST_CASE("ASmallIntTakesEightBytes") { CHECK(EncodeWhole(5).bytes.size() == 8); }

TEST_CASE("RandomValuesComeBack") {
  std::mt19937_64 random(1);
  const auto text = [&] { return std::string(random() % 40, static_cast<char>(random())); };
  for (int i = 0; i < 300; ++i) {
    Everything value;
    value.name = text();
    for (int& n : value.triple) n = static_cast<int>(random());
    value.points.resize(random() % 50);
    for (Point& point : value.points) point.x = static_cast<float>(random() % 1000);
    if (random() % 2 == 0) value.colour = Colour::kGreen;
    if (random() % 2 == 0) value.choice = text();
    for (size_t n = random() % 10; n > 0; --n) value.table[text()].resize(random() % 300);
    value.price = Money(static_cast<int64_t>(random() >> 1));
    CheckTrip(value);
    CheckTrip(std::vector<std::optional<Everything>>{value, {}, value});
  }
}

TEST_CASE("AValueReadAsAnotherTypeIsAMismatchThatNamesTheType") {
  const absl::Status status = internal::DecodeValue<std::vector<std::string>>(EncodeWhole(7)).status();
  CHECK(CauseOf(status) == Cause::kTypeMismatch);
  CHECK(status.message() == "the bytes are not a std::vector<std::string>: they are a value of another type");
  CHECK_FALSE(internal::DecodeValue<OtherTwoInts>(EncodeWhole(TwoInts())).ok());
  CHECK_FALSE(internal::DecodeValue<unsigned>(EncodeWhole(1)).ok());
  CHECK(internal::DecodeValue<long long>(EncodeWhole(long{5})).value() == 5);  // one type by its structure
}

TEST_CASE("WhatAUsersSerdeSaysIsInTheError") {
  const absl::Status status = internal::DecodeValue<Money>(EncodeWhole(Money(-1))).status();
  CHECK(status.message() == "the bytes are not a ioc::Money: money is never negative");
}

TEST_CASE("AValueThatIsNestedTooDeepIsRefusedWhenItIsWritten") {
  Tree tree;
  for (int i = 0; i < 1000; ++i) {
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  const auto encoded = internal::EncodeValue(tree, OnHeap);
  CHECK(CauseOf(encoded.status()) == Cause::kInvalidArgument);
  CHECK(encoded.status().message().find("nested more than 256 levels") != std::string::npos);
}

}  // namespace ioc

// Arguments and results of every kind, there and back between processes.
#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <absl/status/status.h>
#include <absl/time/time.h>
#include <capnp/schema.capnp.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "iocluster/capnp.h"
#include "tests/cluster/embedded_cluster.h"
#include "tests/cluster/wait_until.h"

namespace ioc {
namespace {

enum class Colour : uint8_t { kRed, kGreen };

struct Point {
  double x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};

struct Shape {
  std::string name;
  Colour colour = Colour::kRed;
  std::vector<Point> points;
  std::map<std::string, std::optional<Point>> anchors;
  std::variant<int, std::string, Point> extra;
  std::array<int, 3> sizes = {};
  bool operator==(const Shape&) const = default;
};

// Joins the supported kinds by its own Serde.
class Money {
 public:
  Money() = default;
  explicit Money(int64_t cents) : cents_(cents) {}
  int64_t cents() const { return cents_; }
  bool operator==(const Money&) const = default;

 private:
  int64_t cents_ = 0;
};

}  // namespace

template <>
struct Serde<Money> {
  static void Write(Encoder& out, const Money& money) { out.Write(money.cents()); }
  static bool Read(Decoder& in, Money& money) {
    int64_t cents = 0;
    if (!in.Read(cents)) return false;
    money = Money(cents);
    return true;
  }
};

namespace {

template <typename T>
T Echo(T value) {
  return value;
}

template <typename T>
void CheckComesBack(const Cluster& cluster, const T& value) {
  const absl::StatusOr<T> back = cluster.Submit<Echo<T>>(value).Get(kPatience);
  INFO(back.status());
  REQUIRE(back.ok());
  CHECK(*back == value);
}

int Add(int a, int b) { return a + b; }
int64_t Pid() { return ::getpid(); }
double Half(double x) { return x / 2; }
int Sum(const std::vector<int>& values) { return std::accumulate(values.begin(), values.end(), 0); }
std::tuple<int, std::string> Both(int number) { return {number, std::to_string(number)}; }
void Nothing() {}
absl::Status Fine() { return absl::OkStatus(); }
absl::StatusOr<std::string> Greet(const std::string& name) { return "hello " + name; }

int Fibonacci(int n) {
  if (n < 2) return n;
  const Cluster cluster = Cluster::Current();
  const ObjectRef<int> a = cluster.Submit<Fibonacci>(n - 1);
  return cluster.Submit<Fibonacci>(n - 2).Get().value() + a.Get().value();
}

std::string NameOf(const Capnp<capnp::schema::Node>& node) { return node.Root().getDisplayName(); }

TEST_CASE("Tasks run in other processes") {
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<Add>(1, 2).Get(kPatience).value() == 3);
  CHECK(cluster.Submit<Pid>().Get(kPatience).value() != ::getpid());
}

TEST_CASE("Scalars, strings and times come back as they went") {
  const Cluster cluster = Embedded();
  CheckComesBack(cluster, true);
  CheckComesBack(cluster, 'x');
  CheckComesBack(cluster, std::numeric_limits<int64_t>::min());
  CheckComesBack(cluster, std::numeric_limits<uint64_t>::max());
  CheckComesBack(cluster, -0.1f);
  CheckComesBack(cluster, Colour::kGreen);
  CheckComesBack(cluster, std::complex<double>(1, -2));
  CheckComesBack(cluster, std::string());
  CheckComesBack(cluster, std::string("with a zero \0 inside", 20));
  CheckComesBack(cluster, absl::Milliseconds(1500));
  CheckComesBack(cluster, absl::FromUnixMillis(1234567890123));
  CheckComesBack(cluster, std::chrono::microseconds(7));
  CheckComesBack(cluster, Money(995));
}

TEST_CASE("Containers of the standard library and of Abseil come back as they went") {
  const Cluster cluster = Embedded();
  CheckComesBack(cluster, std::vector<int>{});
  CheckComesBack(cluster, std::vector<bool>{true, false, true});
  CheckComesBack(cluster, std::vector<std::string>{"a", "", "ccc"});
  CheckComesBack(cluster, std::array<double, 2>{1.5, 2.5});
  CheckComesBack(cluster, std::deque<int>{1, 2});
  CheckComesBack(cluster, std::list<std::string>{"x"});
  CheckComesBack(cluster, std::set<int>{3, 1, 2});
  CheckComesBack(cluster, std::map<std::string, std::vector<int>>{{"one", {1}}, {"none", {}}});
  CheckComesBack(cluster, std::unordered_map<int, std::string>{{1, "one"}, {2, "two"}});
  CheckComesBack(cluster, absl::flat_hash_map<std::string, int>{{"a", 1}, {"b", 2}});
  CheckComesBack(cluster, absl::flat_hash_set<int>{1, 2, 3});
  CheckComesBack(cluster, absl::btree_map<int, Point>{{1, {2, 3}}});
  CheckComesBack(cluster, absl::InlinedVector<int, 2>{1, 2, 3});
}

TEST_CASE("Optionals, variants, pairs, tuples and aggregates come back as they went") {
  const Cluster cluster = Embedded();
  CheckComesBack(cluster, std::optional<int>());
  CheckComesBack(cluster, std::optional<std::string>("there"));
  CheckComesBack(cluster, std::variant<int, std::string>("text"));
  CheckComesBack(cluster, std::pair<int, std::string>(1, "one"));
  CheckComesBack(cluster, std::tuple<int, Point, std::vector<int>>(1, {2, 3}, {4}));
  CheckComesBack(cluster, Shape{.name = "triangle",
                                .colour = Colour::kGreen,
                                .points = {{0, 0}, {1, 0}, {0, 1}},
                                .anchors = {{"left", std::nullopt}, {"top", Point{0, 1}}},
                                .extra = Point{5, 6},
                                .sizes = {1, 2, 3}});
}

TEST_CASE("A Cap'n Proto struct is an argument") {
  const Cluster cluster = Embedded();
  capnp::MallocMessageBuilder builder;
  builder.initRoot<capnp::schema::Node>().setDisplayName("a node");
  CHECK(cluster.Submit<NameOf>(Capnp<capnp::schema::Node>(builder)).Get(kPatience).value() == "a node");
}

TEST_CASE("Arguments convert as in a direct call") {
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<Half>(3).Get(kPatience).value() == 1.5);
  CHECK(cluster.Submit<Greet>("you").Get(kPatience).value() == "hello you");
}

TEST_CASE("Functions that return nothing, a status or a tuple") {
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<Nothing>().Get(kPatience).ok());
  CHECK(cluster.Submit<Fine>().Get(kPatience).ok());
  const auto [number, text] = cluster.SubmitAll<Both>(7);
  CHECK(number.Get(kPatience).value() == 7);
  CHECK(text.Get(kPatience).value() == "7");
}

TEST_CASE("A lambda without captures is a task") {
  const Cluster cluster = Embedded();
  CHECK(cluster.Submit<[](int x) { return 10 * x; }>(4).Get(kPatience).value() == 40);
}

TEST_CASE("References stand for values, alone and in vectors, also ones that are still to be made") {
  const Cluster cluster = Embedded();
  const ObjectRef<int> three = cluster.Submit<Add>(1, 2);
  CHECK(cluster.Submit<Add>(three, cluster.Put(40)).Get(kPatience).value() == 43);
  std::vector<ObjectRef<int>> parts;
  for (int i = 0; i < 200; ++i) parts.push_back(cluster.Submit<Add>(i, i));
  CHECK(cluster.Submit<Sum>(parts).Get(kPatience).value() == 199 * 200);
  CHECK(cluster.Get(parts, kPatience).value()[199] == 398);
}

TEST_CASE("Nested tasks that wait for each other don't starve on one CPU") {
  const Cluster cluster = Embedded({.cpus = 1});
  CHECK(cluster.Submit<Fibonacci>(9).Get(kPatience).value() == 34);
}

TEST_CASE("Values of any size travel as arguments, results and puts") {
  const Cluster cluster = Embedded({.object_store_memory = 256 * kMiB});
  for (size_t bytes : {100 * kKiB - 1, 100 * kKiB, 100 * kKiB + 1, 3 * kMiB, 50 * kMiB}) {
    INFO(bytes);
    std::string text(bytes, 'a');
    text.back() = 'z';
    CHECK(cluster.Submit<Echo<std::string>>(text).Get(kPatience).value() == text);
    CHECK(cluster.Submit<Echo<std::string>>(cluster.Put(text)).Get(kPatience).value() == text);
  }
}

}  // namespace
}  // namespace ioc
